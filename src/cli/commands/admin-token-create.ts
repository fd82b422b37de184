import {
  expiresOption,
  grantTenant,
  recordTokenChange,
  roleOption,
  TOKEN_OPTIONS,
  openTokens,
} from "../admin/token-settings.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { GreenticError, quote } from "../../types/index.ts";

export default defineCommand({
  summary: "Make a token for the admin API",
  options: [
    { flags: "--name <name>", summary: "whose it is, as the audit log names it", required: true },
    { flags: "--role <role>", summary: "viewer, operator, publisher or admin", required: true },
    { flags: "--tenant <tenant>", summary: "over which tenant; '*' for the host and all its tenants", required: true },
    { flags: "--expires <time>", summary: "for how long: 30m, 12h, 90d (default for ever)" },
    ...TOKEN_OPTIONS,
  ],
  examples: [
    "gtc admin token create --name ci --role publisher --tenant acme --expires 90d",
    "gtc admin token create --name ops --role admin --tenant '*' > token",
  ],
  async run(input, io) {
    const name = textOption(input, "name") ?? "";
    if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name))
      throw new GreenticError("CLI_USAGE_INVALID", `Read --name: expected [a-z0-9-], got ${quote(name)}`);
    const tenant = grantTenant(textOption(input, "tenant") ?? "");
    const role = roleOption(input);
    const expiresAtMs = expiresOption(input, io);
    await using opened = await openTokens(input, io);
    const { config, tokens } = opened;
    await recordTokenChange(config, { action: "token.create", target: `${name} ${role}`, tenant });
    const { token, record } = await tokens.create({ name, role, tenant, expiresAtMs });
    const { digest: _digest, ...told } = record;
    if (hasFlag(input, "json")) printJson(io, { ...told, token });
    else {
      io.stderr.write(`made token ${record.id}; it is shown once, so keep it now\n`);
      io.stdout.write(`${token}\n`);
    }
  },
});
