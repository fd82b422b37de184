import type { StatementSync } from "node:sqlite";
import type { HotSession, SqliteCore } from "./sqlite-core.ts";
import type { RawJournalEntry } from "./sqlite-protocol.ts";
import { rowSum, wholeRow } from "./sqlite-sum.ts";
import type { SqlRow } from "./sqlite-sum.ts";
import { JOURNAL_RETENTION_MS, JOURNAL_TURNS_MAX } from "./store.ts";

/** A turn, with the order of the one before it. */
interface Link {
  readonly ord: number;
  readonly before: number;
  readonly at: number;
  readonly revision: number;
  readonly body: string;
}

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
      "INSERT INTO journal (ord, session, before, n, revision, at, body, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    );
    this.#byOrder = db.prepare("SELECT * FROM journal WHERE ord = ? AND session = ?");
    this.#delete = db.prepare("DELETE FROM journal WHERE ord = ?");
  }

  /** Adds a turn. The session's row, which names the newest, is the caller's to write. */
  append(session: HotSession, revision: number, turn: string): void {
    const { nowMs, sequence } = this.#core;
    const order = sequence.next();
    session.turns++;
    const { id, journal, turns } = session;
    const sum = rowSum(order, id, journal, turns, revision, nowMs, turn);
    this.#insert.run(order, id, journal, turns, revision, nowMs, turn, sum);
    session.journal = order;
  }

  readJournal(key: string, limit: number): RawJournalEntry[] {
    const session = this.#core.open(key);
    this.#core.settle(session);
    const found: RawJournalEntry[] = [];
    const most = Math.min(limit, JOURNAL_TURNS_MAX);
    for (const row of this.#chain(session)) {
      const { at: atMs, revision, body } = wholeRow("journal", row as unknown as SqlRow) as unknown as Link;
      if (found.length >= most || atMs <= this.#core.nowMs - JOURNAL_RETENTION_MS) break;
      found.push([revision, atMs, body]);
    }
    return found.toReversed();
  }

  /** Forgets a session's turns. */
  drop(session: HotSession): void {
    for (const { ord } of this.#chain(session)) this.#delete.run(ord);
    session.journal = 0;
  }

  /** Walks back from the newest; what a sweep dropped ends it. */
  *#chain(session: HotSession): Generator<Link> {
    for (let order = session.journal; order !== 0;) {
      const link = this.#byOrder.get(order, session.id) as unknown as Link | undefined;
      if (link === undefined) return;
      yield link;
      // A chain leads back; whatever else a damaged row says.
      if (link.before >= order) return;
      order = link.before;
    }
  }
}
