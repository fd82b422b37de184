import { loadConfig } from "../../config/index.ts";
import type { GrantOwner } from "../../oauth/index.ts";
import { grantAddress, TENANT_SERVICE } from "../../oauth/index.ts";
import { createMachineWorld } from "../../runner/index.ts";
import { openMemoryStore } from "../../session/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import { defineCommand, textOption } from "../command.ts";
import { openAudit } from "../open-audit.ts";
import { openOAuth } from "../open-oauth.ts";
import { OAUTH_OPTIONS, serviceOwner } from "../oauth-owner.ts";

export default defineCommand({
  summary: "End an OAuth grant: at the provider, and here",
  arguments: [{ name: "provider", summary: "a provider of greentic.toml, [oauth.NAME]" }],
  options: [
    ...OAUTH_OPTIONS,
    {
      flags: "--user <channel:user>",
      summary: "a person's grant, as `gtc oauth list` names it, instead of a service's",
    },
  ],
  examples: ["gtc oauth revoke google --tenant acme", "gtc oauth revoke google --user slack:U123"],
  async run(input, io) {
    const flags = { config: textOption(input, "config"), tenant: textOption(input, "tenant") };
    const config = loadConfig({ cwd: io.cwd, environment: io.environment, flags });
    const world = createMachineWorld();
    await using store = openMemoryStore(world);
    const provider = input.args[0] ?? "";
    const service = serviceOwner(input, { config, provider, fallback: TENANT_SERVICE });
    const user = textOption(input, "user");
    const owner: GrantOwner = user === undefined ? service : { ...service, kind: "user", id: user };
    await using audit = await openAudit(config);
    const oauth = openOAuth({ config, environment: io.environment, world, store, audit });
    if ((await oauth?.broker.grants.revoke(owner)) !== true)
      throw new GreenticError("OAUTH_CONSENT_MISSING", `Revoke ${quote(grantAddress(owner))}: there is no such grant`);
    io.stdout.write(`revoked: ${grantAddress(owner)}\n`);
  },
});
