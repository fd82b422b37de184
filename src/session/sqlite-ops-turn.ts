import type { StatementSync } from "node:sqlite";
import { isGreenticError } from "../types/index.ts";
import type { Hold } from "./lease-table.ts";
import type { HotSession, SqliteCore, Unread } from "./sqlite-core.ts";
import type { JournalOps } from "./sqlite-ops-journal.ts";
import type { LogOps } from "./sqlite-ops-log.ts";
import type { OutboxOps } from "./sqlite-ops-outbox.ts";
import type { RawDeadLetter, RawEntry, RawLease, RawState, RawTimer, RawTurn } from "./sqlite-protocol.ts";
import { rowSum, wholeRow } from "./sqlite-sum.ts";
import { JOURNAL_RETENTION_MS, LEASE_INBOX_MAX } from "./store.ts";
import { fenceStale, notUnread, rowDuplicate } from "./turn-rules.ts";

/** Leases, steps and commits: the life of a turn. */
export class TurnOps {
  readonly #core: SqliteCore;
  readonly #logs: LogOps;
  readonly #journals: JournalOps;
  readonly #outbox: OutboxOps;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(
    core: SqliteCore,
    rooms: { readonly logs: LogOps; readonly journals: JournalOps; readonly outbox: OutboxOps },
  ) {
    this.#core = core;
    this.#logs = rooms.logs;
    this.#journals = rooms.journals;
    this.#outbox = rooms.outbox;
    this.#sql = prepare(core);
  }

  lease(worker: string, limit: number, ttlMs: number, keys: readonly string[] | undefined): RawLease[] {
    const { leases, monotonicMs, nowMs } = this.#core;
    this.#core.wakeTimers(nowMs);
    const take = (session: HotSession): RawLease | undefined => this.carry(session, this.grant(session, worker, ttlMs));
    if (keys === undefined) {
      const leased = leases.pick(limit, monotonicMs).map(take);
      return leased.filter((lease) => lease !== undefined);
    }
    const taken: RawLease[] = [];
    for (const key of keys) {
      if (taken.length >= limit) break;
      const session = this.#core.peek(key);
      if (session?.hasWork !== true || !leases.isFree(session, monotonicMs)) continue;
      const lease = take(session);
      if (lease !== undefined) taken.push(lease);
    }
    return taken;
  }

  /** Hands a session to a worker under a new fence. */
  grant(session: HotSession, worker: string, ttlMs: number): Hold {
    const { leases, monotonicMs, sequence } = this.#core;
    if (session.hold !== undefined) session.attempt++;
    const hold = { worker, fence: sequence.next(), expiresAtMs: monotonicMs + ttlMs, ttlMs };
    leases.grant(session, hold);
    this.#core.settle(session);
    return hold;
  }

  /**
   * Reads what a lease carries; `only` is the order of the one unread entry where the other side has it already. Undefined where a
   * record of the session is not as it was written: then nobody gets it any more.
   */
  carry(session: HotSession, hold: Hold, only?: number): RawLease | undefined {
    try {
      return [
        session.key,
        hold.fence,
        session.body,
        only ?? session.unread.slice(0, LEASE_INBOX_MAX).map((unread) => this.#entry(unread)),
        session.hasDueTimer ? this.#dueTimers(session) : undefined,
        session.hasState ? this.#state(session) : undefined,
        session.hasSteps ? this.#steps(session) : undefined,
        session.attempt,
      ];
    } catch (error) {
      if (!isGreenticError(error)) throw error;
      session.damage = error;
      this.#core.leases.free(session);
      return undefined;
    }
  }

  #entry({ order }: Unread): RawEntry {
    const row = wholeRow("inbox", this.#sql.entry.get(order) ?? {}) as unknown as RawDeadLetter & {
      readonly forget: number;
    };
    return [order, row.dedupe, row.received, row.trace, row.body, row.forget];
  }

  #dueTimers({ id }: HotSession): RawTimer[] {
    return this.#sql.dueTimers.all(id, this.#core.nowMs).map((row) => {
      const { once, due, payload } = wholeRow("timer", row);
      return [String(once), Number(due), String(payload)];
    });
  }

  #state(session: HotSession): RawState[] {
    session.state ??= this.#readState(session);
    return [...session.state];
  }

  #readState({ id }: HotSession): Map<string, string> {
    const rows = this.#sql.state.all(id);
    return new Map(rows.map((row) => [String(wholeRow("state", row)["key"]), String(row["value"])]));
  }

  #steps({ id }: HotSession): string[] {
    return this.#sql.steps.all(id).map((row) => String(wholeRow("step", row)["body"]));
  }

  renew(key: string, fence: number, ttlMs: number): boolean {
    const session = this.#core.held(key, fence);
    if (session !== undefined) this.#core.leases.renew(session, this.#core.monotonicMs + ttlMs);
    return session !== undefined;
  }

  release(key: string, fence: number): void {
    const session = this.#core.held(key, fence);
    if (session === undefined) return;
    this.#core.leases.free(session);
    this.#core.settle(session);
  }

  /** Returns the first outcome where the step is on record already. */
  record(
    key: string,
    fence: number,
    step: { readonly turn: number; readonly seq: number; readonly body: string },
  ): string | undefined {
    const session = this.#core.held(key, fence);
    if (session === undefined) throw fenceStale("Record step", { key, fence });
    const first = session.hasSteps ? this.#sql.step.get(session.id, step.turn, step.seq) : undefined;
    if (first !== undefined) return String(wholeRow("step", first)["body"]);
    this.#core.store(session);
    const { turn, seq, body } = step;
    this.#sql.insertStep.run(session.id, turn, seq, body, rowSum(session.id, turn, seq, body));
    session.hasSteps = true;
    return undefined;
  }

  commit(turn: RawTurn): RawLease | undefined {
    const core = this.#core;
    const [
      key,
      fence,
      keep,
      body,
      expires,
      consumed,
      dead,
      state,
      timersDone,
      timersNew,
      outbox,
      log,
      answers,
      journal,
      logKeepMs,
    ] = turn;
    const session = core.held(key, fence);
    const hold = session?.hold;
    if (session === undefined || hold === undefined) throw fenceStale("Commit turn", { key, fence });
    for (const order of consumed ?? []) checkUnread(session, order);
    for (const { order } of dead ?? []) {
      checkUnread(session, order);
      wholeRow("inbox", this.#sql.entry.get(order) ?? {});
    }
    for (const [order] of answers ?? []) checkUnread(session, order);
    const duplicate = outbox === undefined ? undefined : this.#outbox.duplicateOf(outbox);
    if (duplicate !== undefined) throw rowDuplicate(key, duplicate);

    // From here on nothing refuses.
    for (const [order, answer] of answers ?? []) {
      const forgetMs = session.unread.find((entry) => entry.order === order)?.forgetMs ?? 0;
      if (forgetMs > core.nowMs)
        this.#sql.answer.run(order, forgetMs, answer, key, rowSum(order, forgetMs, answer, key));
    }
    if (consumed !== undefined || dead !== undefined) this.#consume(session, consumed, dead ?? []);
    if (session.hasSteps) {
      this.#sql.deleteSteps.run(session.id);
      session.hasSteps = false;
    }
    // Its row is the one trace of whose a journal or a log is.
    if (body !== null || timersNew !== undefined || journal !== undefined || log !== undefined) core.store(session);
    if (body === null) this.#clear(session);
    else if (state !== undefined) this.#writeState(session, state);
    for (const once of timersDone ?? []) this.#sql.deleteTimer.run(session.id, once);
    for (const [once, due, payload] of timersNew ?? []) {
      this.#sql.setTimer.run(session.id, once, due, payload, rowSum(session.id, once, due, payload));
      core.timerSet(due);
    }
    if (session.hasDueTimer || timersNew !== undefined) {
      session.hasDueTimer = this.#sql.hasDueTimer.get(session.id, core.nowMs) !== undefined;
    }
    if (outbox !== undefined) this.#outbox.add(outbox, session);
    for (const activity of log ?? []) this.#logs.append(session.conversation, activity, logKeepMs);

    if (journal !== undefined) this.#journals.append(session, ...journal);

    core.setBody(session, body);
    session.attempt = 0;
    if (session.id !== 0) this.#writeSession(session, expires);
    if (keep) core.wakeTimers(core.nowMs);
    if (keep && session.hasWork) {
      core.leases.renew(session, core.monotonicMs + hold.ttlMs);
      return this.carry(session, hold);
    }
    core.leases.free(session);
    core.settle(session);
    return undefined;
  }

  /** Ends a session; its journal and its conversation's log stay for their time. */
  end(session: HotSession): void {
    this.#clear(session);
    for (const { order } of session.unread) this.#sql.deleteEntry.run(order);
    this.#core.setBody(session, null);
    if (session.id !== 0) {
      this.#sql.deleteSteps.run(session.id);
      this.#writeSession(session, null);
    }
    this.#core.forget(session);
  }

  /** Drops a session with its journal, so that nothing tells of it but its conversation's log. */
  drop(session: HotSession): void {
    this.#journals.drop(session);
    this.end(session);
    if (session.id !== 0) this.#sql.deleteSession.run(session.id);
  }

  /** Writes what is kept of a session, or deletes its row where that is nothing. */
  #writeSession(session: HotSession, expires: number | null): void {
    const { id, key, body, journal, turns } = session;
    const hasState = session.hasState ? 1 : 0;
    let until = expires;
    if (body === null && !this.hasTimers(session)) {
      if (journal === 0 && !this.#logs.has(session.conversation)) {
        this.#sql.deleteSession.run(id);
        session.id = 0;
        return;
      }
      until = this.#core.nowMs + JOURNAL_RETENTION_MS;
    }
    const sum = rowSum(id, key, until, hasState, body, journal, turns);
    this.#sql.update.run(body, until, hasState, journal, turns, sum, id);
  }

  hasTimers({ id }: HotSession): boolean {
    return id !== 0 && this.#sql.hasTimer.get(id) !== undefined;
  }

  #clear(session: HotSession): void {
    if (session.id !== 0) this.#sql.deleteTimers.run(session.id);
    session.hasDueTimer = false;
    if (session.hasState) this.#sql.deleteState.run(session.id);
    session.hasState = false;
    session.state = undefined;
  }

  #writeState(session: HotSession, changes: readonly RawState[]): void {
    if (!session.hasState) session.state = new Map();
    for (const [key, value] of changes) {
      if (value === null) {
        this.#sql.deleteStateKey.run(session.id, key);
        session.state?.delete(key);
      } else {
        this.#sql.setState.run(session.id, key, value, rowSum(session.id, key, value));
        session.hasState = true;
        session.state?.set(key, value);
      }
    }
  }

  #consume(session: HotSession, consumed: RawTurn[5], dead: NonNullable<RawTurn[6]>): void {
    const gone = new Set(consumed);
    for (const { order, reason } of dead) {
      this.#sql.bury.run(reason, this.#core.nowMs, order);
      gone.add(order);
    }
    for (const order of gone) this.#sql.deleteEntry.run(order);
    session.unread = session.unread.filter(({ order }) => !gone.has(order));
  }
}

function checkUnread({ key, unread }: HotSession, order: number): void {
  if (!unread.some((entry) => entry.order === order)) throw notUnread(key, order);
}

function prepare({ db }: SqliteCore): Readonly<Record<StatementName, StatementSync>> {
  return {
    entry: db.prepare("SELECT * FROM inbox WHERE ord = ?"),
    answer: db.prepare("INSERT OR REPLACE INTO answer (ord, expires, body, key, sum) VALUES (?, ?, ?, ?, ?)"),
    dueTimers: db.prepare("SELECT * FROM timer WHERE session = ? AND due <= ? ORDER BY due, once"),
    state: db.prepare("SELECT * FROM state WHERE session = ?"),
    steps: db.prepare("SELECT * FROM step WHERE session = ? ORDER BY turn, seq"),
    step: db.prepare("SELECT * FROM step WHERE session = ? AND turn = ? AND seq = ?"),
    insertStep: db.prepare("INSERT INTO step (session, turn, seq, body, sum) VALUES (?, ?, ?, ?, ?)"),
    deleteSteps: db.prepare("DELETE FROM step WHERE session = ?"),
    update: db.prepare(
      "UPDATE session SET body = ?, expires = ?, has_state = ?, journal = ?, turns = ?, sum = ? WHERE id = ?",
    ),
    deleteSession: db.prepare("DELETE FROM session WHERE id = ?"),
    deleteEntry: db.prepare("DELETE FROM inbox WHERE ord = ?"),
    bury: db.prepare(
      `INSERT INTO dead_letter (ord, key, reason, died, dedupe, received, trace, body, sum)
       SELECT ord, key, ?1, ?2, dedupe, received, trace, body, row_sum(ord, key, ?1, ?2, dedupe, received, trace, body)
       FROM inbox WHERE ord = ?3`,
    ),
    setState: db.prepare("INSERT OR REPLACE INTO state (session, key, value, sum) VALUES (?, ?, ?, ?)"),
    deleteStateKey: db.prepare("DELETE FROM state WHERE session = ? AND key = ?"),
    deleteState: db.prepare("DELETE FROM state WHERE session = ?"),
    setTimer: db.prepare("INSERT OR REPLACE INTO timer (session, once, due, payload, sum) VALUES (?, ?, ?, ?, ?)"),
    deleteTimer: db.prepare("DELETE FROM timer WHERE session = ? AND once = ?"),
    deleteTimers: db.prepare("DELETE FROM timer WHERE session = ?"),
    hasTimer: db.prepare("SELECT 1 FROM timer WHERE session = ? LIMIT 1"),
    hasDueTimer: db.prepare("SELECT 1 FROM timer WHERE session = ? AND due <= ? LIMIT 1"),
  };
}

type StatementName =
  | "entry"
  | "answer"
  | "dueTimers"
  | "state"
  | "steps"
  | "step"
  | "insertStep"
  | "deleteSteps"
  | "update"
  | "deleteSession"
  | "deleteEntry"
  | "bury"
  | "setState"
  | "deleteStateKey"
  | "deleteState"
  | "setTimer"
  | "deleteTimer"
  | "deleteTimers"
  | "hasTimer"
  | "hasDueTimer";
