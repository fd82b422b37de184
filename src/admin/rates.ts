import { isOwnMachine, networkOf } from "../gateway/index.ts";
import { TokenBuckets } from "../messaging/index.ts";
import { GreenticError } from "../types/index.ts";
import type { World } from "../types/index.ts";

/** A second's worth may come at once, twice. */
const BURST_SECONDS = 2;

/** Bounds how much one address, and one credential, may ask. Addresses of this machine aren't counted, as the gateway's aren't. */
export class Rates {
  readonly #world: Pick<World, "monotonicMs">;
  readonly #addresses: TokenBuckets | undefined;
  readonly #actors: TokenBuckets | undefined;

  constructor(perSecond: number, world: Pick<World, "monotonicMs">) {
    this.#world = world;
    const rate = { capacity: perSecond * BURST_SECONDS, perMs: perSecond / 1_000 };
    this.#addresses = perSecond === 0 ? undefined : new TokenBuckets(rate);
    this.#actors = perSecond === 0 ? undefined : new TokenBuckets(rate);
  }

  /** Before anything of a request is looked at. @throws ADMIN_RATE_LIMITED */
  admitAddress(address: string): void {
    if (!isOwnMachine(address)) this.#take(this.#addresses, networkOf(address), "this address");
  }

  /** Once it is known who asks. @throws ADMIN_RATE_LIMITED */
  admitActor(actor: string): void {
    this.#take(this.#actors, actor, "this credential");
  }

  #take(buckets: TokenBuckets | undefined, name: string, whose: string): void {
    if (buckets === undefined) return;
    const nowMs = this.#world.monotonicMs();
    const bucket = buckets.of(name, nowMs);
    if (bucket.take(nowMs)) return;
    const retryAfterMs = bucket.readyAtMs(nowMs) - nowMs;
    throw new GreenticError("ADMIN_RATE_LIMITED", `Handle admin request: too many of ${whose} of late`, {
      retryAfterMs,
    });
  }
}
