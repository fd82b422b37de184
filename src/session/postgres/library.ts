import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  JOURNAL_RETENTION_MS,
  JOURNAL_TURNS_MAX,
  LEASE_INBOX_MAX,
  LOG_ENTRIES_MAX,
  LOG_RETENTION_MS,
  SENT_RETENTION_MS,
} from "../store.ts";

/** The operations, and how many arguments each takes behind the clock and the token. */
const FUNCTIONS = {
  accept: 9,
  lease_named: 3,
  lease_any: 3,
  renew: 3,
  release: 2,
  record: 5,
  commit: 22,
  claim_sends: 4,
  begin_send: 4,
  end_send: 8,
  renew_sends: 5,
  retry_send: 1,
  abandon_send: 2,
  drop_send: 1,
  list_rows: 3,
  list_dead: 2,
  redrive: 1,
  drop_dead: 1,
  read: 1,
  list: 3,
  read_log: 4,
  read_journal: 2,
  take_tokens: 4,
  stats: 0,
  stored_bytes: 3,
  end_session: 1,
  sweep: 1,
  erase_sessions: 4,
  erase_rows: 4,
  erase_dead: 4,
  erase_answers: 4,
  logs_between: 4,
  erase_logs: 1,
  blob_write: 3,
  blob_claim: 7,
  blob_unlink: 1,
  blob_find: 2,
  blob_bytes: 1,
  blob_read: 2,
  blob_owners: 2,
  blob_drop: 4,
  blob_claims: 4,
  blob_past: 3,
  text_read: 1,
  text_write: 3,
} as const;

const FILES = ["common", "turn", "commit", "outbox", "admin", "erase", "blob", "text"] as const;

const CONSTANTS: Readonly<Record<string, number>> = {
  LEASE_INBOX_MAX,
  LOG_ENTRIES_MAX,
  LOG_RETENTION_MS,
  JOURNAL_TURNS_MAX,
  JOURNAL_RETENTION_MS,
  SENT_RETENTION_MS,
  /** Sessions, lanes and claims that one call looks after at most. */
  DUE_MAX: 500,
  /** How far a sweep looks behind a crowd, in times of what was asked for. */
  LOOK_BEHIND: 4,
  /** Logs that one sweep drops entries of at most. */
  LOGS_MAX: 50,
  /** Rows of one table that a sweep drops at most. */
  DROP_MAX: 5_000,
  /** Sessions that are counted one by one. */
  STATS_EXACT_MAX: 100_000,
};

/** One operation of the library. */
export type PostgresFunction = keyof typeof FUNCTIONS;

/** The functions as a server keeps them, and how they are called. */
export interface PostgresLibrary {
  /** Ends the name of the schema that they lie in, so that those of other versions of this program can stand beside them. */
  readonly version: string;
  readonly code: string;
  readonly callOf: (name: PostgresFunction) => string;
}

/** Brings a store's tables from version `index` to `index + 1`; never changed once released, only added to. */
export const UPGRADES: readonly string[] = [sqlOf("tables"), sqlOf("tables-2"), sqlOf("tables-3")];

/** Puts the library together; its version is the hash of its code. */
export function postgresLibrary(): PostgresLibrary {
  const names = new RegExp(`\\b(?:${Object.keys(CONSTANTS).join("|")})\\b`, "g");
  const code = FILES.map((name) => sqlOf(name).replaceAll(names, (constant) => String(CONSTANTS[constant]))).join("\n");
  const version = createHash("sha256").update(code).digest("hex").slice(0, 8);
  const calls = new Map(
    Object.entries(FUNCTIONS).map(([name, count]) => {
      const places = Array.from({ length: count + 3 }, (_, n) => `$${n + 1}`);
      return [name, `SELECT to_json(${name}(${places.join(", ")}))`];
    }),
  );
  return { version, code, callOf: (name) => calls.get(name) ?? "" };
}

function sqlOf(name: string): string {
  return readFileSync(new URL(`${name}.sql`, import.meta.url), "utf8");
}
