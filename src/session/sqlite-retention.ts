import type { StatementSync } from "node:sqlite";
import { STATUS } from "./outbox-rules.ts";
import type { LogOps } from "./sqlite-ops-log.ts";
import type { HotSession, SqliteCore } from "./sqlite-core.ts";
import type { TurnOps } from "./sqlite-ops-turn.ts";
import { IS_MARKED, isWhole, sumSql } from "./sqlite-sum.ts";
import { JOURNAL_RETENTION_MS, JOURNAL_TURNS_MAX, SENT_RETENTION_MS } from "./store.ts";

/** Rows of each table that one sweep looks at: a few milliseconds of the writer. */
const SLICE = 4_000;

/**
 * Drops what is past its time. Each sweep looks at the next slice of each table and starts over at the end, so that no index by
 * time is needed: one would cost every accepted message a write, and this costs nobody's turn anything.
 */
export class Retention {
  readonly #core: SqliteCore;
  readonly #turns: TurnOps;
  readonly #logs: LogOps;
  readonly #sql: Readonly<
    Record<
      | "deliveries"
      | "dropDeliveries"
      | "answers"
      | "dropAnswers"
      | "rows"
      | "dropRows"
      | "turns"
      | "dropTurns"
      | "session"
      | "sessions"
      | "keep"
      | "logs",
      StatementSync
    >
  >;
  #channel = -1;
  #dedupe = "";
  #answer = -1;
  #row = -1;
  #turn = -1;
  #session = -1;
  #conversation = -1;

  constructor(core: SqliteCore, { turns, logs }: { readonly turns: TurnOps; readonly logs: LogOps }) {
    this.#core = core;
    this.#turns = turns;
    this.#logs = logs;
    const { db } = core;
    const slice = (table: string, id: string): StatementSync =>
      db.prepare(
        `SELECT max(id) AS last, count(*) AS n FROM (SELECT ${id} AS id FROM ${table} WHERE ${id} > ? ORDER BY ${id} LIMIT ${SLICE})`,
      );
    this.#sql = {
      deliveries: db.prepare(
        `SELECT channel, dedupe FROM delivery WHERE (channel, dedupe) > (?, ?) ORDER BY channel, dedupe LIMIT 1 OFFSET ${SLICE - 1}`,
      ),
      dropDeliveries: db.prepare(
        `DELETE FROM delivery WHERE (channel, dedupe) > (?, ?) AND (channel, dedupe) <= (?, ?) AND expires <= ?
         AND sum = ${sumSql("delivery")}`,
      ),
      answers: slice("answer", "ord"),
      dropAnswers: db.prepare(
        `DELETE FROM answer WHERE ord > ? AND ord <= ? AND expires <= ? AND sum = ${sumSql("answer")}`,
      ),
      rows: slice("outbox", "ord"),
      dropRows: db.prepare(
        `DELETE FROM outbox WHERE ord > ? AND ord <= ? AND status = ${STATUS.sent} AND ended <= ? AND ${IS_MARKED}`,
      ),
      turns: slice("journal", "ord"),
      dropTurns: db.prepare(
        `DELETE FROM journal WHERE ord > ? AND ord <= ?
         AND (at <= ? OR n <= (SELECT turns FROM session WHERE id = journal.session) - ${JOURNAL_TURNS_MAX})
         AND sum = ${sumSql("journal")}`,
      ),
      keep: db.prepare(
        "UPDATE session SET expires = ?1, sum = row_sum(id, key, ?1, has_state, body, journal, turns) WHERE id = ?2",
      ),
      session: db.prepare("SELECT * FROM session WHERE id = ?"),
      sessions: db.prepare(`SELECT id, key, expires FROM session WHERE id > ? ORDER BY id LIMIT ${SLICE}`),
      logs: db.prepare(`SELECT * FROM conversation WHERE id > ? ORDER BY id LIMIT ${SLICE}`),
    };
  }

  drop(nowMs: number): void {
    this.#dropDeliveries(nowMs);
    this.#dropAnswers(nowMs);
    this.#dropSent(nowMs);
    this.#dropTurns(nowMs);
    this.#dropSessions(nowMs);
    this.#dropLogs(nowMs);
  }

  #dropDeliveries(nowMs: number): void {
    const last = this.#sql.deliveries.get(this.#channel, this.#dedupe);
    const channel = last === undefined ? Number.MAX_SAFE_INTEGER : Number(last["channel"]);
    const dedupe = last === undefined ? "" : String(last["dedupe"]);
    this.#sql.dropDeliveries.run(this.#channel, this.#dedupe, channel, dedupe, nowMs);
    this.#channel = last === undefined ? -1 : channel;
    this.#dedupe = dedupe;
  }

  #dropAnswers(nowMs: number): void {
    const slice = this.#sql.answers.get(this.#answer);
    const last = Number(slice?.["last"]);
    if (Number(slice?.["n"]) > 0) this.#sql.dropAnswers.run(this.#answer, last, nowMs);
    this.#answer = Number(slice?.["n"]) < SLICE ? -1 : last;
  }

  #dropSent(nowMs: number): void {
    const slice = this.#sql.rows.get(this.#row);
    if (Number(slice?.["n"]) > 0) this.#sql.dropRows.run(this.#row, Number(slice?.["last"]), nowMs - SENT_RETENTION_MS);
    this.#row = Number(slice?.["n"]) < SLICE ? -1 : Number(slice?.["last"]);
  }

  /** Only what is free and has nothing unread: a message must never vanish with its session. */
  #dropSessions(nowMs: number): void {
    const rows = this.#sql.sessions.all(this.#session);
    for (const { id, key, expires } of rows) {
      if (expires === null || Number(expires) > nowMs) continue;
      const session = this.#core.reopen(String(key));
      // What may not have expired at all must not go.
      if (session.damage !== undefined || !isWhole("session", this.#sql.session.get(id ?? 0) ?? {})) continue;
      const isIdle = session.unread.length === 0 && this.#core.leases.isFree(session, this.#core.monotonicMs);
      if (!isIdle) this.#core.settle(session);
      else if (session.body !== null) this.#turns.end(session);
      else this.#dropTrace(session, nowMs);
    }
    this.#session = rows.length < SLICE ? -1 : Number(rows.at(-1)?.["id"]);
  }

  /** Of an ended session only its row is left, whose journal is past its time; it stays while there is a log to find by it. */
  #dropTrace(session: HotSession, nowMs: number): void {
    if (!this.#logs.has(session.conversation)) this.#turns.drop(session);
    else {
      this.#sql.keep.run(nowMs + JOURNAL_RETENTION_MS, session.id);
      this.#core.settle(session);
    }
  }

  #dropTurns(nowMs: number): void {
    const slice = this.#sql.turns.get(this.#turn);
    const last = Number(slice?.["last"]);
    if (Number(slice?.["n"]) > 0) this.#sql.dropTurns.run(this.#turn, last, nowMs - JOURNAL_RETENTION_MS);
    this.#turn = Number(slice?.["n"]) < SLICE ? -1 : last;
  }

  #dropLogs(nowMs: number): void {
    const rows = this.#sql.logs.all(this.#conversation);
    for (const row of rows) this.#logs.dropPast(row, nowMs);
    this.#conversation = rows.length < SLICE ? -1 : Number(rows.at(-1)?.["id"]);
  }
}
