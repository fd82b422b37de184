import { IdleMap } from "../types/index.ts";
import type { World } from "../types/index.ts";
import type { TokenRate } from "./store.ts";

interface Bucket {
  readonly rate: TokenRate;
  tokens: number;
  atMs: number;
}

/** The token buckets of a store that one process has to itself. Time is monotonic, so that no jump of the clock fills or empties one. */
export class TokenBuckets {
  readonly #world: World;
  /** Full ones say nothing. */
  readonly #buckets = new IdleMap<string, Bucket>((bucket, nowMs) => filled(bucket, nowMs) >= bucket.rate.capacity);

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
    this.#buckets.set(name, { rate, tokens: isEnough ? left - tokens : left, atMs: nowMs }, nowMs);
    return isEnough ? 0 : Math.max(1, Math.ceil(((tokens - left) * 1_000) / rate.perSecond));
  }
}

function filled({ rate, tokens, atMs }: Bucket, nowMs: number): number {
  return Math.min(rate.capacity, tokens + ((nowMs - atMs) * rate.perSecond) / 1_000);
}
