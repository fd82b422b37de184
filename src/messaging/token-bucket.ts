import { IdleMap } from "../types/index.ts";

/** How much may happen at once, and how fast the allowance returns. */
export interface BucketRate {
  readonly capacity: number;
  readonly perMs: number;
}

/** One allowance that refills with time: `capacity` at once, then `perMs` each millisecond. Time is handed in, so it never runs by itself. */
export class TokenBucket {
  readonly #rate: BucketRate;
  #tokens: number;
  #atMs: number;

  constructor(rate: BucketRate, nowMs: number) {
    this.#rate = rate;
    this.#tokens = rate.capacity;
    this.#atMs = nowMs;
  }

  /** Tells when one token will be there; `nowMs` or earlier means now. */
  readyAtMs(nowMs: number): number {
    this.#refill(nowMs);
    return this.#tokens >= 1 ? nowMs : nowMs + Math.ceil((1 - this.#tokens) / this.#rate.perMs);
  }

  /** Takes one token; false where none is there. */
  take(nowMs: number): boolean {
    this.#refill(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Tells whether the bucket is as a new one would be. */
  isFull(nowMs: number): boolean {
    this.#refill(nowMs);
    return this.#tokens >= this.#rate.capacity;
  }

  #refill(nowMs: number): void {
    if (nowMs > this.#atMs) {
      this.#tokens = Math.min(this.#rate.capacity, this.#tokens + (nowMs - this.#atMs) * this.#rate.perMs);
    }
    this.#atMs = Math.max(this.#atMs, nowMs);
  }
}

/** Buckets by name; full ones are forgotten, since a new one is the same. */
export class TokenBuckets {
  readonly #rate: BucketRate;
  readonly #buckets: IdleMap<string, TokenBucket>;

  /** Where more than `maxBuckets` are busy, some senders are forgiven rather than growing without bound. */
  constructor(rate: BucketRate, maxBuckets = 10_000) {
    this.#rate = rate;
    this.#buckets = new IdleMap((bucket, nowMs) => bucket.isFull(nowMs), maxBuckets);
  }

  /** The bucket of a name. */
  of(name: string, nowMs: number): TokenBucket {
    const known = this.#buckets.get(name);
    if (known !== undefined) return known;
    const bucket = new TokenBucket(this.#rate, nowMs);
    this.#buckets.set(name, bucket, nowMs);
    return bucket;
  }
}
