import type { StatementSync } from "node:sqlite";
import type { SessionKeyText } from "../types/index.ts";
import { claimLost, fateOf, isPending, STATUS, STATUSES } from "./outbox-rules.ts";
import type { HotSession, SqliteCore } from "./sqlite-core.ts";
import type { RawClaim, RawFilter, RawNewRow, RawRow } from "./sqlite-protocol.ts";
import { IS_MARKED, isWhole, rowSum, wholeRow } from "./sqlite-sum.ts";
import type { SqlRow } from "./sqlite-sum.ts";
import { IS_TENANT } from "./sqlite-tenant.ts";
import { conversationOf, SEND_GIVEN_UP } from "./store.ts";
import type { OutboxStatus, SendResult, StoreStats } from "./store.ts";

/** SQL: nobody knows the fate of a send. */
const LOSE = `UPDATE outbox SET status = ${STATUS.unknown}, was_unknown = 1,
  mark = row_sum(ord, ${STATUS.unknown}, attempts, 1, not_before, ended, error, receipt)`;

/** Replies and actions on their way out. */
export class OutboxOps {
  readonly #core: SqliteCore;
  readonly #insert: StatementSync;
  readonly #byOrder: StatementSync;
  readonly #byId: StatementSync;
  readonly #begin: StatementSync;
  readonly #end: StatementSync;
  readonly #lose: StatementSync;
  readonly #recover: StatementSync;
  readonly #requeue: StatementSync;
  readonly #newest: StatementSync;
  readonly #delete: StatementSync;
  readonly #dropOver: StatementSync;
  readonly #givenUp: StatementSync;

  constructor(core: SqliteCore) {
    this.#core = core;
    const { db } = core;
    this.#insert = db.prepare(
      `INSERT INTO outbox (ord, id, key, status, attempts, was_unknown, not_before, created, provider, sink, trace, payload, sum)
       VALUES (?, ?, ?, 0, 0, 0, 0, ?, ?, ?, ?, ?, ?)`,
    );
    this.#byOrder = db.prepare("SELECT * FROM outbox WHERE ord = ?");
    this.#byId = db.prepare("SELECT * FROM outbox WHERE id = ? AND status >= 3 ORDER BY ord LIMIT 1");
    const { sending, queued } = STATUS;
    this.#begin = db.prepare(
      `UPDATE outbox SET status = ${sending}, attempts = attempts + 1,
         mark = row_sum(ord, ${sending}, attempts + 1, was_unknown, not_before, ended, error, receipt)
       WHERE ord = ? AND ${IS_MARKED}`,
    );
    this.#end = db.prepare(
      `UPDATE outbox SET status = ?, was_unknown = ?, not_before = ?, error = ?, receipt = ?, ended = ?, mark = ?
       WHERE ord = ?`,
    );
    this.#lose = db.prepare(`${LOSE} WHERE ord = ? AND ${IS_MARKED}`);
    this.#recover = db.prepare(`${LOSE} WHERE status = ${sending} AND ${IS_MARKED}`);
    this.#requeue = db.prepare(
      `UPDATE outbox SET status = ${queued}, not_before = 0,
         mark = row_sum(ord, ${queued}, attempts, was_unknown, 0, ended, error, receipt)
       WHERE ord = ? AND ${IS_MARKED}`,
    );
    this.#delete = db.prepare("DELETE FROM outbox WHERE ord = ?");
    this.#dropOver = db.prepare(
      `DELETE FROM outbox WHERE ord = ? AND status IN (${STATUS.sent}, ${STATUS.failed}, ${STATUS.abandoned}) AND ${IS_MARKED}`,
    );
    this.#givenUp = db.prepare("SELECT status, count(*) AS n FROM outbox WHERE status >= 3 GROUP BY status");
    this.#newest = db.prepare(
      `SELECT * FROM outbox WHERE ${IS_TENANT} AND (?2 IS NULL OR status = ?2) ORDER BY ord DESC LIMIT ?3`,
    );
  }

  dropSend(order: number): boolean {
    return Number(this.#dropOver.run(order).changes) > 0;
  }

  /** Doubts the sends that had begun when the last process ended. */
  recover(): void {
    this.#recover.run();
  }

  /** Finds an id that another row has which is yet to be sent. */
  duplicateOf(rows: readonly RawNewRow[]): string | undefined {
    for (const [index, [id]] of rows.entries()) {
      if (this.#core.pendingIds.has(id) || rows.findIndex((other) => other[0] === id) !== index) return id;
    }
    return undefined;
  }

  /** Adds a turn's rows. */
  add(rows: readonly RawNewRow[], session: HotSession): void {
    const { sequence, lanes, nowMs, pendingIds } = this.#core;
    for (const [id, provider, sink, payload, trace] of rows) {
      const order = sequence.next();
      const sum = rowSum(order, id, session.key, nowMs, provider, sink, trace, payload);
      this.#insert.run(order, id, session.key, nowMs, provider, sink, trace, payload, sum);
      lanes.add(session.conversation, { order, notBeforeMs: 0, attempts: 0 });
      pendingIds.set(id, order);
    }
  }

  claimSends(sender: string, limit: number, ttlMs: number): RawRow[] {
    const { lanes, monotonicMs, nowMs } = this.#core;
    this.#expire();
    const claimed = lanes.claim(sender, limit, { nowMs, expiresAtMs: monotonicMs + ttlMs });
    const rows: RawRow[] = [];
    for (const { order, attempts } of claimed) {
      const row = (this.#byOrder.get(order) ?? {}) as SqlRow & RawRow;
      if (isWhole("outbox", row)) rows.push(row);
      // It must not be sent, and those behind it go on; the scrub tells of it.
      else lanes.end({ conversation: conversation(row.key), order, attempts, sender });
    }
    return rows;
  }

  beginSend(claim: RawClaim): void {
    const held = this.#core.lanes.held(claim);
    if (held === undefined || held.hasBegun || held.isGone) throw claimLost("Begin send", claim.id);
    if (Number(this.#begin.run(claim.order).changes) === 0) throw claimLost("Begin send", claim.id);
    this.#core.lanes.begin(claim);
  }

  endSend(claim: RawClaim, result: SendResult): void {
    const { lanes, nowMs, pendingIds } = this.#core;
    const held = lanes.held(claim);
    if (held === undefined) throw claimLost("End send", claim.id);
    if (held.isGone) return lanes.end(claim);
    const row = wholeRow("outbox", this.#byOrder.get(claim.order) ?? {}) as SqlRow & RawRow;
    const before = { id: row.id, status: statusOf(row), wasUnknown: row.was_unknown === 1 };
    const fate = fateOf(row.error === null ? before : { ...before, lastError: row.error }, result);
    const receipt = result.kind === "sent" ? (result.receipt ?? null) : null;
    const isOver = !isPending(fate.status);
    const status = STATUS[fate.status];
    const wasUnknown = fate.wasUnknown ? 1 : 0;
    const error = fate.lastError ?? null;
    const endedMs = isOver ? nowMs : null;
    const mark = rowSum(row.ord, status, row.attempts, wasUnknown, fate.notBeforeMs, endedMs, error, receipt);
    this.#end.run(status, wasUnknown, fate.notBeforeMs, error, receipt, endedMs, mark, claim.order);
    if (isOver) {
      lanes.end(claim);
      pendingIds.delete(row.id);
    } else lanes.end(claim, { order: claim.order, notBeforeMs: fate.notBeforeMs, attempts: row.attempts });
  }

  /** Takes a row that is being erased out of what is to be sent. */
  erase(row: { readonly ord: number; readonly id: string; readonly key: string }): void {
    const { lanes, pendingIds } = this.#core;
    if (pendingIds.get(row.id) === row.ord) pendingIds.delete(row.id);
    lanes.drop(conversation(row.key), ({ order }) => order === row.ord);
    this.#delete.run(row.ord);
  }

  /** Counts what waits and what was given up. */
  stats(): Pick<StoreStats, "queued" | "oldestQueuedAtMs" | "unknown" | "failed"> {
    const given = new Map(this.#givenUp.all().map((row) => [Number(row["status"]), Number(row["n"])]));
    const unknown = given.get(STATUS.unknown) ?? 0;
    const queued = this.#core.pendingIds.size - unknown;
    const counts = { queued, unknown, failed: given.get(STATUS.failed) ?? 0 };
    if (queued === 0) return counts;
    for (const order of this.#core.pendingIds.values()) {
      const { status, created } = this.#byOrder.get(order) as unknown as RawRow;
      if (status !== STATUS.unknown) return { ...counts, oldestQueuedAtMs: created };
    }
    return counts;
  }

  listOutbox(filter: RawFilter, status: number | undefined): RawRow[] {
    const rows = this.#newest.all(filter.tenant ?? null, status ?? null, filter.limit);
    return rows.filter((row) => isWhole("outbox", row)) as unknown as RawRow[];
  }

  retrySend(id: string): boolean {
    const found = this.#byId.get(id);
    if (found === undefined) return false;
    const row = wholeRow("outbox", found) as SqlRow & RawRow;
    this.#requeue.run(row.ord);
    const waiting = { order: row.ord, notBeforeMs: 0, attempts: row.attempts };
    this.#core.pendingIds.set(id, row.ord);
    if (statusOf(row) === "unknown") this.#core.lanes.replace(conversation(row.key), waiting);
    else this.#core.lanes.add(conversation(row.key), waiting);
    return true;
  }

  abandonSend(id: string): boolean {
    this.#expire();
    const { lanes, nowMs, pendingIds } = this.#core;
    const order = pendingIds.get(id);
    if (order === undefined) return false;
    const row = wholeRow("outbox", this.#byOrder.get(order) ?? {}) as SqlRow & RawRow;
    if (lanes.isHeld(conversation(row.key), order)) return false;
    const { abandoned } = STATUS;
    const { attempts, was_unknown: wasUnknown } = row;
    const mark = rowSum(order, abandoned, attempts, wasUnknown, 0, nowMs, SEND_GIVEN_UP, null);
    this.#end.run(abandoned, wasUnknown, 0, SEND_GIVEN_UP, null, nowMs, mark, order);
    pendingIds.delete(id);
    lanes.drop(conversation(row.key), (waiting) => waiting.order === order);
    return true;
  }

  /** Doubts the sends that had begun when their claims expired. */
  #expire(): void {
    const { lanes, monotonicMs } = this.#core;
    for (const { order } of lanes.expire(monotonicMs)) {
      this.#lose.run(order);
      const row = this.#byOrder.get(order) as unknown as RawRow;
      lanes.replace(conversation(row.key), { order, notBeforeMs: 0, attempts: row.attempts });
    }
  }
}

function conversation(key: string): string {
  return conversationOf(key as SessionKeyText);
}

function statusOf(row: RawRow): OutboxStatus {
  const status = STATUSES[row.status];
  if (status === undefined) throw new RangeError(`Read outbox row: expected a status of 0 to 5, got ${row.status}`);
  return status;
}
