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
  readonly #insertDelivery: StatementSync;
  readonly #insert: StatementSync;
  readonly #deadByOrder: StatementSync;
  readonly #deadNewest: StatementSync;
  readonly #deleteDead: StatementSync;

  constructor(core: SqliteCore, rooms: { readonly logs: LogOps; readonly turns: TurnOps }) {
    this.#core = core;
    this.#logs = rooms.logs;
    this.#turns = rooms.turns;
    const { db } = core;
    this.#delivery = db.prepare("SELECT log_index FROM delivery WHERE channel = ? AND dedupe = ? AND expires > ?");
    this.#insertDelivery = db.prepare(
      "INSERT OR REPLACE INTO delivery (channel, dedupe, expires, log_index) VALUES (?, ?, ?, ?)",
    );
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
    const first = this.#delivery.get(channel, entry.dedupe, core.nowMs);
    if (first !== undefined) {
      const logIndex = first["log_index"];
      return logIndex === null ? { isNew: false } : { isNew: false, logIndex: Number(logIndex) };
    }
    const session = core.find(entry.key) ?? core.create(entry.key);
    const order = this.#append(session, entry);
    const logIndex = entry.log === undefined ? undefined : this.#logs.append(session.conversation, entry.log);
    this.#insertDelivery.run(channel, entry.dedupe, core.nowMs + entry.ttl, logIndex ?? null);
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
