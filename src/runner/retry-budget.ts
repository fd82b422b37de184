import type { World } from "../types/index.ts";

/** Retries that may be in hand: what a callee that is well may need at once. */
const CAPACITY = 20;
/** What a call that went well adds, and one that failed: where all fail, a retry for every twentieth call is left. */
const PER_SUCCESS = 0.5;
const PER_FAILURE = 0.05;
/** What time adds, so that a lone flow's retries go on. */
const PER_SECOND = 0.1;
const MAX_CALLEES = 10_000;

interface Bucket {
  tokens: number;
  atMs: number;
}

/**
 * Bounds retries by what their callee bears: a tenant's node whose calls mostly go well may retry freely, one whose calls all fail
 * adds a twentieth to them. Without this an outage is answered with a multiple of its own load. Counted in this process.
 */
export class RetryBudget {
  readonly #world: Pick<World, "monotonicMs">;
  readonly #buckets = new Map<string, Bucket>();

  constructor(world: Pick<World, "monotonicMs">) {
    this.#world = world;
  }

  /** Notes how a first attempt went. */
  note(callee: string, hasFailed: boolean): void {
    const bucket = this.#buckets.get(callee);
    // A full bucket isn't kept: most callees never fail.
    if (bucket === undefined) return;
    this.#fill(bucket);
    bucket.tokens += hasFailed ? PER_FAILURE : PER_SUCCESS;
    if (bucket.tokens >= CAPACITY) this.#buckets.delete(callee);
  }

  /** Takes the right to one retry; false where the callee bears no more. */
  take(callee: string): boolean {
    let bucket = this.#buckets.get(callee);
    if (bucket === undefined) {
      bucket = { tokens: CAPACITY, atMs: this.#world.monotonicMs() };
      if (this.#buckets.size >= MAX_CALLEES) this.#buckets.delete(this.#buckets.keys().next().value ?? "");
      this.#buckets.set(callee, bucket);
    }
    this.#fill(bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  #fill(bucket: Bucket): void {
    const nowMs = this.#world.monotonicMs();
    bucket.tokens += ((nowMs - bucket.atMs) / 1_000) * PER_SECOND;
    bucket.atMs = nowMs;
  }
}
