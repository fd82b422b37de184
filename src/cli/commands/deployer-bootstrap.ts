import { join, resolve } from "node:path";
import { loadConfig, readBundle } from "../../config/index.ts";
import type { Config } from "../../config/index.ts";
import { bootstrap, PackShelf, publishPacks } from "../../deployer/index.ts";
import type { BootstrapStep } from "../../deployer/index.ts";
import { GreenticError } from "../../types/index.ts";
import { defineCommand, hasFlag, listOption, printJson, textOption } from "../command.ts";
import type { CommandIo } from "../command.ts";
import { buildApps } from "../deploy/build-apps.ts";
import { expandHome } from "../expand-home.ts";
import { openRegistries } from "../registries.ts";

import { localSecrets } from "../local-secrets.ts";

export default defineCommand({
  summary: "Make the tenant, dev key, secrets file and registrations",
  options: [
    { flags: "--env <env>", summary: "the environment's name", default: "dev-desktop" },
    { flags: "--key <file>", summary: "where the dev key is, or goes", default: "~/.greentic/dev-ed25519.pem" },
    { flags: "--team <team>", summary: "the team to create", default: "default" },
    { flags: "--user <user>", summary: "the operator's name", default: "operator" },
    {
      flags: "--build <dir>",
      summary:
        "build a pack of this source, sign it with the dev key and name it in the bundle; may be given many times",
      repeat: true,
    },
    {
      flags: "--publish <ref>",
      summary: "push the bundle's and the registered packs, and their tools, below oci://host/prefix",
    },
    { flags: "--dir <dir>", summary: "the directory that init wrote (default: here)" },
    { flags: "--json", summary: "print the steps as JSON" },
  ],
  examples: [
    "greentic-deployer bootstrap --env dev-desktop",
    "greentic-deployer bootstrap --env dev --build greeter",
    "greentic-deployer bootstrap --env prod --publish oci://registry.example.com/acme",
  ],
  async run(input, io) {
    const dir = resolve(io.cwd, textOption(input, "dir") ?? ".");
    const config = loadConfig({ cwd: dir, environment: io.environment });
    const keyFile = resolve(dir, expandHome(io, join(String(input.options["key"]))));
    const made = await bootstrap({
      dir,
      env: String(input.options["env"]),
      dataDir: config.dataDir,
      keyFile,
      secrets: localSecrets(config),
      team: String(input.options["team"]),
      user: String(input.options["user"]),
    });
    const prepared = [...made, ...(await buildApps(listOption(input, "build"), { dir, keyFile }))];
    const place = textOption(input, "publish");
    const steps = place === undefined ? prepared : [...prepared, ...(await publish(place, { dir, config, io }))];
    if (hasFlag(input, "json")) printJson(io, steps);
    else
      for (const step of steps)
        io.stdout.write(
          `${step.done ? "ok  " : "todo"}  ${step.what}${step.how === undefined ? "" : `\n      ${step.how}`}\n`,
        );
  },
});

function publish(
  place: string,
  { dir, config, io }: { readonly dir: string; readonly config: Config; readonly io: CommandIo },
): Promise<readonly BootstrapStep[]> {
  if (config.registry.offline) throw new GreenticError("OCI_OFFLINE", "Publish packs: offline");
  return publishPacks({
    bundle: readBundle(dir),
    shelf: new PackShelf(config.dataDir),
    client: openRegistries(config, io).client,
    place,
    nowMs: io.nowMs(),
  });
}
