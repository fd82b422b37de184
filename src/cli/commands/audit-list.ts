import { loadConfig } from "../../config/index.ts";
import { readAudit } from "../../telemetry/index.ts";
import type { AuditEntry } from "../../telemetry/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import type { CommandIo } from "../command.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { upgradeAudit } from "../open-audit.ts";

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

export default defineCommand({
  summary: "List who did what, and who wasn't let",
  options: [
    { flags: "--tenant <tenant>", summary: "only this tenant's" },
    { flags: "--action <action>", summary: "only this action, or those that begin with it: secret, policy.denied" },
    { flags: "--since <time>", summary: "only from then on: 2026-06-01, 2026-06-01T08:00:00Z, 30m, 24h, 7d" },
    { flags: "--json", summary: "print as JSON" },
    { flags: "--data <dir>", summary: "the data directory" },
    { flags: "--config <file>", summary: "another greentic.toml" },
  ],
  examples: ["gtc audit list --since 24h", "gtc audit list --tenant acme --action secret --json"],
  async run(input, io) {
    const flags = { config: textOption(input, "config"), data: textOption(input, "data") };
    const config = loadConfig({ cwd: io.cwd, environment: io.environment, flags });
    await upgradeAudit(config);
    const tenant = textOption(input, "tenant");
    const action = textOption(input, "action");
    const since = sinceOf(textOption(input, "since"), io);
    const isWanted = (entry: AuditEntry): boolean =>
      (tenant === undefined || entry.tenant === tenant) &&
      (action === undefined || entry.action === action || entry.action.startsWith(`${action}.`)) &&
      (since === undefined || entry.at >= since);
    const entries: AuditEntry[] = [];
    for await (const entry of readAudit(config.audit.dir)) {
      if (!isWanted(entry)) continue;
      if (hasFlag(input, "json")) entries.push(entry);
      else io.stdout.write(`${lineOf(entry)}\n`);
    }
    if (hasFlag(input, "json")) printJson(io, entries);
  },
});

/** @throws CLI_USAGE_INVALID */
function sinceOf(text: string | undefined, { nowMs }: CommandIo): string | undefined {
  if (text === undefined) return undefined;
  const [, count, unit = ""] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const ms = count === undefined ? Date.parse(text) : nowMs() - Number(count) * (UNITS[unit] ?? 0);
  if (Number.isNaN(ms))
    throw new GreenticError("CLI_USAGE_INVALID", `Read --since: expected a time or 30m, 24h, 7d, got ${quote(text)}`);
  return new Date(ms).toISOString();
}

function lineOf({ at, outcome, action, actor, target, tenant, team, rule, code }: AuditEntry): string {
  const scope = [tenant, team].filter((part) => part !== undefined).join("/");
  const why = [code, rule && `rule ${rule}`].filter((part) => part !== undefined).join(" ");
  return [at, outcome.padEnd(7), action, actor, target, scope, why].filter((part) => part !== "").join("  ");
}
