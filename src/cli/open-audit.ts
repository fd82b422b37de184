import type { Config } from "../config/index.ts";
import type { SecretReader } from "../secrets/index.ts";
import { watchedReader } from "../secrets/index.ts";
import { NO_AUDIT, openAuditLog } from "../telemetry/index.ts";
import type { AuditEntry, AuditLog } from "../telemetry/index.ts";
import type { GreenticError } from "../types/index.ts";

/** Opens the audit log that `[audit]` asks for. @throws TELEMETRY_AUDIT_FAILED where its folder can't be written */
export async function openAudit({ audit }: Config, onError?: (error: GreenticError) => void): Promise<AuditLog> {
  if (!audit.isEnabled) return NO_AUDIT;
  return openAuditLog(audit.dir, { keepDays: audit.keepDays, ...(onError && { onError }) });
}

/** Notes every read of a secret: who, which, what came of it; never what it is. Nobody waits for the disk. */
export function watchSecrets(reader: SecretReader, audit: AuditLog): SecretReader {
  return watchedReader(reader, {
    actor: "host",
    tell: ({ ctx, actor, address, outcome, code }) =>
      audit.note({
        actor,
        action: "secret.read",
        target: address,
        outcome,
        env: ctx.env,
        tenant: ctx.tenant,
        team: ctx.team,
        ...(code !== undefined && { code }),
        ...(ctx.traceId !== "" && { traceId: ctx.traceId }),
      }),
  });
}

/** Does one thing in the name of whoever runs the command, on record before it is done. */
export async function onRecord<T>(
  config: Config,
  entry: Pick<AuditEntry, "action" | "target" | "tenant">,
  task: () => Promise<T>,
): Promise<T> {
  await using audit = await openAudit(config);
  const said = { ...entry, actor: "operator:cli", env: config.env };
  await audit.record({ ...said, outcome: "allowed" });
  return task();
}
