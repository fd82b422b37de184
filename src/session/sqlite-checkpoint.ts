import type { DatabaseSync, StatementSync } from "node:sqlite";

/** Pages of the log above which they are copied into the file: rarer copies write less, 16 MB bound the time to recover. */
const LOG_PAGES = 4_000;
const PAGE_BYTES = 4_096;
/** Commits between two looks at the log. */
const LOOK_EVERY = 16;

/**
 * Copies the log into the file now and then. SQLite would do so by itself, but keeps quiet about a flush that fails there, and
 * believes the next.
 */
export class Checkpoints {
  readonly #look: StatementSync;
  readonly #copy: StatementSync;
  readonly #logPages: number;
  #commits = 0;

  /** `reserveBytes` of room, where there are such, must do for the log to be copied and go on. */
  constructor(db: DatabaseSync, reserveBytes = Number.POSITIVE_INFINITY) {
    this.#logPages = Math.min(LOG_PAGES, Math.floor((reserveBytes * 2) / 3 / PAGE_BYTES));
    this.#look = db.prepare("PRAGMA wal_checkpoint(NOOP)");
    this.#copy = db.prepare("PRAGMA wal_checkpoint(PASSIVE)");
  }

  /** Counts a commit, and copies when there is enough. @throws what SQLite throws */
  committed(): void {
    if (++this.#commits < LOOK_EVERY) return;
    this.#commits = 0;
    if (Number(this.#look.get()?.["log"]) >= this.#logPages) this.#copy.get();
  }

  /** Copies all there is, so that the log starts over and grows no more. @throws what SQLite throws */
  now(): void {
    this.#copy.get();
  }
}
