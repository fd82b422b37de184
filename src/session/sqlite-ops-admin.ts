import type { StatementSync } from "node:sqlite";
import type { SqliteCore } from "./sqlite-core.ts";
import type { TurnOps } from "./sqlite-ops-turn.ts";
import type { RawFilter, RawOverdue, RawSummary } from "./sqlite-protocol.ts";
import { Retention } from "./sqlite-retention.ts";

const SUMMARY = "SELECT key, body, (SELECT count(*) FROM inbox WHERE session = id) AS unread FROM session";

/** What operators and the sweeper ask. */
export class AdminOps {
  readonly #core: SqliteCore;
  readonly #turns: TurnOps;
  readonly #retention: Retention;
  readonly #one: StatementSync;
  readonly #all: StatementSync;
  readonly #between: StatementSync;
  readonly #keyAfter: StatementSync;

  constructor(core: SqliteCore, turns: TurnOps) {
    this.#core = core;
    this.#turns = turns;
    this.#retention = new Retention(core, turns);
    const arrays = (sql: string): StatementSync => {
      const statement = core.db.prepare(sql);
      statement.setReturnArrays(true);
      return statement;
    };
    this.#one = arrays(`${SUMMARY} WHERE key = ?`);
    this.#all = arrays(`${SUMMARY} ORDER BY key LIMIT ?`);
    this.#between = arrays(`${SUMMARY} WHERE key > ? AND key < ? ORDER BY key LIMIT ?`);
    this.#keyAfter = core.db.prepare("SELECT key FROM session WHERE key > ? ORDER BY key LIMIT 1");
  }

  read(key: string): RawSummary | undefined {
    return this.#one.get(key) as unknown as RawSummary | undefined;
  }

  /** Walks the index of keys: of one tenant, its range in each env. */
  list({ tenant, limit }: RawFilter): RawSummary[] {
    if (tenant === undefined) return this.#all.all(limit) as unknown as RawSummary[];
    const found: RawSummary[] = [];
    for (let env = this.#envAfter(""); env !== undefined && found.length < limit; env = this.#envAfter(`${env};`)) {
      // ";" is the character behind the separator ":".
      const rows = this.#between.all(`${env}:${tenant}:`, `${env}:${tenant};`, limit - found.length);
      found.push(...(rows as unknown as RawSummary[]));
    }
    return found;
  }

  end(key: string): boolean {
    const session = this.#core.find(key);
    if (session !== undefined) this.#turns.end(session);
    return session !== undefined;
  }

  sweep(nowMs: number): RawOverdue {
    const { leases, lanes, monotonicMs } = this.#core;
    this.#retention.drop(nowMs);
    this.#core.wakeTimers(nowMs);
    return {
      sessions: leases.pick(1_000, monotonicMs).map(({ key }) => key),
      sends: lanes.hasReady({ nowMs, monotonicMs }),
      nextTimerAtMs: this.#core.nextTimerAfter(nowMs),
    };
  }

  #envAfter(key: string): string | undefined {
    const found = this.#keyAfter.get(key)?.["key"];
    return found === undefined ? undefined : String(found).split(":", 1)[0];
  }
}
