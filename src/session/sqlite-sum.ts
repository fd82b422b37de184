// Every row carries a checksum of its columns, since SQLite's pages carry none: what a disk forgets or turns over is noticed where
// it is read, and by the scrub, instead of being believed. An outbox row has two, so that a send doesn't compute its payload's anew.
import { crc32 } from "node:zlib";
import type { DatabaseSync, SQLInputValue, SQLOutputValue } from "node:sqlite";
import { GreenticError, quote } from "../types/index.ts";

/** The columns that each checksum is of, in its order. */
export const SUMMED = {
  meta: ["name", "value"],
  channel: ["id", "name"],
  delivery: ["channel", "dedupe", "expires", "ord", "log_index"],
  answer: ["ord", "expires", "body", "key"],
  session: ["id", "key", "expires", "has_state", "body", "journal", "turns"],
  inbox: ["ord", "key", "dedupe", "forget", "received", "trace", "body"],
  state: ["session", "key", "value"],
  timer: ["session", "once", "due", "payload"],
  step: ["session", "turn", "seq", "body"],
  outbox: ["ord", "id", "key", "created", "provider", "sink", "trace", "payload"],
  dead_letter: ["ord", "key", "reason", "died", "dedupe", "received", "trace", "body"],
  conversation: ["id", "key", "touched", "keep", "base"],
  log: ["conversation", "idx", "body", "at"],
  journal: ["ord", "session", "before", "n", "revision", "at", "body"],
} as const;

/** What changes of an outbox row while it is sent; its checksum is `mark`. */
const MARKED = ["ord", "status", "attempts", "was_unknown", "not_before", "ended", "error", "receipt"] as const;

/** A table whose rows carry checksums. */
export type SummedTable = keyof typeof SUMMED;

/** A row as it is read. */
export type SqlRow = Readonly<Record<string, SQLOutputValue>>;

/**
 * Computes the checksum of a row's columns: CRC-32 of long texts, what is short mixed in one character at a time, which costs less
 * than a call. Each step keeps different values different, so that no single bit goes unnoticed.
 */
export function rowSum(...columns: readonly (string | number | null)[]): number {
  let sum = 0;
  for (const column of columns) {
    if (typeof column === "number") sum = mix(mix(sum, column % TWO_32), column / TWO_32);
    else if (column === null) sum = mix(sum, 0x6e756c6c);
    else if (column.length > SHORT) sum = crc32(column, sum >>> 0);
    else {
      for (let at = 0; at < column.length; at++) sum = mix(sum, column.charCodeAt(at));
      sum = mix(sum, column.length);
    }
  }
  return sum >>> 0;
}

const TWO_32 = 2 ** 32;
/** Texts up to this many characters are short. */
const SHORT = 64;

function mix(sum: number, value: number): number {
  return Math.imul(sum ^ value, 0x9e3779b1);
}

/** SQL: the checksum of a table's row as it is. */
export function sumSql(table: SummedTable): string {
  return `row_sum(${SUMMED[table].join(", ")})`;
}

/** The same columns as version 2 of the file knew them, where it knew fewer. */
const SUMMED_2 = {
  ...SUMMED,
  conversation: ["id", "key", "touched"],
  log: ["conversation", "idx", "body"],
} as const satisfies Readonly<Record<SummedTable, readonly string[]>>;

/** SQL: the checksum of a table's row as version 2 wrote it. */
export function sumSql2(table: SummedTable): string {
  return `row_sum(${SUMMED_2[table].join(", ")})`;
}

/** SQL: the checksum of what changes of an outbox row as it is. */
export const MARK_SQL = `row_sum(${MARKED.join(", ")})`;

/** SQL: what changes of an outbox row is as it was written. A row has no mark until something does. */
export const IS_MARKED = `(mark IS ${MARK_SQL} OR (mark IS NULL AND status = 0 AND attempts = 0 AND was_unknown = 0 AND not_before = 0))`;

/** Lets SQL compute checksums, for what is written too rarely to do it outside. */
export function defineRowSum(db: DatabaseSync): void {
  db.function(
    "row_sum",
    { deterministic: true, varargs: true },
    rowSum as (...columns: readonly SQLInputValue[]) => number,
  );
}

/** Whether a row that was read with all its columns is as it was written. */
export function isWhole(table: SummedTable, row: SqlRow): boolean {
  return isSum(row, SUMMED[table], "sum") && (table !== "outbox" || isPristine(row) || isSum(row, MARKED, "mark"));
}

/** Gives back a row that was read with all its columns. @throws STORE_DATA_CORRUPT */
export function wholeRow<R extends SqlRow>(table: SummedTable, row: R): R {
  if (!isWhole(table, row)) throw rowDamaged(table, row);
  return row;
}

/** The error of a row that is not as it was written. */
export function rowDamaged(table: SummedTable, row: SqlRow): GreenticError {
  const names = NAMES[table].map((column) => `${column} ${quote(String(row[column]))}`);
  const message = `Read session store's ${table} of ${names.join(", ")}: its checksum doesn't fit`;
  return new GreenticError("STORE_DATA_CORRUPT", message);
}

/** The columns that name a row; none of them holds what people wrote. */
const NAMES: Readonly<Record<SummedTable, readonly string[]>> = {
  meta: ["name"],
  channel: ["id"],
  delivery: ["channel", "ord"],
  answer: ["ord", "key"],
  session: ["key"],
  inbox: ["ord", "key"],
  state: ["session", "key"],
  timer: ["session", "once"],
  step: ["session", "turn", "seq"],
  outbox: ["ord", "key"],
  dead_letter: ["ord", "key"],
  conversation: ["key"],
  log: ["conversation", "idx"],
  journal: ["ord", "session"],
};

/** Nothing of the row has changed since it was made; its columns other than these are in `sum`, or null. */
function isPristine(row: SqlRow): boolean {
  const { mark, status, attempts, was_unknown, not_before, ended, error, receipt } = row;
  const isNull = mark === null && ended === null && error === null && receipt === null;
  return isNull && status === 0 && attempts === 0 && was_unknown === 0 && not_before === 0;
}

function isSum(row: SqlRow, columns: readonly string[], sum: string): boolean {
  const values = columns.map((column) => row[column] ?? null);
  return values.every(isPlain) && rowSum(...values) === row[sum];
}

/** The columns of these tables hold numbers and texts, unless they are damaged. */
function isPlain(value: SQLOutputValue): value is string | number | null {
  return typeof value === "string" || typeof value === "number" || value === null;
}
