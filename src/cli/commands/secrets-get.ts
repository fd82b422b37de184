import { loadConfig } from "../../config/index.ts";
import { formatSecretUri } from "../../secrets/index.ts";
import { GreenticError } from "../../types/index.ts";
import { defineCommand } from "../command.ts";
import { SECRET_OPTIONS, secretUriOf } from "../secret-stores.ts";
import { localSecrets } from "../local-secrets.ts";
import { onRecord } from "../open-audit.ts";

export default defineCommand({
  summary: "Print a secret",
  arguments: [{ name: "name", summary: "the secret's name, or its secrets:// URI" }],
  options: SECRET_OPTIONS,
  async run(input, io) {
    const config = loadConfig({ cwd: io.cwd, environment: io.environment });
    const uri = secretUriOf(input, config);
    const value = await onRecord(
      config,
      { action: "secret.read", target: formatSecretUri(uri), tenant: uri.tenant },
      () => localSecrets(config).read(uri),
    );
    if (value === undefined)
      throw new GreenticError("SECRETS_NOT_FOUND", `Read secret: nothing at ${formatSecretUri(uri)}`);
    io.stdout.write(`${value}\n`);
  },
});
