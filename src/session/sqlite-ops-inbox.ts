import type { StatementSync } from "node:sqlite";
import type { HotSession, SqliteCore, Unread } from "./sqlite-core.ts";
import type { LogOps } from "./sqlite-ops-log.ts";
import type { TurnOps } from "./sqlite-ops-turn.ts";
import type { RawAccepted, RawDeadLetter, RawFilter, RawIngress } from "./sqlite-protocol.ts";
import { rowSum, wholeRow } from "./sqlite-sum.ts";
import { IS_TENANT } from "./sqlite-tenant.ts";
import { LEASE_TTL_MS } from "./store.ts";

/** Messages on their way in, and those that no turn could handle. */
export class InboxOps {
  readonly #core: SqliteCore;
  readonly #logs: LogOps;
  readonly #turns: TurnOps;
  readonly #delivery: StatementSync;
  readonly #answer: StatementSync;
  readonly #deliver: StatementSync;
  readonly #insert: StatementSync;
  readonly #deadByOrder: StatementSync;
  readonly #deadNewest: StatementSync;
  readonly #deleteDead: StatementSync;

  constructor(core: SqliteCore, rooms: { readonly logs: LogOps; readonly turns: TurnOps }) {
    this.#core = core;
    this.#logs = rooms.logs;
    this.#turns = rooms.turns;
    const { db } = core;
    // Changes nothing where the delivery is known and its time is not over.
    this.#deliver = db.prepare(
      `INSERT INTO delivery (channel, dedupe, expires, ord, log_index, sum) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET expires = excluded.expires, ord = excluded.ord, log_index = excluded.log_index, sum = excluded.sum
       WHERE expires <= ?`,
    );
    this.#delivery = db.prepare("SELECT * FROM delivery WHERE channel = ? AND dedupe = ?");
    this.#answer = db.prepare("SELECT * FROM answer WHERE ord = ?");
    this.#insert = db.prepare(
      "INSERT INTO inbox (ord, key, dedupe, forget, received, trace, body, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    );
    this.#deadByOrder = db.prepare("SELECT * FROM dead_letter WHERE ord = ?");
    this.#deadNewest = db.prepare(`SELECT * FROM dead_letter WHERE ${IS_TENANT} ORDER BY ord DESC LIMIT ?2`);
    this.#deleteDead = db.prepare("DELETE FROM dead_letter WHERE ord = ?");
  }

  accept(entry: RawIngress): RawAccepted {
    const core = this.#core;
    const { nowMs } = core;
    const [key, dedupe, received, trace, body, ttl, isUnnamed, log, worker, leaseTtl, logKeepMs] = entry;
    const session = core.open(key);
    const isLeased = worker !== undefined && core.leases.isFree(session, core.monotonicMs);
    const order = core.sequence.next();
    const logIndex = log === undefined ? undefined : this.#logs.nextIndex(session.conversation);
    const forgetMs = isUnnamed && isLeased ? 0 : nowMs + ttl;
    if (forgetMs > nowMs) {
      const channel = core.channelId(session);
      const added = this.#deliver.run(
        channel,
        dedupe,
        forgetMs,
        order,
        logIndex ?? null,
        rowSum(channel, dedupe, forgetMs, order, logIndex ?? null),
        nowMs,
      );
      if (Number(added.changes) === 0) {
        core.settle(session);
        return this.#duplicate(channel, dedupe);
      }
    }
    this.#append(session, { order, forgetMs }, { dedupe, received, trace, body });
    if (log !== undefined) this.#logs.append(session.conversation, log, logKeepMs);
    if (!isLeased) return [true, logIndex, undefined, undefined];
    // Whatever fell due came before this message, though no sweep has noticed yet.
    core.wakeTimers(nowMs);
    const hold = this.#turns.grant(session, worker, leaseTtl ?? LEASE_TTL_MS);
    const only = session.unread.length === 1 ? order : undefined;
    return [true, logIndex, this.#turns.carry(session, hold, only), undefined];
  }

  #duplicate(channel: number, dedupe: string): RawAccepted {
    const first = wholeRow("delivery", this.#delivery.get(channel, dedupe) ?? {});
    const logIndex = first["log_index"];
    const row = this.#answer.get(first["ord"] ?? 0);
    const answer = row === undefined ? undefined : wholeRow("answer", row)["body"];
    return [
      false,
      typeof logIndex === "number" ? logIndex : undefined,
      undefined,
      typeof answer === "string" ? answer : undefined,
    ];
  }

  listDeadLetters(filter: RawFilter): RawDeadLetter[] {
    const rows = this.#deadNewest.all(filter.tenant ?? null, filter.limit);
    return rows.map((row) => wholeRow("dead_letter", row) as unknown as RawDeadLetter);
  }

  redrive(order: number): boolean {
    const row = this.#deadByOrder.get(order);
    if (row === undefined) return false;
    const letter = wholeRow("dead_letter", row) as unknown as RawDeadLetter;
    const session = this.#core.open(letter.key);
    this.#deleteDead.run(order);
    this.#append(session, { order: this.#core.sequence.next(), forgetMs: 0 }, letter);
    return true;
  }

  dropDeadLetter(order: number): boolean {
    return Number(this.#deleteDead.run(order).changes) > 0;
  }

  #append(
    session: HotSession,
    unread: Unread,
    entry: Pick<RawDeadLetter, "dedupe" | "received" | "trace" | "body">,
  ): void {
    const { dedupe, received, trace, body } = entry;
    const { order, forgetMs } = unread;
    const sum = rowSum(order, session.key, dedupe, forgetMs, received, trace, body);
    this.#insert.run(order, session.key, dedupe, forgetMs, received, trace, body, sum);
    session.unread.push(unread);
    this.#core.settle(session);
  }
}
