import type { World } from "../types/index.ts";
import { pause } from "./pause.ts";
import type { SendRate } from "./provider.ts";
import { TokenBucket } from "./token-bucket.ts";

const MAX_NAMES = 20_000;
/** How long a send waits for its turn in hand; for longer it goes back to the queue. */
const MAX_WAIT_MS = 2_000;

/** A channel's paces as one process knows them, with the pauses that its platform asks for. */
export class BucketPace {
  readonly #rates: (conversation: string) => readonly SendRate[];
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #pauses = new Map<string, number>();

  /** @param rates the paces of a send, as `Provider.sendRates` gives them */
  constructor(rates: (conversation: string) => readonly SendRate[]) {
    this.#rates = rates;
  }

  /** When the next send to a conversation may begin; `nowMs` means now. */
  readyAtMs(conversation: string, nowMs: number): number {
    let readyAtMs = nowMs;
    for (const rate of this.#rates(conversation)) {
      const bucket = this.#bucketOf(rate, nowMs);
      readyAtMs = Math.max(readyAtMs, bucket.readyAtMs(nowMs), this.#pauses.get(rate.name) ?? 0);
    }
    return readyAtMs;
  }

  /** Tells whether nothing was sent to a conversation for so long that what isn't counted can't make a send one too many. */
  isIdle(conversation: string, nowMs: number): boolean {
    return this.#rates(conversation).every(
      (rate) => this.#bucketOf(rate, nowMs).isFull(nowMs) && (this.#pauses.get(rate.name) ?? 0) <= nowMs,
    );
  }

  /** Waits for the turn of a send and counts it; gives back when to come again where that is long. */
  async awaitTurn(
    conversation: string,
    { world, signal }: { readonly world: Pick<World, "nowMs" | "schedule">; readonly signal: AbortSignal },
  ): Promise<number | undefined> {
    const giveUpMs = world.nowMs() + MAX_WAIT_MS;
    for (;;) {
      const nowMs = world.nowMs();
      const readyAtMs = this.readyAtMs(conversation, nowMs);
      if (readyAtMs <= nowMs) {
        for (const rate of this.#rates(conversation)) this.#bucketOf(rate, nowMs).take(nowMs);
        return undefined;
      }
      if (readyAtMs > giveUpMs || signal.aborted) return readyAtMs;
      await pause(readyAtMs - nowMs, { world, signal });
    }
  }

  /** Holds back all sends of a pace, by its name. */
  pause(name: string, untilMs: number, nowMs: number): void {
    if (this.#pauses.size >= MAX_NAMES) {
      for (const [other, endsMs] of this.#pauses) if (endsMs <= nowMs) this.#pauses.delete(other);
    }
    this.#pauses.set(name, Math.max(this.#pauses.get(name) ?? 0, untilMs));
  }

  #bucketOf({ name, rate: { capacity, perSecond } }: SendRate, nowMs: number): TokenBucket {
    const known = this.#buckets.get(name);
    if (known !== undefined) return known;
    // A full bucket is as a new one would be.
    if (this.#buckets.size >= MAX_NAMES)
      for (const [other, bucket] of this.#buckets) if (bucket.isFull(nowMs)) this.#buckets.delete(other);
    const bucket = new TokenBucket({ capacity, perMs: perSecond / 1000 }, nowMs);
    this.#buckets.set(name, bucket);
    return bucket;
  }
}
