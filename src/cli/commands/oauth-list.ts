import { loadConfig } from "../../config/index.ts";
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
    const rows = grants.map(({ owner, subject, scopes, createdAtMs, generation, broken, confirm }) => ({
      provider: owner.provider,
      owner: `${owner.kind}:${owner.id}`,
      team: owner.team ?? null,
      account: subject ?? null,
      scopes,
      created_at: new Date(createdAtMs).toISOString(),
      renewed: generation,
      state: broken ?? (confirm === undefined ? "connected" : "unconfirmed"),
    }));
    if (hasFlag(input, "json")) io.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    else
      for (const { provider, owner, state, scopes } of rows)
        io.stdout.write(`${provider}  ${owner}  ${state}  ${scopes.join(" ")}\n`);
  },
});
