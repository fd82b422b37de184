import type { StatementSync } from "node:sqlite";
import { STATUS } from "./outbox-rules.ts";
import type { SqliteCore } from "./sqlite-core.ts";
import type { TurnOps } from "./sqlite-ops-turn.ts";
import { LOG_RETENTION_MS, SENT_RETENTION_MS } from "./store.ts";

/** Rows of each table that one sweep looks at: a few milliseconds of the writer. */
const SLICE = 4_000;

/**
 * Drops what is past its time. Each sweep looks at the next slice of each table and starts over at the end, so that no index by
 * time is needed: one would cost every accepted message a write, and this costs nobody's turn anything.
 */
export class Retention {
  readonly #core: SqliteCore;
  readonly #turns: TurnOps;
  readonly #sql: Readonly<
    Record<
      "deliveries" | "dropDeliveries" | "answers" | "dropAnswers" | "rows" | "dropRows" | "sessions" | "logs",
      StatementSync
    >
  >;
  readonly #dropLog: StatementSync;
  readonly #dropConversation: StatementSync;
  #channel = -1;
  #dedupe = "";
  #answer = -1;
  #row = -1;
  #session = -1;
  #conversation = -1;

  constructor(core: SqliteCore, turns: TurnOps) {
    this.#core = core;
    this.#turns = turns;
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
        "DELETE FROM delivery WHERE (channel, dedupe) > (?, ?) AND (channel, dedupe) <= (?, ?) AND expires <= ?",
      ),
      answers: slice("answer", "ord"),
      dropAnswers: db.prepare("DELETE FROM answer WHERE ord > ? AND ord <= ? AND expires <= ?"),
      rows: slice("outbox", "ord"),
      dropRows: db.prepare(`DELETE FROM outbox WHERE ord > ? AND ord <= ? AND status = ${STATUS.sent} AND ended <= ?`),
      sessions: db.prepare(`SELECT id, key, expires FROM session WHERE id > ? ORDER BY id LIMIT ${SLICE}`),
      logs: db.prepare(`SELECT id, key, touched FROM conversation WHERE id > ? ORDER BY id LIMIT ${SLICE}`),
    };
    this.#dropLog = db.prepare("DELETE FROM log WHERE conversation = ?");
    this.#dropConversation = db.prepare("DELETE FROM conversation WHERE id = ?");
  }

  drop(nowMs: number): void {
    this.#dropDeliveries(nowMs);
    this.#dropAnswers(nowMs);
    this.#dropSent(nowMs);
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
    for (const { key, expires } of rows) {
      if (expires === null || Number(expires) > nowMs) continue;
      const session = this.#core.open(String(key));
      if (session.unread.length === 0 && this.#core.leases.isFree(session, this.#core.monotonicMs))
        this.#turns.end(session);
      else this.#core.settle(session);
    }
    this.#session = rows.length < SLICE ? -1 : Number(rows.at(-1)?.["id"]);
  }

  #dropLogs(nowMs: number): void {
    const rows = this.#sql.logs.all(this.#conversation);
    const { logHeads } = this.#core;
    for (const { id, key, touched } of rows) {
      // The file's time may lag behind that in memory.
      const touchedMs = logHeads.get(String(key))?.touchedMs ?? Number(touched);
      if (touchedMs > nowMs - LOG_RETENTION_MS) continue;
      logHeads.delete(String(key));
      this.#dropLog.run(Number(id));
      this.#dropConversation.run(Number(id));
    }
    this.#conversation = rows.length < SLICE ? -1 : Number(rows.at(-1)?.["id"]);
  }
}
