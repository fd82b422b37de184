import { join } from "node:path";
import { OciClient, parseOciReference, pushLayout } from "../../../oci/index.ts";
import { buildImage } from "../../image/build-image.ts";
import type { Deployment, Target, TargetTools, Transition } from "../../target.ts";
import { localImage, renderContainer } from "./render.ts";
import { containerSchema, readContainer } from "./spec.ts";

/** An image, and the files with which podman or compose run it. */
export const container: Target = {
  name: "container",
  schema: containerSchema,
  render: renderContainer,
  apply,
  status,
  needs,
};

/** Where the image of a deployment is on this machine. */
function layoutOf({ machine, name }: Deployment): string {
  return join(machine.dataDir, "deployments", name, "image");
}

async function apply({ deployment }: Transition, { tell, registry, isStored = false }: TargetTools): Promise<void> {
  const built = await buildImage(deployment, { dir: layoutOf(deployment), isStored, tell });
  tell(`image ${built.digest}, ${built.sizeBytes} bytes, in oci:${built.dir}`);
  if (!readContainer(deployment).isPushed || deployment.image === undefined) return;
  const reference = parseOciReference(`oci://${deployment.image}`);
  const digest = await pushLayout(registry?.() ?? new OciClient(), reference, built.dir);
  tell(`pushed as ${reference.registry}/${reference.repository}@${digest}`);
}

async function status(deployment: Deployment, { run }: TargetTools): Promise<readonly string[]> {
  const name = `greentic-${deployment.name}`;
  for (const program of ["podman", "docker"]) {
    const said = await run(program, ["ps", "--all", "--filter", `name=${name}`, "--format", "{{.Names}} {{.Status}}"]);
    if (said?.code === 0) return said.stdout.trim() === "" ? [`${name} isn't there`] : said.stdout.trim().split("\n");
  }
  return [`${name} unknown: neither podman nor docker answers`];
}

function needs(deployment: Deployment): readonly string[] {
  const layout = layoutOf(deployment);
  return [
    `podman pull oci:${layout} && podman tag "$(podman images --quiet | head -1)" ${localImage(deployment)}`,
    ...deployment.secrets.map((key) => `~/.config/greentic/${deployment.name}/secrets/${key} holds that secret`),
  ];
}
