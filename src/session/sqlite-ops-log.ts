import type { StatementSync } from "node:sqlite";
import type { SqliteCore } from "./sqlite-core.ts";
import { LOG_ENTRIES_MAX } from "./store.ts";

/** Entries are trimmed this many at a time, and reading hides what is yet to be trimmed. */
const TRIM_EVERY = 64;

/** Conversations' logs in the file. */
export class LogOps {
  readonly #core: SqliteCore;
  readonly #bump: StatementSync;
  readonly #insert: StatementSync;
  readonly #trim: StatementSync;
  readonly #head: StatementSync;
  readonly #select: StatementSync;

  constructor(core: SqliteCore) {
    this.#core = core;
    this.#bump = core.db.prepare(
      `INSERT INTO conversation (key, next, touched) VALUES (?, 1, ?)
       ON CONFLICT (key) DO UPDATE SET next = next + 1, touched = excluded.touched RETURNING id, next`,
    );
    this.#insert = core.db.prepare("INSERT INTO log (conversation, idx, body) VALUES (?, ?, ?)");
    this.#trim = core.db.prepare("DELETE FROM log WHERE conversation = ? AND idx < ?");
    this.#head = core.db.prepare("SELECT id, next FROM conversation WHERE key = ?");
    this.#select = core.db.prepare("SELECT idx, body FROM log WHERE conversation = ? AND idx > ? ORDER BY idx LIMIT ?");
  }

  /** Appends and returns the entry's index. */
  append(conversation: string, body: string): number {
    const head = this.#bump.get(conversation, this.#core.nowMs);
    const id = Number(head?.["id"]);
    const index = Number(head?.["next"]) - 1;
    this.#insert.run(id, index, body);
    if (index >= LOG_ENTRIES_MAX && index % TRIM_EVERY === 0) this.#trim.run(id, index + 1 - LOG_ENTRIES_MAX);
    return index;
  }

  readLog(conversation: string, after: number, limit: number): (readonly [number, string])[] {
    const head = this.#head.get(conversation);
    if (head === undefined) return [];
    const from = Math.max(after, Number(head["next"]) - LOG_ENTRIES_MAX - 1);
    const rows = this.#select.all(Number(head["id"]), from, limit);
    return rows.map((row) => [Number(row["idx"]), String(row["body"])]);
  }
}
