/**
 * What was audited before the chain, `audit.jsonl` of a data directory:
 *   {"at":…,"event":…,"tenant":…,"pack":…,"version":…,"pack_hash":…,"code":…}\n
 * Its lines become entries of the chain under their own time. Their actor names the file by the hash of its first line: however
 * often a crash comes in between, each line is taken once.
 */
import { hash } from "node:crypto";
import { readFile, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { withFileLock } from "../../files/index.ts";
import { isJsonObject, parseJson } from "../../types/index.ts";
import type { JsonValue } from "../../types/index.ts";
import type { AuditLog, NewAuditEntry } from "./audit-log.ts";
import { readAudit } from "./read-audit.ts";

const LOCK = "adopt.lock";

/**
 * Takes the lines of a file that an older version kept into the log of a folder, and names it `*.adopted`; does nothing where there is
 * none. Processes may do it at once. @throws TELEMETRY_AUDIT_FAILED
 */
export async function adoptAudit(
  file: string,
  { log, dir }: { readonly log: AuditLog; readonly dir: string },
): Promise<void> {
  await withFileLock(join(dir, LOCK), async () => {
    const lines = await linesOf(file);
    if (lines === undefined) return;
    const actor = `${basename(file)}:${hash("sha256", lines[0] ?? "").slice(0, 16)}`;
    let known = 0;
    for await (const entry of readAudit(dir)) if (entry.actor === actor) known++;
    await Promise.all(lines.slice(known).map((line, index) => log.record(entryOf(line, { actor, at: known + index }))));
    await rename(file, `${file}.adopted`);
  });
}

async function linesOf(file: string): Promise<readonly string[] | undefined> {
  try {
    return (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function entryOf(line: string, { actor, at: index }: { readonly actor: string; readonly at: number }): NewAuditEntry {
  const unread = { actor, action: "audit.unread", target: `line ${index + 1}`, outcome: "failed" } as const;
  let value;
  try {
    value = parseJson(line);
  } catch {
    return unread;
  }
  if (!isJsonObject(value)) return unread;
  const { at, event, tenant, env, team, code, ...about } = value;
  if (typeof at !== "string" || typeof event !== "string") return unread;
  return {
    at,
    actor,
    action: event,
    target: wordsOf(about),
    outcome: event.endsWith(".refused") ? "denied" : "allowed",
    ...(typeof env === "string" && { env }),
    ...(typeof tenant === "string" && { tenant }),
    ...(typeof team === "string" && { team }),
    ...(typeof code === "string" && { code }),
  };
}

/** `pack weather, version 1.0.0, sessions 3` */
function wordsOf(about: Readonly<Record<string, JsonValue>>): string {
  return Object.entries(about)
    .map(([name, value]) =>
      isJsonObject(value) ? wordsOf(value) : `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`,
    )
    .join(", ");
}
