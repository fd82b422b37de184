import type { World } from "../types/index.ts";
import type { TokenRate } from "./store.ts";

/** Buckets above which the full ones, which say nothing, are let go. */
const BUCKETS_MAX = 4_096;

interface Bucket {
  readonly rate: TokenRate;
  tokens: number;
  atMs: number;
}

/** The token buckets of a store that one process has to itself. Time is monotonic, so that no jump of the clock fills or empties one. */
export class TokenBuckets {
  readonly #world: World;
  readonly #buckets = new Map<string, Bucket>();
  /** Looked through again once there are this many. */
  #trimAt = BUCKETS_MAX;

  constructor(world: World) {
    this.#world = world;
  }

  /** Takes `tokens` and returns 0, or takes none and returns the milliseconds until there may be enough. @throws RangeError */
  take(name: string, rate: TokenRate, tokens: number): number {
    if (tokens > rate.capacity) {
      throw new RangeError(`Take tokens: expected at most the capacity of ${rate.capacity}, got ${tokens}`);
    }
    const nowMs = this.#world.monotonicMs();
    const known = this.#buckets.get(name);
    const left = known === undefined ? rate.capacity : filled({ ...known, rate }, nowMs);
    const isEnough = left >= tokens;
    this.#buckets.set(name, { rate, tokens: isEnough ? left - tokens : left, atMs: nowMs });
    if (known === undefined && this.#buckets.size > this.#trimAt) this.#trim(nowMs);
    return isEnough ? 0 : Math.max(1, Math.ceil(((tokens - left) * 1_000) / rate.perSecond));
  }

  #trim(nowMs: number): void {
    for (const [name, bucket] of this.#buckets) {
      if (filled(bucket, nowMs) >= bucket.rate.capacity) this.#buckets.delete(name);
    }
    this.#trimAt = Math.max(BUCKETS_MAX, 2 * this.#buckets.size);
  }
}

function filled({ rate, tokens, atMs }: Bucket, nowMs: number): number {
  return Math.min(rate.capacity, tokens + ((nowMs - atMs) * rate.perSecond) / 1_000);
}
