export { isOfEnv, MAX_SEARCHED, newestRows, startOfEnv } from "./env-rows.ts";
export type { DynamoPlaceOptions } from "./dynamodb/dynamodb-space.ts";
export { openDynamoSpace } from "./dynamodb/dynamodb-space.ts";
export { openDynamoStore } from "./dynamodb/dynamodb-store.ts";
export { erasureFilter } from "./erasure.ts";
export type { LibsqlPlaceOptions } from "./libsql/libsql-space.ts";
export { openLibsqlSpace } from "./libsql/libsql-space.ts";
export { openLibsqlStore } from "./libsql/libsql-store.ts";
export { openMemoryStore } from "./memory-store.ts";
export type { PostgresFunction } from "./postgres/library.ts";
export type { PostgresLink } from "./postgres/link.ts";
export type { PostgresPlaceOptions, PostgresStoreOptions } from "./postgres/postgres-store.ts";
export { openPostgresLink, openPostgresStore } from "./postgres/postgres-store.ts";
export type { PostgresTls } from "./postgres/postgres-url.ts";
export { openRecordTexts } from "./records/record-texts.ts";
export type { WholeRecord } from "./records/records.ts";
export { Records } from "./records/records.ts";
export type { RecordChange, RecordKey, RecordRange, RecordSpace } from "./records/space.ts";
export type { Attempt as RecordAttempt } from "./patience.ts";
export type { RedisClient } from "./redis/client.ts";
export { createRedisClient } from "./redis/client.ts";
export { redisFailure } from "./redis/failure.ts";
export { openPostgresTexts } from "./postgres/postgres-texts.ts";
export { parseRedisUrl } from "./redis/redis-url.ts";
export { openRedisTexts } from "./redis/redis-texts.ts";
export type { RedisStoreOptions } from "./redis/redis-store.ts";
export { openRedisStore } from "./redis/redis-store.ts";
export type { SqliteStoreOptions } from "./sqlite-store.ts";
export { openSqliteStore } from "./sqlite-store.ts";
export type {
  Accepted,
  Cursor,
  DeadLetter,
  Erased,
  Erasure,
  InboxEntry,
  IngressEntry,
  JournalEntry,
  Lease,
  LeaseTo,
  LogEntry,
  LogRange,
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
  StoreStats,
  Timer,
  TokenRate,
  TurnCommit,
} from "./store.ts";
export {
  channelOf,
  CLAIM_TTL_MS,
  conversationOf,
  JOURNAL_RETENTION_MS,
  JOURNAL_TURNS_MAX,
  LEASE_INBOX_MAX,
  LEASE_TTL_MS,
  LOG_ENTRIES_MAX,
  LOG_RETENTION_MS,
  SEND_GIVEN_UP,
  SENT_RETENTION_MS,
} from "./store.ts";
