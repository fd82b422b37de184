import type { RecordChange, RecordKey, RecordRange } from "../records/space.ts";

/** A statement with its values. */
export interface Statement {
  readonly sql: string;
  readonly args: readonly (string | number | null)[];
}

/** The layout of the tables; a database with a newer one is left alone. */
export const LAYOUT = 1;

/** Tells the server's time in milliseconds, however old its SQLite is. */
export const CLOCK: Statement = {
  sql: "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
  args: [],
};

/** What became of a write, as its stamp says. */
const DONE = 1;
/** It was refused, and a late arrival of it must not happen after all. */
const VOID = 0;
/** Stamps are kept this long: no repetition of a write takes nearly as long to arrive. */
const STAMP_SECONDS = 600;

const text = (sql: string, args: Statement["args"] = []): Statement => ({ sql, args });

/** `(?,?),(?,?)` */
function rows(count: number, width: number): string {
  const row = `(${Array.from({ length: width }, () => "?").join(",")})`;
  return Array.from({ length: count }, () => row).join(",");
}

/** The statements over the tables of one store; those of different prefixes share nothing. */
export class Tables {
  readonly #records: string;
  readonly #stamps: string;
  readonly #ages: string;
  readonly #meta: string;

  constructor(prefix: string) {
    this.#records = `"${prefix}_records"`;
    this.#stamps = `"${prefix}_stamps"`;
    this.#ages = `"${prefix}_stamps_at"`;
    this.#meta = `"${prefix}_meta"`;
  }

  /** Makes the tables where they are missing; the last statement tells their layout, and how many bytes the server writes a € with. */
  make(): readonly Statement[] {
    const key = "PRIMARY KEY (partition, sort)";
    const columns = `partition TEXT NOT NULL, sort TEXT NOT NULL, version TEXT NOT NULL, body TEXT NOT NULL, ${key}`;
    return [
      text(`CREATE TABLE IF NOT EXISTS ${this.#meta} (id INTEGER PRIMARY KEY, layout INTEGER NOT NULL)`),
      text(`CREATE TABLE IF NOT EXISTS ${this.#records} (${columns}) WITHOUT ROWID`),
      text(
        `CREATE TABLE IF NOT EXISTS ${this.#stamps}
         (write TEXT PRIMARY KEY NOT NULL, at INTEGER NOT NULL, fate INTEGER NOT NULL) WITHOUT ROWID`,
      ),
      text(`CREATE INDEX IF NOT EXISTS ${this.#ages} ON ${this.#stamps} (at)`),
      text(`INSERT INTO ${this.#meta} (id, layout) VALUES (1, ${LAYOUT}) ON CONFLICT DO NOTHING`),
      this.layout(),
    ];
  }

  /** Asks for the layout, and how many bytes the server writes a € with. */
  layout(): Statement {
    return text(`SELECT layout, length(CAST('€' AS BLOB)) FROM ${this.#meta}`);
  }

  get(keys: readonly RecordKey[]): Statement {
    return text(
      `SELECT r.partition, r.sort, r.version, r.body FROM (VALUES ${rows(keys.length, 2)}) AS k
       CROSS JOIN ${this.#records} AS r ON r.partition = k.column1 AND r.sort = k.column2`,
      keys.flatMap(({ partition, sort }) => [partition, sort]),
    );
  }

  scan({ partition, after, before, limit, isBackwards = false }: RecordRange): Statement {
    const bounds = [
      ...(after === undefined ? [] : [["sort > ?", after] as const]),
      ...(before === undefined ? [] : [["sort < ?", before] as const]),
    ];
    const where = ["partition = ?", ...bounds.map(([condition]) => condition)].join(" AND ");
    return text(
      `SELECT partition, sort, version, body FROM ${this.#records} WHERE ${where}
       ORDER BY sort ${isBackwards ? "DESC" : "ASC"} LIMIT ?`,
      [partition, ...bounds.map(([, bound]) => bound), limit],
    );
  }

  /** Leaves the stamp of a write; fails where it lies there already. */
  stamp(write: string): Statement {
    return text(`INSERT INTO ${this.#stamps} (write, at, fate) VALUES (?, unixepoch(), ${DONE})`, [write]);
  }

  /** Fails where a record isn't as expected: a stamp has to be something. */
  guard(changes: readonly RecordChange[]): Statement {
    return text(
      `INSERT INTO ${this.#stamps} (write, at, fate) SELECT NULL, 0, ${VOID} FROM (VALUES ${rows(changes.length, 3)}) AS k
       LEFT JOIN ${this.#records} AS r ON r.partition = k.column1 AND r.sort = k.column2
       WHERE r.version IS NOT k.column3 LIMIT 1`,
      changes.flatMap(({ partition, sort, expected }) => [partition, sort, expected ?? null]),
    );
  }

  remove(keys: readonly RecordKey[]): Statement {
    return text(
      `DELETE FROM ${this.#records} WHERE (partition, sort) IN (VALUES ${rows(keys.length, 2)})`,
      keys.flatMap(({ partition, sort }) => [partition, sort]),
    );
  }

  put(records: readonly (RecordKey & { readonly body: string })[], version: string): Statement {
    return text(
      `INSERT INTO ${this.#records} (partition, sort, version, body) VALUES ${rows(records.length, 4)}
       ON CONFLICT DO UPDATE SET version = excluded.version, body = excluded.body`,
      records.flatMap(({ partition, sort, body }) => [partition, sort, version, body]),
    );
  }

  /** Sees to it that a write that wasn't carried out never is; the last statement tells whether it was. */
  settle(write: string): readonly Statement[] {
    return [
      text(`INSERT INTO ${this.#stamps} (write, at, fate) VALUES (?, unixepoch(), ${VOID}) ON CONFLICT DO NOTHING`, [
        write,
      ]),
      text(`SELECT fate = ${DONE} FROM ${this.#stamps} WHERE write = ?`, [write]),
    ];
  }

  /** Forgets old stamps. */
  prune(): Statement {
    return text(`DELETE FROM ${this.#stamps} WHERE at < unixepoch() - ${STAMP_SECONDS}`);
  }
}
