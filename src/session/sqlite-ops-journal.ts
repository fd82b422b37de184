import type { StatementSync } from "node:sqlite";
import type { HotSession, SqliteCore } from "./sqlite-core.ts";
import type { RawJournalEntry } from "./sqlite-protocol.ts";
import { JOURNAL_RETENTION_MS, JOURNAL_TURNS_MAX } from "./store.ts";

/** `[before, at, revision, body]` */
type Link = readonly [number, number, number, string];

/** What operators are shown of committed turns: one chain a session, newest first. */
export class JournalOps {
  readonly #core: SqliteCore;
  readonly #insert: StatementSync;
  readonly #byOrder: StatementSync;
  readonly #delete: StatementSync;

  constructor(core: SqliteCore) {
    this.#core = core;
    const { db } = core;
    this.#insert = db.prepare(
      "INSERT INTO journal (ord, session, before, n, revision, at, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
    );
    this.#byOrder = db.prepare("SELECT before, at, revision, body FROM journal WHERE ord = ? AND session = ?");
    this.#byOrder.setReturnArrays(true);
    this.#delete = db.prepare("DELETE FROM journal WHERE ord = ?");
  }

  /** Adds a turn. The session's row, which names the newest, is the caller's to write. */
  append(session: HotSession, revision: number, turn: string): void {
    const { nowMs, sequence } = this.#core;
    const order = sequence.next();
    session.turns++;
    this.#insert.run(order, session.id, session.journal, session.turns, revision, nowMs, turn);
    session.journal = order;
  }

  readJournal(key: string, limit: number): RawJournalEntry[] {
    const session = this.#core.open(key);
    this.#core.settle(session);
    const found: RawJournalEntry[] = [];
    const most = Math.min(limit, JOURNAL_TURNS_MAX);
    for (const [, [, atMs, revision, body]] of this.#chain(session)) {
      if (found.length >= most || atMs <= this.#core.nowMs - JOURNAL_RETENTION_MS) break;
      found.push([revision, atMs, body]);
    }
    return found.toReversed();
  }

  /** Forgets a session's turns. */
  drop(session: HotSession): void {
    for (const [order] of this.#chain(session)) this.#delete.run(order);
    session.journal = 0;
  }

  /** Walks back from the newest; what a sweep dropped ends it. */
  *#chain(session: HotSession): Generator<readonly [number, Link]> {
    for (let order = session.journal; order !== 0;) {
      const link = this.#byOrder.get(order, session.id) as unknown as Link | undefined;
      if (link === undefined) return;
      yield [order, link];
      order = link[0];
    }
  }
}
