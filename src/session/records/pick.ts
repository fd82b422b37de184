import type { SessionKeyText } from "../../types/index.ts";
import type { Attempt } from "../patience.ts";
import type { Lease, OutboxRow } from "../store.ts";
import type { RecordCore } from "./core.ts";
import type { HeadMark } from "./head.ts";
import { leaseOne } from "./intake.ts";
import type { LaneMark } from "./lanes.ts";
import { pad } from "./names.ts";
import type { Index } from "./names.ts";
import { claimFirst } from "./sends.ts";
import type { Claimant } from "./sends.ts";
import type { StoredRecord } from "./space.ts";

/** Candidates that are read for each that is wanted: others take some of them meanwhile. */
const SPARE = 2;
const CANDIDATES_MAX = 1_000;

/** How many leases are wanted, for whom and how long. */
interface Wanted {
  readonly worker: string;
  readonly limit: number;
  readonly ttlMs: number;
}

/** Leases any sessions that are free and have work: whose lease ended or whose timer fell due first, then the longest waiting. */
export function leaseAny(
  core: RecordCore,
  attempt: Attempt,
  { worker, limit, ttlMs }: Wanted,
): Promise<readonly Lease[]> {
  return take(limit, {
    find: async (count) => {
      const found = await Promise.all([
        scanEach(core, attempt, { index: "held", before: pad(core.clock.monotonicMs() + 1), limit: count }),
        scanEach(core, attempt, { index: "timer", before: pad(core.clock.nowMs() + 1), limit: count }),
        scanEach(core, attempt, { index: "ready", limit: count }),
      ]);
      return { isAll: found.every(({ isAll }) => isAll), names: found.flatMap(({ records }) => records.map(keyIn)) };
    },
    tryOne: (key) => leaseOne(core, attempt, { key: key as SessionKeyText, worker, ttlMs }),
  });
}

/** Leases those of some sessions that are free and have work. */
export function leaseNamed(
  core: RecordCore,
  attempt: Attempt,
  { keys, worker, limit, ttlMs }: Wanted & { readonly keys: readonly SessionKeyText[] },
): Promise<readonly Lease[]> {
  return take(limit, {
    find: async () => ({ isAll: true, names: keys }),
    tryOne: (key) => leaseOne(core, attempt, { key: key as SessionKeyText, worker, ttlMs }),
  });
}

/** Claims the first rows of any lanes that may send, the oldest row first. */
export function claimAny(
  core: RecordCore,
  attempt: Attempt,
  { sender, limit, ttlMs }: Claimant & { readonly limit: number },
): Promise<readonly OutboxRow[]> {
  return take(limit, {
    find: async (count) => {
      const found = await Promise.all([
        scanEach(core, attempt, { index: "claim", before: pad(core.clock.monotonicMs() + 1), limit: count }),
        scanEach(core, attempt, { index: "rest", before: pad(core.clock.nowMs() + 1), limit: count }),
        scanEach(core, attempt, { index: "go", limit: count }),
      ]);
      const marks = found.flatMap(({ records }) => records.map(({ body }) => JSON.parse(body) as LaneMark));
      marks.sort((a, b) => a.order - b.order);
      return { isAll: found.every(({ isAll }) => isAll), names: marks.map(({ conversation }) => conversation) };
    },
    tryOne: (conversation) => claimFirst(core, attempt, { conversation, sender, ttlMs }),
  });
}

/** Where candidates come from, and how one is taken; undefined where somebody was faster. */
interface Source<T> {
  readonly find: (count: number) => Promise<{ readonly names: readonly string[]; readonly isAll: boolean }>;
  readonly tryOne: (name: string) => Promise<T | undefined>;
}

async function take<T>(limit: number, { find, tryOne }: Source<T>): Promise<T[]> {
  const taken: T[] = [];
  const tried = new Set<string>();
  while (taken.length < limit) {
    const { names, isAll } = await find(Math.min(CANDIDATES_MAX, SPARE * limit + tried.size));
    const fresh = [...new Set(names)].filter((name) => !tried.has(name));
    if (fresh.length === 0) break;
    while (fresh.length > 0 && taken.length < limit) {
      const batch = fresh.splice(0, limit - taken.length);
      for (const name of batch) tried.add(name);
      const results = await Promise.allSettled(batch.map(tryOne));
      for (const result of results)
        if (result.status === "fulfilled" && result.value !== undefined) taken.push(result.value);
      const failed = results.find((result) => result.status === "rejected");
      // What was taken is held: its holder must hear of it.
      if (failed !== undefined && taken.length > 0) return taken;
      if (failed !== undefined) throw failed.reason;
    }
    if (isAll) break;
  }
  return taken;
}

/** Reads the beginning of an index in all shards, in the order of the whole. */
export async function scanEach(
  { units, names }: RecordCore,
  attempt: Attempt,
  {
    index,
    limit,
    ...range
  }: { readonly index: Index; readonly limit: number; readonly after?: string; readonly before?: string },
): Promise<{ readonly records: readonly StoredRecord[]; readonly isAll: boolean }> {
  const pages = await Promise.all(
    names.shards.map((shard) => units.records.scan(attempt, { partition: `${index}:${shard}`, limit, ...range })),
  );
  const records = pages.flat().sort((a, b) => (a.sort < b.sort ? -1 : a.sort > b.sort ? 1 : 0));
  return { records, isAll: pages.every((page) => page.length < limit) };
}

/** The session that an index names. */
export function keyIn({ body }: StoredRecord): SessionKeyText {
  const mark = JSON.parse(body) as SessionKeyText | HeadMark;
  return (typeof mark === "string" ? mark : mark.key) as SessionKeyText;
}
