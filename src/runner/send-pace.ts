import type { Provider, SendRate } from "../messaging/index.ts";
import type { SessionStore, TokenRate } from "../session/index.ts";
import type { World } from "../types/index.ts";

export interface SendPaceOptions {
  readonly world: World;
  readonly store: SessionStore;
  /** Whether other processes send by the same channels: alone, a channel's own reckoning is all there is to keep to. */
  readonly isShared: boolean;
}

/** How long a row waits in hand for its channel's pace; for longer it goes back to the queue. */
const PACE_WAIT_MS = 2_000;
/** What may lie between a token and its send. */
const SLIP_MS = 50;

/** Keeps sends to their channels' pace before anything is on record: a crash meanwhile leaves no doubt about a send that never began. */
export class SendPace {
  readonly #options: SendPaceOptions;
  /** By bucket: how many wait for it here, and the last of them. One asks at a time; a crowd would ask as often as there are tokens. */
  readonly #queues = new Map<string, { waiting: number; last: Promise<unknown> }>();
  #isStopping = false;

  constructor(options: SendPaceOptions) {
    this.#options = options;
  }

  /** Lets nobody wait any longer. */
  stop(): void {
    this.#isStopping = true;
  }

  /** Resolves when a send may begin, or with when to come again (wall-clock milliseconds) where that is long from now. */
  async awaitTurn(provider: Provider, channelKey: string, conversation: string): Promise<number | undefined> {
    const { world, isShared } = this.#options;
    const untilMs = world.nowMs() + PACE_WAIT_MS;
    const localMs = await this.#awaitLocal(provider, conversation, untilMs);
    if (localMs !== undefined || !isShared) return localMs;
    const rates = provider.sendRates?.(conversation) ?? [];
    for (let at = 0; at < rates.length;) {
      const { name, rate } = rates[at] as SendRate;
      const waitMs = await this.#take(`send:${channelKey}:${name}`, rate, untilMs);
      if (waitMs === 0) at++;
      else {
        const readyAtMs = world.nowMs() + waitMs;
        if (readyAtMs > untilMs || this.#isStopping) return readyAtMs;
        await this.#sleep(waitMs);
        // Tokens say when they were taken. One that was taken long before its send would let the next one come too soon.
        if (waitMs > SLIP_MS) at = 0;
      }
    }
    return undefined;
  }

  async #awaitLocal(provider: Provider, conversation: string, untilMs: number): Promise<number | undefined> {
    if (provider.readyAtMs === undefined) return undefined;
    const { world } = this.#options;
    for (;;) {
      const nowMs = world.nowMs();
      const readyAtMs = provider.readyAtMs(conversation);
      if (readyAtMs <= nowMs) return undefined;
      if (readyAtMs > untilMs || this.#isStopping) return readyAtMs;
      await this.#sleep(readyAtMs - nowMs);
    }
  }

  /** Takes a token and gives 0, or tells how long to wait. Who asks here asks one after the other, and waits for it, but not too long. */
  async #take(bucket: string, rate: TokenRate, untilMs: number): Promise<number> {
    const { world, store } = this.#options;
    const queue = this.#queues.get(bucket) ?? { waiting: 0, last: Promise.resolve() };
    const expectedMs = (queue.waiting * 1_000) / rate.perSecond;
    if (expectedMs > PACE_WAIT_MS) return expectedMs;
    queue.waiting++;
    const ask = async (): Promise<number> => {
      for (;;) {
        const waitMs = await store.takeTokens(bucket, rate);
        // A short while is waited out in line, so that the next one here doesn't take what this one waits for.
        if (waitMs === 0 || waitMs > SLIP_MS || world.nowMs() + waitMs > untilMs || this.#isStopping) return waitMs;
        await this.#sleep(waitMs);
      }
    };
    const mine = queue.last.then(ask, ask);
    queue.last = mine.catch(() => undefined);
    this.#queues.set(bucket, queue);
    try {
      return await mine;
    } finally {
      if (--queue.waiting === 0) this.#queues.delete(bucket);
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((later) => void this.#options.world.schedule(ms, later));
  }
}
