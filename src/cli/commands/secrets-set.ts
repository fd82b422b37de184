import { text } from "node:stream/consumers";
import { loadConfig } from "../../config/index.ts";
import { formatSecretUri } from "../../secrets/index.ts";
import { GreenticError } from "../../types/index.ts";
import { defineCommand, textOption } from "../command.ts";
import { SECRET_OPTIONS, secretUriOf } from "../secret-stores.ts";
import { localSecrets } from "../local-secrets.ts";
import { onRecord } from "../open-audit.ts";

export default defineCommand({
  summary: "Keep a secret",
  arguments: [{ name: "name", summary: "the secret's name, or its secrets:// URI" }],
  options: [
    ...SECRET_OPTIONS,
    {
      flags: "--value <text>",
      summary: "the value; without it, it is read from standard input, which keeps it out of the shell's history",
    },
  ],
  examples: ["greentic-secrets set telegram_bot_token --category messaging-telegram < token.txt"],
  async run(input, io) {
    const config = loadConfig({ cwd: io.cwd, environment: io.environment });
    const uri = secretUriOf(input, config);
    const value = textOption(input, "value") ?? (await text(io.stdin)).replace(/\r?\n$/, "");
    if (value === "") throw new GreenticError("CLI_USAGE_INVALID", "Set secret: the value is empty");
    await onRecord(config, { action: "secret.write", target: formatSecretUri(uri), tenant: uri.tenant }, () =>
      localSecrets(config).write(uri, value),
    );
    io.stdout.write(`kept ${formatSecretUri(uri)}\n`);
  },
});
