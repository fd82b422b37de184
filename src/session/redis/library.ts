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

/** The operations: the names of the Lua functions behind them. */
const FUNCTIONS = [
  "accept",
  "lease",
  "renew",
  "release",
  "record",
  "commit",
  "claim_sends",
  "begin_send",
  "end_send",
  "renew_sends",
  "retry_send",
  "abandon_send",
  "drop_send",
  "list_rows",
  "list_dead",
  "redrive",
  "drop_dead",
  "read",
  "list",
  "read_log",
  "read_journal",
  "take_tokens",
  "stats",
  "stored_bytes",
  "erase_session",
  "erase_rows",
  "erase_dead",
  "erase_answer",
  "erase_log",
  "end_session",
  "sweep",
  "waiting",
] as const;
const READERS: readonly RedisFunction[] = [
  "list_rows",
  "list_dead",
  "read",
  "list",
  "read_log",
  "read_journal",
  "stats",
  "stored_bytes",
];
// Each file uses those before it.
const FILES = ["context", "turn", "outbox", "commit", "admin", "erase"] as const;
const CONSTANTS = {
  LEASE_INBOX_MAX,
  LOG_ENTRIES_MAX,
  LOG_RETENTION_MS,
  JOURNAL_TURNS_MAX,
  JOURNAL_RETENTION_MS,
  SENT_RETENTION_MS,
  EXPIRED_AGAIN_MS: 60_000,
  /** How far sweeps look behind a crowd, in times of what was asked for. */
  LOOK_BEHIND: 20,
  /** Logs that one sweep drops entries of at most. */
  LOGS_MAX: 20,
};

/** One operation of the library. */
export type RedisFunction = (typeof FUNCTIONS)[number];

/** The library as the server loads it. */
export interface RedisLibrary {
  readonly code: string;
  /** Names a function so that libraries of other versions of this program can stand beside it in one server. */
  readonly nameOf: (name: RedisFunction) => string;
}

/** Puts the library together; its names carry the hash of its code. */
export function redisLibrary(): RedisLibrary {
  const constants = Object.entries(CONSTANTS).map(([name, value]) => `local ${name} = ${value}\n`);
  const sources = FILES.map((name) => readFileSync(new URL(`${name}.lua`, import.meta.url), "utf8"));
  const body = [...constants, ...sources].join("");
  const version = createHash("sha256").update(body).digest("hex").slice(0, 8);
  const prefix = `greentic_${version}`;
  const nameOf = (name: RedisFunction): string => `${prefix}_${name}`;
  const registrations = FUNCTIONS.map((name) => {
    const flags = READERS.includes(name) ? "'no-writes'" : "";
    return `redis.register_function{function_name='${nameOf(name)}', callback=function(keys, args) return run(${name}, keys, args) end, flags={${flags}}}\n`;
  });
  return { code: `#!lua name=${prefix}\n${body}${registrations.join("")}`, nameOf };
}
