import type { StatementSync } from "node:sqlite";
import type { HotSession, SqliteCore } from "./sqlite-core.ts";
import type { LogOps } from "./sqlite-ops-log.ts";
import type { OutboxOps } from "./sqlite-ops-outbox.ts";
import type { TurnOps } from "./sqlite-ops-turn.ts";
import type { RawFilter, RawOverdue, RawStored, RawSummary } from "./sqlite-protocol.ts";
import { Retention } from "./sqlite-retention.ts";
import type { Scrub } from "./sqlite-scrub.ts";
import { isWhole } from "./sqlite-sum.ts";
import type { SqlRow } from "./sqlite-sum.ts";
import type { StoreStats } from "./store.ts";

/** A row may stay for a journal's sake. */
const IS_THERE = "(body IS NOT NULL OR EXISTS (SELECT 1 FROM timer WHERE timer.session = session.id))";
const SUMMARY = `SELECT * FROM session WHERE ${IS_THERE}`;
/** How old counts may be: those of all sessions that have unread messages take some milliseconds. */
const STATS_AGE_MS = 1_000;

/** Sessions whose sizes one step adds up: some milliseconds of the writer. Lengths are read without what they are of. */
const SIZES = 250;

/** What operators and the sweeper ask. */
export class AdminOps {
  readonly #core: SqliteCore;
  readonly #turns: TurnOps;
  readonly #outbox: OutboxOps;
  readonly #retention: Retention;
  readonly #scrub: Scrub;
  readonly #all: StatementSync;
  readonly #between: StatementSync;
  readonly #keyAfter: StatementSync;
  readonly #receivedAt: StatementSync;
  readonly #countDead: StatementSync;
  readonly #recordBytes: StatementSync;
  readonly #stateBytes: StatementSync;
  #stats: { readonly stats: StoreStats; readonly atMs: number } | undefined;

  constructor(
    core: SqliteCore,
    rooms: { readonly turns: TurnOps; readonly outbox: OutboxOps; readonly logs: LogOps; readonly scrub: Scrub },
  ) {
    this.#core = core;
    this.#turns = rooms.turns;
    this.#scrub = rooms.scrub;
    this.#outbox = rooms.outbox;
    this.#receivedAt = core.db.prepare("SELECT received FROM inbox WHERE ord = ?");
    this.#countDead = core.db.prepare("SELECT count(*) AS n FROM dead_letter");
    this.#recordBytes = core.db.prepare(
      `SELECT max(key) AS last, count(*) AS n, total(bytes) AS bytes FROM
         (SELECT key, octet_length(body) AS bytes FROM session WHERE key > ? AND key < ? ORDER BY key LIMIT ${SIZES})`,
    );
    // CROSS: sessions first, else every step would walk all state.
    this.#stateBytes = core.db.prepare(
      `SELECT total(octet_length(v.key) + octet_length(v.value)) AS bytes FROM session s CROSS JOIN state v ON v.session = s.id
       WHERE s.key > ? AND s.key <= ? AND s.has_state = 1`,
    );
    this.#retention = new Retention(core, rooms);
    this.#all = core.db.prepare(`${SUMMARY} AND key > ? ORDER BY key LIMIT ?`);
    this.#between = core.db.prepare(`${SUMMARY} AND key > ? AND key < ? ORDER BY key LIMIT ?`);
    this.#keyAfter = core.db.prepare("SELECT key FROM session WHERE key > ? ORDER BY key LIMIT 1");
  }

  read(key: string): RawSummary | undefined {
    const session = this.#core.open(key);
    this.#core.settle(session);
    return this.isThere(session) ? [key, session.body, session.unread.length] : undefined;
  }

  /** Rows are in the order of their keys; sessions that have unread messages only are sorted in. */
  list({ tenant, limit, after }: RawFilter & { readonly after: string }): RawSummary[] {
    const rows = this.#rows({ tenant, limit, after }).filter((row) => isWhole("session", row));
    const found = rows.map((row): RawSummary => {
      const key = String(row["key"]);
      const { body = null } = row;
      return [key, body as string | null, this.#core.peek(key)?.unread.length ?? 0];
    });
    const known = new Set(found.map(([key]) => key));
    const isOf = (key: string): boolean =>
      (tenant === undefined || key.split(":", 2)[1] === tenant) &&
      Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0;
    const unstored = this.#core.unstored().filter(({ key }) => isOf(key) && !known.has(key));
    if (unstored.length === 0) return found;
    for (const { key, body, unread } of unstored) found.push([key, body, unread.length]);
    return found.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))).slice(0, limit);
  }

  /** Walks the index of keys: of one tenant, its range in each env. */
  #rows({ tenant, limit, after }: RawFilter & { readonly after: string }): SqlRow[] {
    if (tenant === undefined) return this.#all.all(after, limit);
    const found: SqlRow[] = [];
    for (let env = this.#envAfter(""); env !== undefined && found.length < limit; env = this.#envAfter(`${env};`)) {
      // ";" is the character behind the separator ":".
      const first = `${env}:${tenant}:`;
      const rows = this.#between.all(after > first ? after : first, `${env}:${tenant};`, limit - found.length);
      found.push(...rows);
    }
    return found;
  }

  end(key: string): boolean {
    const session = this.#core.reopen(key);
    const isThere = this.isThere(session);
    if (isThere) this.#turns.end(session);
    else this.#core.settle(session);
    return isThere;
  }

  /** Tells whether there is anything of a session but what it leaves behind. */
  isThere(session: HotSession): boolean {
    return (
      session.body !== null ||
      session.damage !== undefined ||
      session.unread.length > 0 ||
      this.#turns.hasTimers(session)
    );
  }

  stats(): StoreStats {
    const { monotonicMs, records } = this.#core;
    if (this.#stats !== undefined && monotonicMs - this.#stats.atMs < STATS_AGE_MS) return this.#stats.stats;
    const { unread, oldest } = this.#core.countUnread();
    const stats = {
      unread,
      ...(oldest === undefined ? undefined : { oldestUnreadAtMs: Number(this.#receivedAt.get(oldest)?.["received"]) }),
      ...this.#outbox.stats(),
      deadLetters: Number(this.#countDead.get()?.["n"]),
      sessions: records,
    };
    this.#stats = { stats, atMs: monotonicMs };
    return stats;
  }

  /** What the next sessions of `env:tenant` take, behind a key. */
  storedBytes(prefix: string, after: string): RawStored {
    const records = this.#recordBytes.get(after, `${prefix};`);
    if (records === undefined || records["n"] === 0) return { bytes: 0, after: undefined };
    const last = String(records["last"]);
    const bytes = Number(records["bytes"]) + Number(this.#stateBytes.get(after, last)?.["bytes"]);
    return { bytes, after: Number(records["n"]) < SIZES ? undefined : last };
  }

  sweep(nowMs: number): RawOverdue {
    const { leases, lanes, monotonicMs } = this.#core;
    this.#retention.drop(nowMs);
    this.#scrub.step();
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
