/**
 * The audit log's format. A folder of `{first sequence number, 12 digits}.jsonl`, in that order one chain:
 *   {"seq":N,"prev":"<SHA-256 of line N-1, hex>","at":…,"actor":…,"action":…,"target":…,"outcome":…,…}\n
 * and `head`, 256 bytes written in place: where the chain begins (older files are removed in time) and where it ends, without which
 * nobody could tell that lines are missing at its end. The head may lag behind the lines after a crash, never lead.
 */
import { createHash } from "node:crypto";
import { isJsonObject, parseJson } from "../../types/index.ts";
import type { AuditEntry } from "./audit-log.ts";
import { logSafe } from "../redact.ts";

/** A line of the chain by its number, and the SHA-256 of its bytes. */
export interface ChainPoint {
  readonly seq: number;
  readonly hash: string;
}

/** Where a chain begins and ends; `first` is the line before its first one. */
export interface ChainHead {
  readonly first: ChainPoint;
  readonly last: ChainPoint;
}

/** Before the first line that was ever written. */
export const GENESIS: ChainPoint = { seq: 0, hash: "0".repeat(64) };
export const HEAD_FILE = "head";
const HEAD_BYTES = 256;
/** A longer text is cut: targets may hold what strangers sent. */
const MAX_TEXT = 512;
const FIELDS = [
  "at",
  "actor",
  "action",
  "target",
  "outcome",
  "env",
  "tenant",
  "team",
  "rule",
  "code",
  "traceId",
] as const satisfies readonly (keyof AuditEntry)[];
const HASH = /^[0-9a-f]{64}$/;

/** Formats an entry as the line after `previous`, without its line break; fields that aren't an entry's are left out. */
export function formatAuditLine(entry: AuditEntry, previous: ChainPoint): string {
  const fields = FIELDS.flatMap((name) => {
    const value = entry[name];
    return value === undefined ? [] : [[name, logSafe(value, MAX_TEXT)] as const];
  });
  return JSON.stringify({ seq: previous.seq + 1, prev: previous.hash, ...Object.fromEntries(fields) });
}

/** Hashes a line. */
export function pointOf(seq: number, line: string | Uint8Array): ChainPoint {
  return { seq, hash: createHash("sha256").update(line).digest("hex") };
}

/** A line that was read. */
export interface AuditLine {
  readonly seq: number;
  readonly prev: string;
  readonly entry: AuditEntry;
}

/** Reads one line; undefined where it isn't one. */
export function parseAuditLine(line: Uint8Array): AuditLine | undefined {
  let value;
  try {
    value = parseJson(line);
  } catch {
    return undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const { seq, prev, ...entry } = value;
  if (!Number.isSafeInteger(seq) || typeof prev !== "string" || !HASH.test(prev)) return undefined;
  if (["at", "actor", "action", "target", "outcome"].some((name) => typeof entry[name] !== "string")) return undefined;
  return { seq: seq as number, prev, entry: entry as unknown as AuditEntry };
}

/** Formats the head, always {@link HEAD_BYTES} long, so that it is written in one piece over the one before. */
export function formatHead({ first, last }: ChainHead): Buffer {
  const text = JSON.stringify({ first: first.seq, before: first.hash, last: last.seq, hash: last.hash });
  return Buffer.from(`${text.padEnd(HEAD_BYTES - 1)}\n`);
}

/** Reads the head; undefined where it isn't one. */
export function parseHead(bytes: Uint8Array): ChainHead | undefined {
  let value;
  try {
    value = parseJson(bytes);
  } catch {
    return undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const { first, before, last, hash } = value;
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last)) return undefined;
  if (typeof before !== "string" || !HASH.test(before) || typeof hash !== "string" || !HASH.test(hash))
    return undefined;
  return { first: { seq: first as number, hash: before }, last: { seq: last as number, hash } };
}

/** The name of the file that begins with a line. */
export function auditFileName(seq: number): string {
  return `${String(seq).padStart(12, "0")}.jsonl`;
}

/** Tells whether a name is a file of the chain. */
export function isAuditFile(name: string): boolean {
  return /^\d{12}\.jsonl$/.test(name);
}
