import { isLiving } from "../../admin/index.ts";
import { TOKEN_OPTIONS, openTokens } from "../admin/token-settings.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";

export default defineCommand({
  summary: "List the tokens of the admin API",
  options: [
    { flags: "--tenant <tenant>", summary: "only those over this tenant; '*' for the host's" },
    ...TOKEN_OPTIONS,
  ],
  async run(input, io) {
    await using opened = await openTokens(input, io);
    const { tokens } = opened;
    const used = await tokens.lastUsed();
    const iso = (ms: number | undefined): string | undefined =>
      ms === undefined ? undefined : new Date(ms).toISOString();
    const rows = (await tokens.list(textOption(input, "tenant"))).map((record) => {
      const { id, name, tenant, role, createdAtMs, expiresAtMs, revokedAtMs } = record;
      return {
        id,
        name,
        tenant,
        role,
        living: isLiving(record, io.nowMs()),
        createdAt: iso(createdAtMs),
        expiresAt: iso(expiresAtMs),
        revokedAt: iso(revokedAtMs),
        usedAt: iso(used.get(id)),
      };
    });
    if (hasFlag(input, "json")) printJson(io, rows);
    else
      for (const { id, name, tenant, role, living, revokedAt, expiresAt, usedAt } of rows) {
        const state = living
          ? expiresAt === undefined
            ? "living"
            : `until ${expiresAt}`
          : revokedAt
            ? "revoked"
            : "expired";
        io.stdout.write(`${id}  ${name}  ${tenant}  ${role}  ${state}  used ${usedAt ?? "never"}\n`);
      }
  },
});
