import { join, resolve } from "node:path";
import { loadConfig } from "../../config/index.ts";
import { bootstrap } from "../../deployer/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { expandHome } from "../expand-home.ts";
import { secretFile } from "../secret-stores.ts";

export default defineCommand({
  summary: "Make the tenant, dev key, secrets file and registrations",
  options: [
    { flags: "--env <env>", summary: "the environment's name", default: "dev-desktop" },
    { flags: "--key <file>", summary: "where the dev key is, or goes", default: "~/.greentic/dev-ed25519.pem" },
    { flags: "--team <team>", summary: "the team to create", default: "default" },
    { flags: "--user <user>", summary: "the operator's name", default: "operator" },
    { flags: "--dir <dir>", summary: "the directory that init wrote (default: here)" },
    { flags: "--json", summary: "print the steps as JSON" },
  ],
  examples: ["greentic-deployer bootstrap --env dev-desktop"],
  async run(input, io) {
    const dir = resolve(io.cwd, textOption(input, "dir") ?? ".");
    const config = loadConfig({ cwd: dir, environment: io.environment });
    const steps = await bootstrap({
      dir,
      env: String(input.options["env"]),
      dataDir: config.dataDir,
      keyFile: resolve(dir, expandHome(io, join(String(input.options["key"])))),
      secrets: secretFile(config),
      team: String(input.options["team"]),
      user: String(input.options["user"]),
    });
    if (hasFlag(input, "json")) printJson(io, steps);
    else
      for (const step of steps)
        io.stdout.write(
          `${step.done ? "ok  " : "todo"}  ${step.what}${step.how === undefined ? "" : `\n      ${step.how}`}\n`,
        );
  },
});
