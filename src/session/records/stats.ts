import type { Attempt } from "../patience.ts";
import type { StoreStats } from "../store.ts";
import type { RecordCore } from "./core.ts";
import type { HeadMark } from "./head.ts";
import type { LaneMark } from "./lanes.ts";
import type { Index } from "./names.ts";
import type { StoredRecord } from "./space.ts";

/** How old a count may be. */
const STALE_MS = 1_000;
/** Records of one index that are counted in each shard: a larger count says that there are at least as many. */
const COUNTED_MAX = 10_000;
const PAGE = 1_000;

/** Counts what waits, by the files of sessions and lanes: a database of records keeps no sums that everybody could write. */
export class RecordStats {
  readonly #core: RecordCore;
  #counted: { readonly atMs: number; readonly stats: Promise<StoreStats> } | undefined;

  constructor(core: RecordCore) {
    this.#core = core;
  }

  read(attempt: Attempt): Promise<StoreStats> {
    const atMs = this.#core.clock.monotonicMs();
    if (this.#counted !== undefined && Math.abs(atMs - this.#counted.atMs) < STALE_MS) return this.#counted.stats;
    const stats = this.#count(attempt);
    this.#counted = { atMs, stats };
    stats.catch(() => {
      this.#counted = undefined;
    });
    return stats;
  }

  async #count(attempt: Attempt): Promise<StoreStats> {
    const [sessions, lanes, failed, deadLetters, listed] = await Promise.all([
      this.#marks<HeadMark>(attempt, ["ready", "held"]),
      this.#marks<LaneMark>(attempt, ["go", "rest", "claim"]),
      this.#marks<unknown>(attempt, ["rows-f"]),
      this.#marks<unknown>(attempt, ["dead"]),
      this.#marks<readonly [string, number]>(attempt, ["keys"]),
    ]);
    const oldestUnreadAtMs = least(sessions.map(({ oldestMs }) => oldestMs));
    const oldestQueuedAtMs = least(lanes.map(({ oldestMs }) => oldestMs));
    return {
      unread: sum(sessions.map(({ unread }) => unread)),
      ...(oldestUnreadAtMs === undefined ? {} : { oldestUnreadAtMs }),
      queued: sum(lanes.map(({ queued }) => queued)),
      ...(oldestQueuedAtMs === undefined ? {} : { oldestQueuedAtMs }),
      unknown: sum(lanes.map(({ unknown }) => unknown)),
      failed: failed.length,
      deadLetters: deadLetters.length,
      sessions: sum(listed.map(([, hasRecord]) => hasRecord)),
    };
  }

  async #marks<T>(attempt: Attempt, indexes: readonly Index[]): Promise<T[]> {
    const { names } = this.#core;
    const partitions = indexes.flatMap((index) => names.shards.map((shard) => `${index}:${shard}`));
    const found = await Promise.all(partitions.map((partition) => this.#walk(attempt, partition)));
    return found.flat().map(({ body }) => JSON.parse(body) as T);
  }

  async #walk(attempt: Attempt, partition: string): Promise<readonly StoredRecord[]> {
    const found: StoredRecord[] = [];
    for (;;) {
      const after = found.at(-1)?.sort;
      const range = after === undefined ? { partition, limit: PAGE } : { partition, after, limit: PAGE };
      const page = await this.#core.units.records.scan(attempt, range);
      found.push(...page);
      if (page.length < PAGE || found.length >= COUNTED_MAX) return found;
    }
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function least(numbers: readonly (number | undefined)[]): number | undefined {
  const known = numbers.filter((number) => number !== undefined);
  return known.length === 0 ? undefined : known.reduce((a, b) => Math.min(a, b));
}
