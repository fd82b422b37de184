import { loadConfig } from "../../config/index.ts";
import { formatSecretUri } from "../../secrets/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { secretFile } from "../secret-stores.ts";

export default defineCommand({
  summary: "List the names of secrets",
  options: [
    { flags: "--tenant <tenant>", summary: "only this tenant's" },
    { flags: "--json", summary: "print as JSON" },
  ],
  async run(input, io) {
    const config = loadConfig({ cwd: io.cwd, environment: io.environment });
    const tenant = textOption(input, "tenant");
    const uris = (await secretFile(config).list())
      .filter((uri) => tenant === undefined || uri.tenant === tenant)
      .map(formatSecretUri);
    if (hasFlag(input, "json")) printJson(io, uris);
    else for (const uri of uris) io.stdout.write(`${uri}\n`);
  },
});
