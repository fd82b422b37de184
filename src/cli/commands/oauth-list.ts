import { loadConfig } from "../../config/index.ts";
import { grantState } from "../../oauth/index.ts";
import { createMachineWorld } from "../../runner/index.ts";
import { openMemoryStore } from "../../session/index.ts";
import { defineCommand, hasFlag, textOption } from "../command.ts";
import { openAudit } from "../open-audit.ts";
import { openOAuth } from "../open-oauth.ts";

export default defineCommand({
  summary: "List a tenant's OAuth grants, without their tokens",
  arguments: [],
  options: [
    { flags: "--tenant <tenant>", summary: "whose grants (default: the configured tenant)" },
    { flags: "--json", summary: "print JSON" },
    { flags: "--config <file>", summary: "another greentic.toml" },
  ],
  examples: ["gtc oauth list --tenant acme"],
  async run(input, io) {
    const flags = { config: textOption(input, "config"), tenant: textOption(input, "tenant") };
    const config = loadConfig({ cwd: io.cwd, environment: io.environment, flags });
    const world = createMachineWorld();
    await using store = openMemoryStore(world);
    await using audit = await openAudit(config);
    const oauth = openOAuth({ config, environment: io.environment, world, store, audit });
    const grants = (await oauth?.broker.grants.list(config.tenant)) ?? [];
    const rows = grants.map((grant) => ({
      provider: grant.owner.provider,
      owner: `${grant.owner.kind}:${grant.owner.id}`,
      team: grant.owner.team ?? null,
      account: grant.subject ?? null,
      scopes: grant.scopes,
      created_at: new Date(grant.createdAtMs).toISOString(),
      renewed: grant.generation,
      state: grantState(grant),
    }));
    if (hasFlag(input, "json")) io.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    else
      for (const { provider, owner, state, scopes } of rows)
        io.stdout.write(`${provider}  ${owner}  ${state}  ${scopes.join(" ")}\n`);
  },
});
