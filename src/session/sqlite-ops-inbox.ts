import type { StatementSync } from "node:sqlite";
import type { HotSession, SqliteCore } from "./sqlite-core.ts";
import type { LogOps } from "./sqlite-ops-log.ts";
import type { TurnOps } from "./sqlite-ops-turn.ts";
import type { RawAccepted, RawDeadLetter, RawFilter, RawIngress } from "./sqlite-protocol.ts";
import { IS_TENANT } from "./sqlite-tenant.ts";
import { LEASE_TTL_MS } from "./store.ts";

/** Messages on their way in, and those that no turn could handle. */
export class InboxOps {
  readonly #core: SqliteCore;
  readonly #logs: LogOps;
  readonly #turns: TurnOps;
  readonly #delivery: StatementSync;
  readonly #deliver: StatementSync;
  readonly #noteLogIndex: StatementSync;
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
      `INSERT INTO delivery (channel, dedupe, expires) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET expires = excluded.expires, log_index = NULL WHERE expires <= ?`,
    );
    this.#delivery = db.prepare("SELECT log_index FROM delivery WHERE channel = ? AND dedupe = ?");
    this.#noteLogIndex = db.prepare("UPDATE delivery SET log_index = ? WHERE channel = ? AND dedupe = ?");
    this.#insert = db.prepare(
      "INSERT INTO inbox (session, ord, dedupe, received, trace, body) VALUES (?, ?, ?, ?, ?, ?)",
    );
    this.#deadByOrder = db.prepare("SELECT * FROM dead_letter WHERE ord = ?");
    this.#deadNewest = db.prepare(`SELECT * FROM dead_letter WHERE ${IS_TENANT} ORDER BY ord DESC LIMIT ?2`);
    this.#deleteDead = db.prepare("DELETE FROM dead_letter WHERE ord = ?");
  }

  accept(entry: RawIngress): RawAccepted {
    const core = this.#core;
    const channel = core.channelId(entry.key);
    if (Number(this.#deliver.run(channel, entry.dedupe, core.nowMs + entry.ttl, core.nowMs).changes) === 0) {
      const logIndex = this.#delivery.get(channel, entry.dedupe)?.["log_index"];
      return typeof logIndex === "number" ? { isNew: false, logIndex } : { isNew: false };
    }
    const session = core.find(entry.key) ?? core.create(entry.key);
    const order = this.#append(session, entry);
    const logIndex = entry.log === undefined ? undefined : this.#logs.append(session.conversation, entry.log);
    if (logIndex !== undefined) this.#noteLogIndex.run(logIndex, channel, entry.dedupe);
    const answer = logIndex === undefined ? { isNew: true } : { isNew: true, logIndex };
    if (entry.worker === undefined || !core.leases.isFree(session, core.monotonicMs)) return answer;
    const hold = this.#turns.grant(session, entry.worker, entry.leaseTtl ?? LEASE_TTL_MS);
    return { ...answer, lease: this.#turns.carry(session, hold, session.unread.length === 1 ? order : undefined) };
  }

  listDeadLetters(filter: RawFilter): RawDeadLetter[] {
    return this.#deadNewest.all(filter.tenant ?? null, filter.limit) as unknown as RawDeadLetter[];
  }

  redrive(order: number): boolean {
    const letter = this.#deadByOrder.get(order) as unknown as RawDeadLetter | undefined;
    if (letter === undefined) return false;
    this.#deleteDead.run(order);
    this.#append(this.#core.find(letter.key) ?? this.#core.create(letter.key), letter);
    return true;
  }

  #append(session: HotSession, entry: Pick<RawIngress, "dedupe" | "received" | "trace" | "body">): number {
    const order = this.#core.sequence.next();
    this.#insert.run(session.id, order, entry.dedupe, entry.received, entry.trace, entry.body);
    session.unread.push(order);
    this.#core.settle(session);
    return order;
  }
}
