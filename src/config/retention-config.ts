import type { JsonObject } from "../types/index.ts";

/** How long things are kept, in milliseconds; what isn't named is kept as long as the host keeps it by itself. */
export interface KeepTimes {
  readonly sessionsMs?: number;
  /** Rows that were sent. */
  readonly outboxMs?: number;
  readonly deadLettersMs?: number;
  /** After the last entry. */
  readonly conversationLogMs?: number;
  readonly blobsMs?: number;
}

/** How long a host keeps what it keeps of people. */
export interface RetentionConfig {
  readonly all: KeepTimes;
  readonly tenants: Readonly<Record<string, KeepTimes>>;
}

const DAY_MS = 86_400_000;
const FIELDS = {
  sessions_days: "sessionsMs",
  outbox_days: "outboxMs",
  dead_letters_days: "deadLettersMs",
  conversation_log_days: "conversationLogMs",
  blobs_days: "blobsMs",
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
