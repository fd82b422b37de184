import { join, resolve } from "node:path";
import { writeFiles } from "../../deployer/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { DEPLOY_OPTIONS, readDeployment } from "../deploy/named-deployment.ts";

export default defineCommand({
  summary: "Write what a target is given: units, manifests, templates",
  options: [
    ...DEPLOY_OPTIONS,
    { flags: "--out <dir>", summary: "the directory to write, which is theirs alone (default deploy/<target>)" },
  ],
  examples: [
    "greentic-deployer render --target kubernetes --out k8s",
    "greentic-deployer render --target desktop --dir shop",
  ],
  async run(input, io) {
    const { target, deployment } = await readDeployment(input, io);
    const files = await target.render(deployment);
    const out = resolve(io.cwd, textOption(input, "out") ?? join("deploy", target.name));
    await writeFiles(out, files);
    const names = [...files.keys()];
    if (hasFlag(input, "json")) printJson(io, { target: target.name, name: deployment.name, out, files: names });
    else for (const name of names) io.stdout.write(`${join(out, name)}\n`);
  },
});
