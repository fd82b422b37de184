import type { ErrorTable } from "../error-kind.ts";

/** Codes of the session and state stores. */
export const storeErrors = {
  STORE_FENCE_STALE: {
    kind: "conflict",
    help: "Another worker took this session over; drop the turn, nothing was changed.",
  },
  STORE_CLAIM_LOST: { kind: "conflict", help: "Another sender took this row over; drop the attempt." },
  STORE_SEND_NOT_BEGUN: {
    kind: "conflict",
    help: "Record the begin of an attempt before its end; a row that was never begun can't have been sent.",
  },
  STORE_SEND_GIVEN_UP: {
    kind: "conflict",
    help: "An operator gave this send up with `gtc outbox abandon`; `gtc outbox retry` queues it again.",
  },
  STORE_ROW_DUPLICATE: {
    kind: "conflict",
    help: "Give every outbox row an id of its own; the turn was not committed.",
  },
  STORE_UNAVAILABLE: {
    kind: "unavailable",
    help: "The store can't be reached or written; try again, and check its disk or server, and that no other process has it open.",
  },
  STORE_READ_ONLY: {
    kind: "unavailable",
    help: "The store can't be written, nothing was changed; free disk space or make its directory writable. It resumes by itself.",
  },
  STORE_SCHEMA_NEWER: {
    kind: "conflict",
    help: "A newer version of this program wrote the store; run that version, or restore a backup made before the upgrade.",
  },
  STORE_DISK_FAILED: {
    kind: "unavailable",
    help: "The disk failed while the store was flushed, so nothing more is written; look after the disk, then start again: it goes on from what was flushed.",
  },
  STORE_DATA_CORRUPT: {
    kind: "internal",
    help: "The store's file is damaged or is no session store; stop, keep a copy of it, and restore a backup.",
  },
  STORE_URL_INVALID: {
    kind: "invalid_input",
    help: "Write redis://, redis-sentinel:// or redis-cluster:// (rediss… for TLS) and the hosts, postgres://, the host and a database, or libsql://, https:// or http:// and the host; escape special characters of a password with %.",
  },
  STORE_DURABILITY_WEAK: {
    kind: "conflict",
    help: 'Set "appendonly yes" and "appendfsync always" on every Redis server; fsync, full_page_writes and synchronous_commit to "on" in PostgreSQL. Or choose durability = "relaxed" and accept that the last second of messages may be lost.',
  },
  STORE_SERVER_UNFIT: {
    kind: "conflict",
    help: 'Use Redis 7.0 or newer (or Valkey) with "maxmemory-policy noeviction", since a server that evicts keys loses conversations; PostgreSQL 14 or newer with a database in UTF8, libSQL with one in UTF-8, or a DynamoDB table with the keys pk and sk.',
  },
  STATE_VALUE_TOO_LARGE: {
    kind: "invalid_input",
    help: "Keep a state value within 256 KiB of JSON and 64 levels; put large data behind a reference.",
  },
  STATE_KEYS_TOO_MANY: {
    kind: "invalid_input",
    help: "Keep at most 1,000 state keys a session; delete what is no longer needed.",
  },
} as const satisfies ErrorTable;
