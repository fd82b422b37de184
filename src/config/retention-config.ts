import type { JsonObject } from "../types/index.ts";

/** How long things are kept, in milliseconds; what isn't named is kept as long as the host keeps it by itself. */
export interface KeepTimes {
  /** After the session's last turn, or the end of what it waits for. */
  readonly sessionsMs?: number;
  /** After the message couldn't be handled. */
  readonly deadLettersMs?: number;
  /** Of sends: after they were over. */
  readonly outboxMs?: number;
  /** After a file was last taken in or used, even while its session is there. */
  readonly blobsMs?: number;
  /** Of entries of a web chat's log: after they were made, even where the conversation goes on. */
  readonly conversationLogMs?: number;
}

/** How long a host keeps what it keeps of people. */
export interface RetentionConfig {
  readonly all: KeepTimes;
  readonly tenants: Readonly<Record<string, KeepTimes>>;
}

/** Keeps everything as long as the host keeps it by itself. */
export const NO_RETENTION: RetentionConfig = { all: {}, tenants: {} };

/** The times of a tenant. */
export function keepTimesOf({ all, tenants }: RetentionConfig, tenant: string): KeepTimes {
  return Object.hasOwn(tenants, tenant) ? (tenants[tenant] ?? all) : all;
}

/** Tells whether any tenant's time of a kind is said. */
export function isNamed({ all, tenants }: RetentionConfig, kind: keyof KeepTimes): boolean {
  return [all, ...Object.values(tenants)].some((times) => times[kind] !== undefined);
}

const DAY_MS = 86_400_000;
const FIELDS = {
  sessions_days: "sessionsMs",
  dead_letters_days: "deadLettersMs",
  outbox_days: "outboxMs",
  blobs_days: "blobsMs",
  conversation_log_days: "conversationLogMs",
} as const;

/** Reads `[retention]`. */
export function readRetention(table: JsonObject): RetentionConfig {
  const { tenants = {}, ...all } = table as unknown as Readonly<Record<string, number>> & {
    readonly tenants?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  };
  return {
    all: timesOf(all),
    tenants: Object.fromEntries(Object.entries(tenants).map(([name, own]) => [name, timesOf({ ...all, ...own })])),
  };
}

function timesOf(table: Readonly<Record<string, number>>): KeepTimes {
  return Object.fromEntries(
    Object.entries(FIELDS).flatMap(([key, name]) =>
      table[key] === undefined ? [] : [[name, Math.round(table[key] * DAY_MS)]],
    ),
  );
}
