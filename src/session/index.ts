export { openMemoryStore } from "./memory-store.ts";
export type { SqliteStoreOptions } from "./sqlite-store.ts";
export { openSqliteStore } from "./sqlite-store.ts";
export type {
  Accepted,
  Cursor,
  DeadLetter,
  InboxEntry,
  IngressEntry,
  Lease,
  LeaseTo,
  LogEntry,
  NewOutboxRow,
  OutboxRow,
  OutboxStatus,
  Overdue,
  SendResult,
  SessionFilter,
  SessionRecord,
  SessionStore,
  SessionSummary,
  SinkClass,
  Step,
  Timer,
  TurnCommit,
} from "./store.ts";
export {
  channelOf,
  CLAIM_TTL_MS,
  conversationOf,
  LEASE_INBOX_MAX,
  LEASE_TTL_MS,
  LOG_ENTRIES_MAX,
  LOG_RETENTION_MS,
  SENT_RETENTION_MS,
} from "./store.ts";
