import { loadConfig } from "../../config/index.ts";
import { formatSecretUri } from "../../secrets/index.ts";
import { defineCommand } from "../command.ts";
import { localSecrets } from "../local-secrets.ts";

export default defineCommand({
  summary: "Seal the secrets of a plain secrets.json, and remove it",
  examples: ["gtc secrets seal"],
  async run(_input, io) {
    const config = loadConfig({ cwd: io.cwd, environment: io.environment });
    const secrets = localSecrets(config);
    for (const uri of await secrets.seal()) io.stdout.write(`sealed ${formatSecretUri(uri)}\n`);
    const kept = await secrets.sealed.describe();
    if (kept !== undefined) io.stderr.write(`key ${kept.keyId} is kept in the ${kept.keeper}\n`);
  },
});
