import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { GreenticError, SessionKeyText } from "../types/index.ts";
import { LeaseTable } from "./lease-table.ts";
import type { Hold, Leasable } from "./lease-table.ts";
import { SendLanes } from "./send-lanes.ts";
import type { LaneRow } from "./send-lanes.ts";
import { Openings } from "./sqlite-openings.ts";
import { SequenceCounter } from "./sqlite-sequence.ts";
import { isWhole, rowDamaged, rowSum, wholeRow } from "./sqlite-sum.ts";
import type { SqlRow } from "./sqlite-sum.ts";
import { channelOf, conversationOf } from "./store.ts";

/** Idle sessions whose record stays in memory. */
const IDLE_MAX = 4_096;
/** Records and states above this are read again rather than kept. */
const IDLE_SIZE_MAX = 16_384;

/** An unread message; its body is in the file. */
export interface Unread {
  readonly order: number;
  /** Until when its delivery is remembered; 0 where it never was. */
  readonly forgetMs: number;
}

/** Where a conversation's log stands. */
export interface LogHead {
  readonly id: number;
  /** The index of the next entry, and the one that it has at least where no entry is left. */
  next: number;
  base: number;
  /** How long each entry is kept; null where nobody said. */
  keepMs: number | null;
  /** The last entry's time, and the one that the file knows. */
  touchedMs: number;
  storedMs: number;
}

/** What the worker knows of a session without asking the file: it is the file's only writer. */
export interface HotSession extends Leasable {
  /** The id of its row; 0 while it keeps nothing. */
  id: number;
  readonly key: string;
  readonly channel: string;
  readonly conversation: string;
  /** In order of arrival. */
  unread: Unread[];
  /** The record as it is stored; null where no flow runs. */
  body: string | null;
  hasState: boolean;
  /** The state as JSON texts by key, once it was read. */
  state: Map<string, string> | undefined;
  hasSteps: boolean;
  hasDueTimer: boolean;
  /** The order of the newest turn in its journal, 0 where there is none, and how many there have been. */
  journal: number;
  turns: number;
  /** How often its turn that is due may have ended with its process, or ran out of its lease. */
  attempt: number;
  /** Why nothing more is done for it: a record of it is not as it was written. */
  damage: GreenticError | undefined;
}

/** How many characters a session keeps in memory. */
function sizeOf({ body, state }: HotSession): number {
  let size = body?.length ?? 0;
  if (state !== undefined) for (const [key, value] of state) size += key.length + value.length;
  return size;
}

/** Tells whether the file or the memory holds anything of a session. */
function exists({ id, unread }: HotSession): boolean {
  return id !== 0 || unread.length > 0;
}

class Hot implements HotSession {
  id: number;
  readonly key: string;
  readonly channel: string;
  readonly conversation: string;
  unread: Unread[] = [];
  body: string | null;
  hasState: boolean;
  state: Map<string, string> | undefined;
  hasSteps = false;
  hasDueTimer = false;
  journal: number;
  turns: number;
  attempt = 0;
  damage: GreenticError | undefined;
  hold: Hold | undefined;

  constructor(key: string, row: SqlRow | undefined) {
    this.id = Number(row?.["id"] ?? 0);
    this.key = key;
    this.channel = channelOf(key as SessionKeyText);
    this.conversation = conversationOf(key as SessionKeyText);
    this.body = (row?.["body"] ?? null) as string | null;
    this.hasState = row?.["has_state"] === 1;
    this.journal = Number(row?.["journal"] ?? 0);
    this.turns = Number(row?.["turns"] ?? 0);
  }

  get hasWork(): boolean {
    return (this.unread.length > 0 || this.hasDueTimer) && this.damage === undefined;
  }
}

/**
 * The worker's memory beside the file: sessions in use, leases, claims, what is to be sent, and the clock of the batch that runs.
 * Everything here but leases and claims can be read back from the file, which is what a failed transaction does.
 */
export class SqliteCore {
  readonly db: DatabaseSync;
  readonly sequence: SequenceCounter;
  readonly openings: Openings;
  leases = new LeaseTable<HotSession>();
  lanes = new SendLanes<LaneRow>();
  /** Ids of the rows in the lanes, with their order. */
  readonly pendingIds = new Map<string, number>();
  /** Sessions that have a record. */
  records = 0;
  nowMs = 0;
  monotonicMs = 0;
  /** By conversation. */
  readonly logHeads = new Map<string, LogHead>();
  /** Every session with unread messages, due timers, steps or a hold is here. */
  readonly #sessions = new Map<string, HotSession>();
  readonly #idle = new Map<string, HotSession>();
  readonly #channels = new Map<string, number>();
  readonly #byKey: StatementSync;
  readonly #insert: StatementSync;
  readonly #channelByName: StatementSync;
  readonly #insertChannel: StatementSync;
  readonly #lastId: StatementSync;
  readonly #dueBetween: StatementSync;
  readonly #dueAfter: StatementSync;
  /** Timers due up to this have been noticed. */
  #timersSeenMs = -1;
  #nextTimerMs = 0;
  /** The greatest id of a session's row that was given, 0 where that is to be read. */
  #lastSession = 0;

  constructor(db: DatabaseSync) {
    this.db = db;
    this.sequence = new SequenceCounter(db);
    this.openings = new Openings(db);
    this.#byKey = db.prepare("SELECT * FROM session WHERE key = ?");
    this.#insert = db.prepare("INSERT INTO session (id, key, sum) VALUES (?, ?, ?)");
    this.#lastId = db.prepare("SELECT max(id) AS id FROM session");
    this.#channelByName = db.prepare("SELECT * FROM channel WHERE name = ?");
    this.#insertChannel = db.prepare("INSERT INTO channel (id, name, sum) VALUES (?, ?, ?)");
    this.#dueBetween = db.prepare(
      `SELECT s.key AS key, min(t.due) AS due FROM timer t JOIN session s ON s.id = t.session WHERE t.due > ? AND t.due <= ?
       GROUP BY s.id`,
    );
    this.#dueAfter = db.prepare("SELECT due FROM timer WHERE due > ? ORDER BY due LIMIT 1");
  }

  /** Notes where to go back to if the transaction that begins now fails. */
  begin(clock: { readonly nowMs: number; readonly monotonicMs: number }): void {
    this.nowMs = clock.nowMs;
    this.monotonicMs = clock.monotonicMs;
    if (clock.nowMs < this.#timersSeenMs) {
      // The wall clock was set back: what was noticed as due and isn't any more must be noticed again.
      this.#timersSeenMs = clock.nowMs;
      this.#nextTimerMs = 0;
    }
    this.leases.startJournal();
    this.lanes.startJournal();
  }

  /** Puts this opening of the file on record and reads what the last one left. */
  recover(nowMs: number): void {
    this.sequence.load();
    this.openings.begin(this.sequence.next(), nowMs);
    this.load();
  }

  /** Goes back to what the file and the journals say after the transaction was rolled back. */
  rollback(): void {
    const holds = this.leases.holdsBefore();
    const claims = this.lanes.claimsBefore();
    this.load();
    for (const [key, hold] of holds) {
      const session = this.reopen(key);
      if (exists(session)) this.leases.grant(session, hold);
      else this.settle(session);
    }
    this.lanes.restore(claims);
    this.wakeTimers(this.nowMs);
  }

  /** Reads everything anew that is kept in memory. */
  load(): void {
    this.leases = new LeaseTable();
    this.lanes = new SendLanes();
    this.pendingIds.clear();
    this.logHeads.clear();
    this.#sessions.clear();
    this.#idle.clear();
    this.#channels.clear();
    this.#timersSeenMs = -1;
    this.#nextTimerMs = 0;
    this.#lastSession = 0;
    this.sequence.load();
    this.records = Number(this.db.prepare("SELECT count(*) AS n FROM session WHERE body IS NOT NULL").get()?.["n"]);
    for (const row of this.db.prepare("SELECT * FROM inbox ORDER BY ord").iterate()) {
      const { key, ord, forget } = row;
      const session = this.reopen(String(key));
      if (!isWhole("inbox", row)) session.damage ??= rowDamaged("inbox", row);
      if (session.unread.length === 0) session.attempt = this.openings.sinceArrival(Number(ord));
      session.unread.push({ order: Number(ord), forgetMs: Number(forget) });
    }
    const steps = this.db.prepare("SELECT DISTINCT s.key AS key FROM step t JOIN session s ON s.id = t.session");
    for (const { key } of steps.all()) this.reopen(String(key)).hasSteps = true;
    const pending = this.db.prepare("SELECT * FROM outbox WHERE status IN (0, 1, 4) ORDER BY ord");
    for (const row of pending.iterate()) {
      const { ord, id, key, attempts, not_before } = row;
      // What isn't as it was written must not be sent; the scrub tells of it.
      if (!isWhole("outbox", row)) continue;
      this.pendingIds.set(String(id), Number(ord));
      this.lanes.add(conversationOf(String(key) as SessionKeyText), {
        order: Number(ord),
        notBeforeMs: Number(not_before),
        attempts: Number(attempts),
      });
    }
    for (const session of this.#sessions.values()) this.leases.refresh(session);
  }

  /** The number that stands for a session's channel in the file. */
  channelId({ channel: name }: HotSession): number {
    const known = this.#channels.get(name);
    if (known !== undefined) return known;
    const row = this.#channelByName.get(name);
    const id = row === undefined ? this.#nextChannel() : Number(wholeRow("channel", row)["id"]);
    if (row === undefined) this.#insertChannel.run(id, name, rowSum(id, name));
    this.#channels.set(name, id);
    return id;
  }

  #nextChannel(): number {
    return Number(this.db.prepare("SELECT coalesce(max(id), 0) + 1 AS id FROM channel").get()?.["id"]);
  }

  /** Finds a session that has work; all of those are in memory. */
  peek(key: string): HotSession | undefined {
    return this.#sessions.get(key);
  }

  /**
   * Finds a session in memory or in the file, or begins a new one that has no row yet. Call `settle` when done with it.
   * @throws STORE_DATA_CORRUPT where a record of it is not as it was written
   */
  open(key: string): HotSession {
    const session = this.reopen(key);
    if (session.damage !== undefined) throw session.damage;
    return session;
  }

  /** Finds a session as `open` does, damaged or not. */
  reopen(key: string): HotSession {
    const known = this.#sessions.get(key);
    if (known !== undefined) return known;
    const row = this.#byKey.get(key);
    const session = new Hot(key, row);
    if (row !== undefined && !isWhole("session", row)) session.damage = rowDamaged("session", row);
    this.#sessions.set(key, session);
    return session;
  }

  /** Gives a session the row that what it keeps is filed under. */
  store(session: HotSession): void {
    if (session.id !== 0) return;
    this.#lastSession ||= Number(this.#lastId.get()?.["id"]);
    session.id = ++this.#lastSession;
    this.#insert.run(session.id, session.key, rowSum(session.id, session.key, null, 0, null, 0, 0));
  }

  /** Finds the sessions that have unread messages and no record. */
  unstored(): HotSession[] {
    const found: HotSession[] = [];
    for (const session of this.#sessions.values())
      if (session.body === null && session.unread.length > 0) found.push(session);
    return found;
  }

  /** Counts unread messages and finds the one that has waited longest. */
  countUnread(): { readonly unread: number; readonly oldest: number | undefined } {
    let unread = 0;
    let oldest = Number.POSITIVE_INFINITY;
    for (const session of this.#sessions.values()) {
      unread += session.unread.length;
      oldest = Math.min(oldest, session.unread[0]?.order ?? oldest);
    }
    return { unread, oldest: unread === 0 ? undefined : oldest };
  }

  /** Finds the session that a lease's fence still counts for. */
  held(key: string, fence: number): HotSession | undefined {
    const session = this.#sessions.get(key);
    return session?.hold?.fence === fence ? session : undefined;
  }

  /** Files a session after a change, and lets the longest idle ones go from memory. */
  settle(session: HotSession): void {
    this.leases.refresh(session);
    if (session.damage !== undefined) return;
    if (session.hold !== undefined || session.unread.length > 0 || session.hasDueTimer || session.hasSteps) {
      this.#idle.delete(session.key);
      return;
    }
    if (sizeOf(session) > IDLE_SIZE_MAX) {
      this.#sessions.delete(session.key);
      return;
    }
    this.#idle.delete(session.key);
    this.#idle.set(session.key, session);
    if (this.#idle.size <= IDLE_MAX) return;
    const oldest = this.#idle.keys().next();
    if (oldest.done === true) return;
    this.#idle.delete(oldest.value);
    this.#sessions.delete(oldest.value);
  }

  /** Exchanges a session's record. */
  setBody(session: HotSession, body: string | null): void {
    if (session.body === null && body !== null) this.records++;
    else if (session.body !== null && body === null) this.records--;
    session.body = body;
  }

  /** Drops a session whose row was deleted. */
  forget(session: HotSession): void {
    this.leases.forget(session);
    this.#sessions.delete(session.key);
    this.#idle.delete(session.key);
  }

  /** Notices timers that fell due up to `nowMs`. */
  wakeTimers(nowMs: number): void {
    if (nowMs < this.#nextTimerMs) return;
    for (const { key, due } of this.#dueBetween.all(this.#timersSeenMs, nowMs)) {
      const session = this.reopen(String(key));
      session.hasDueTimer = true;
      session.attempt = Math.max(session.attempt, this.openings.sinceDue(Number(due)));
      this.settle(session);
    }
    this.#timersSeenMs = nowMs;
    this.#nextTimerMs = this.nextTimerAfter(nowMs) ?? Number.POSITIVE_INFINITY;
  }

  nextTimerAfter(nowMs: number): number | undefined {
    const due = this.#dueAfter.get(nowMs)?.["due"];
    return due === undefined ? undefined : Number(due);
  }

  /** Notes that a timer was set. */
  timerSet(dueMs: number): void {
    if (dueMs < this.#nextTimerMs) this.#nextTimerMs = dueMs;
    // After a jump of the wall clock a timer may fall before what has been noticed already.
    if (dueMs <= this.#timersSeenMs) this.#timersSeenMs = dueMs - 1;
  }
}
