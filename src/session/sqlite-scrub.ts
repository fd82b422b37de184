import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { GreenticError } from "../types/index.ts";
import type { SqliteCore } from "./sqlite-core.ts";
import { isWhole, rowDamaged, SUMMED } from "./sqlite-sum.ts";
import type { SqlRow, SummedTable } from "./sqlite-sum.ts";

/** Rows that one sweep looks at: a fraction of a millisecond of the writer, a million rows in about three hours. */
const SLICE = 100;

/** A file up to this is looked at as a whole when it is opened. */
const CHECKED_BYTES = 64 * 1_048_576;

const TABLES = Object.keys(SUMMED) as readonly SummedTable[];
const PRIMARY: Readonly<Record<SummedTable, readonly string[]>> = {
  meta: ["name"],
  channel: ["id"],
  delivery: ["channel", "dedupe"],
  answer: ["ord"],
  session: ["id"],
  inbox: ["ord"],
  state: ["session", "key"],
  timer: ["session", "once"],
  step: ["session", "turn", "seq"],
  outbox: ["ord"],
  dead_letter: ["ord"],
  conversation: ["id"],
  log: ["conversation", "idx"],
  journal: ["ord"],
};

/** Looks for rows that are not as they were written, before anybody asks for them, and keeps their sessions from being served. */
export class Scrub {
  readonly #core: SqliteCore;
  readonly #onDamage: (error: GreenticError) => void;
  readonly #keyOf: StatementSync;
  readonly #first: ReadonlyMap<SummedTable, StatementSync>;
  readonly #next: ReadonlyMap<SummedTable, StatementSync>;
  #table = 0;
  #after: readonly SQLInputValue[] | undefined;
  /** What was told already, so that a scrub that comes round again doesn't repeat it. */
  readonly #told = new Set<string>();

  constructor(core: SqliteCore, onDamage: (error: GreenticError) => void) {
    this.#core = core;
    this.#onDamage = onDamage;
    this.#keyOf = core.db.prepare("SELECT key FROM session WHERE id = ?");
    const each = (sql: (table: SummedTable, primary: string) => string): Map<SummedTable, StatementSync> =>
      new Map(TABLES.map((table) => [table, core.db.prepare(sql(table, PRIMARY[table].join(", ")))]));
    this.#first = each((table, primary) => `SELECT * FROM ${table} ORDER BY ${primary} LIMIT ${SLICE}`);
    this.#next = each((table, primary) => {
      const places = PRIMARY[table].map(() => "?").join(", ");
      return `SELECT * FROM ${table} WHERE (${primary}) > (${places}) ORDER BY ${primary} LIMIT ${SLICE}`;
    });
  }

  /** Looks at every row. */
  all(): void {
    for (const table of TABLES) {
      for (const row of this.#core.db.prepare(`SELECT * FROM ${table}`).all()) this.#check(table, row);
    }
  }

  /** Looks at the next rows, and starts over at the end. */
  step(): void {
    const table = TABLES[this.#table] ?? "meta";
    const statement = (this.#after === undefined ? this.#first : this.#next).get(table);
    const rows = statement?.all(...(this.#after ?? [])) ?? [];
    for (const row of rows) this.#check(table, row);
    const last = rows.at(-1);
    if (last !== undefined && rows.length === SLICE) {
      this.#after = PRIMARY[table].map((column) => last[column] ?? null);
      return;
    }
    this.#after = undefined;
    this.#table = (this.#table + 1) % TABLES.length;
  }

  #check(table: SummedTable, row: SqlRow): void {
    if (isWhole(table, row)) return;
    const error = rowDamaged(table, row);
    const key = "session" in row && table !== "journal" ? this.#keyOf.get(Number(row["session"]))?.["key"] : row["key"];
    const isOfSession = ["session", "inbox", "state", "timer", "step"].includes(table);
    if (isOfSession && typeof key === "string") {
      const session = this.#core.reopen(key);
      session.damage ??= error;
      this.#core.settle(session);
    }
    if (this.#told.has(error.message)) return;
    this.#told.add(error.message);
    this.#onDamage(error);
  }
}

/** Whether a file is so small that all of it can be looked at when it is opened: a third of a second. */
export function isSmall(db: DatabaseSync): boolean {
  const [pages, bytes] = ["page_count", "page_size"].map((name) => Number(db.prepare(`PRAGMA ${name}`).get()?.[name]));
  return (pages ?? 0) * (bytes ?? 0) <= CHECKED_BYTES;
}

/** Whether SQLite finds the structure of a file as it should be: pages, their order, indexes. Returns what it says, without values. */
export function structureFault(db: DatabaseSync): string | undefined {
  const said = String(db.prepare("PRAGMA integrity_check(1)").get()?.["integrity_check"]);
  return said === "ok" ? undefined : said.replaceAll(/[^\w .,:()-]/g, "?").slice(0, 200);
}
