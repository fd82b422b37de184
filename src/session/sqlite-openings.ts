import type { DatabaseSync } from "node:sqlite";

/** Openings that are remembered: more deaths of its process than these need no counting. */
const OPENINGS_MAX = 64;

/**
 * Tells how often the file was opened after a process that died, counted from a message's arrival: what a lease that ended with its
 * process can still be known by, without a write for each lease. A file that was closed in order doesn't count.
 */
export class Openings {
  readonly #db: DatabaseSync;
  /** Oldest first. */
  #openings: readonly { readonly order: number; readonly atMs: number }[] = [];

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** Puts this opening on record; `order` is the first number that is drawn in it. */
  begin(order: number, nowMs: number): void {
    const db = this.#db;
    const wasOpen = db.prepare("SELECT value FROM meta WHERE name = 'is_open'").get()?.["value"] === 1;
    if (wasOpen) {
      db.prepare("INSERT INTO opening (ord, at) VALUES (?, ?)").run(order, nowMs);
      db.prepare(
        `DELETE FROM opening WHERE ord NOT IN (SELECT ord FROM opening ORDER BY ord DESC LIMIT ${OPENINGS_MAX})`,
      ).run();
    } else db.exec("UPDATE meta SET value = 1, sum = row_sum(name, 1) WHERE name = 'is_open'");
    const rows = db.prepare("SELECT ord, at FROM opening ORDER BY ord").all();
    this.#openings = rows.map((row) => ({ order: Number(row["ord"]), atMs: Number(row["at"]) }));
  }

  /** Notes that the process leaves the file as it should be. */
  end(): void {
    this.#db.exec("UPDATE meta SET value = 0, sum = row_sum(name, 0) WHERE name = 'is_open'");
  }

  sinceArrival(order: number): number {
    return this.#openings.filter((opening) => opening.order > order).length;
  }

  sinceDue(dueMs: number): number {
    return this.#openings.filter(({ atMs }) => atMs > dueMs).length;
  }
}
