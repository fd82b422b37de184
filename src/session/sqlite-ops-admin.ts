import type { StatementSync } from "node:sqlite";
import { exists } from "./sqlite-core.ts";
import type { SqliteCore } from "./sqlite-core.ts";
import type { TurnOps } from "./sqlite-ops-turn.ts";
import type { RawFilter, RawOverdue, RawSummary } from "./sqlite-protocol.ts";
import { Retention } from "./sqlite-retention.ts";

const SUMMARY = "SELECT key, body FROM session";

/** `[key, body]` */
type RawRow = readonly [string, string | null];

/** What operators and the sweeper ask. */
export class AdminOps {
  readonly #core: SqliteCore;
  readonly #turns: TurnOps;
  readonly #retention: Retention;
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
    this.#all = arrays(`${SUMMARY} ORDER BY key LIMIT ?`);
    this.#between = arrays(`${SUMMARY} WHERE key > ? AND key < ? ORDER BY key LIMIT ?`);
    this.#keyAfter = core.db.prepare("SELECT key FROM session WHERE key > ? ORDER BY key LIMIT 1");
  }

  read(key: string): RawSummary | undefined {
    const session = this.#core.open(key);
    this.#core.settle(session);
    return exists(session) ? [key, session.body, session.unread.length] : undefined;
  }

  /** Rows are in the order of their keys; sessions that have unread messages only are sorted in. */
  list({ tenant, limit }: RawFilter): RawSummary[] {
    const found = this.#rows({ tenant, limit }).map(([key, body]): RawSummary => {
      return [key, body, this.#core.peek(key)?.unread.length ?? 0];
    });
    const unstored = this.#core.unstored().filter(({ key }) => tenant === undefined || key.split(":", 2)[1] === tenant);
    if (unstored.length === 0) return found;
    for (const { key, body, unread } of unstored) found.push([key, body, unread.length]);
    return found.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))).slice(0, limit);
  }

  /** Walks the index of keys: of one tenant, its range in each env. */
  #rows({ tenant, limit }: RawFilter): RawRow[] {
    if (tenant === undefined) return this.#all.all(limit) as unknown as RawRow[];
    const found: RawRow[] = [];
    for (let env = this.#envAfter(""); env !== undefined && found.length < limit; env = this.#envAfter(`${env};`)) {
      // ";" is the character behind the separator ":".
      const rows = this.#between.all(`${env}:${tenant}:`, `${env}:${tenant};`, limit - found.length);
      found.push(...(rows as unknown as RawRow[]));
    }
    return found;
  }

  end(key: string): boolean {
    const session = this.#core.open(key);
    const isThere = exists(session);
    if (isThere) this.#turns.end(session);
    else this.#core.settle(session);
    return isThere;
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
