import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config/index.ts";
import type { SecretUse, SecretReader, SecretWriter } from "../secrets/index.ts";
import { watchedReader, watchedWriter } from "../secrets/index.ts";
import { adoptAudit, NO_AUDIT, openAuditLog } from "../telemetry/index.ts";
import type { AuditEntry, AuditLog } from "../telemetry/index.ts";
import type { GreenticError } from "../types/index.ts";

/** Where versions before the chain kept decisions about packs and erasures. */
function oldAuditFile({ dataDir }: Config): string {
  return join(dataDir, "audit.jsonl");
}

/**
 * Opens the audit log that `[audit]` asks for, with what an older version left beside it. @throws TELEMETRY_AUDIT_FAILED where its
 * folder can't be written
 */
export async function openAudit(config: Config, onError?: (error: GreenticError) => void): Promise<AuditLog> {
  const { isEnabled, dir, keepDays } = config.audit;
  if (!isEnabled) return NO_AUDIT;
  const log = await openAuditLog(dir, { keepDays, ...(onError && { onError }) });
  try {
    const file = oldAuditFile(config);
    if (existsSync(file)) await adoptAudit(file, { log, dir });
  } catch (error) {
    await log[Symbol.asyncDispose]();
    throw error;
  }
  return log;
}

/** The audit log of a command that may have nothing to put on it: opened with its first entry. */
export function auditOnDemand(config: Config): AuditLog {
  let opening: Promise<AuditLog> | undefined;
  const open = (): Promise<AuditLog> => (opening ??= openAudit(config));
  return {
    record: async (entry) => (await open()).record(entry),
    // A log that can't be opened is told when the command ends.
    note: (entry) =>
      void open()
        .then((log) => log.note(entry))
        .catch(() => undefined),
    [Symbol.asyncDispose]: async () => (await opening)?.[Symbol.asyncDispose](),
  };
}

/** Takes into the log what an older version kept elsewhere, before it is read. @throws TELEMETRY_AUDIT_FAILED */
export async function upgradeAudit(config: Config): Promise<void> {
  if (existsSync(oldAuditFile(config))) await (await openAudit(config))[Symbol.asyncDispose]();
}

/** Notes every read of a secret: who, which, what came of it; never what it is. Nobody waits for the disk. */
export function watchSecrets(reader: SecretReader, audit: AuditLog): SecretReader {
  return watchedReader(reader, { actor: "host", tell: noteOf("secret.read", audit) });
}

/** Notes every secret that is kept, as {@link watchSecrets} does. */
export function watchWrites(writer: SecretWriter, audit: AuditLog): SecretWriter {
  return watchedWriter(writer, { actor: "host", tell: noteOf("secret.write", audit) });
}

function noteOf(action: string, audit: AuditLog): (use: SecretUse) => void {
  return ({ ctx, actor, address, outcome, code }) =>
    audit.note({
      actor,
      action,
      target: address,
      outcome,
      env: ctx.env,
      tenant: ctx.tenant,
      team: ctx.team,
      ...(code !== undefined && { code }),
      ...(ctx.traceId !== "" && { traceId: ctx.traceId }),
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
