import type { Provider, ReceivedMessage } from "../messaging/index.ts";
import type { SessionStore } from "../session/index.ts";
import type { World } from "../types/index.ts";

export interface PollInTurnOptions {
  readonly world: World;
  readonly store: SessionStore;
  /** What tells the channel from others. */
  readonly channelKey: string;
  readonly accept: (message: ReceivedMessage) => Promise<void>;
  readonly signal: AbortSignal;
}

/** How long a turn to fetch lasts; who has it asks for the next one first. */
const TURN_MS = 5_000;
/** Others ask so much later than the turn ends. */
const LATE_MS = 500;
const LATE_SPREAD_MS = 1_000;
const STORE_BACKOFF_MS = 1_000;

/**
 * Fetches a channel's messages in one process of many: platforms refuse two who ask at once. The turn is a token that the store gives out
 * once in so many seconds; a process that dies takes no next one, and another does. Where two fetch all the same, each message still
 * counts once by its name.
 */
export async function pollInTurn(provider: Provider, options: PollInTurnOptions): Promise<void> {
  const { signal } = options;
  while (!signal.aborted) {
    const waitMs = await askForTurn(options);
    if (waitMs === 0) await fetchWhileMine(provider, options);
    else {
      const jitter = (options.world.randomBytes(1)[0] ?? 0) / 255;
      await pause(waitMs + LATE_MS + jitter * LATE_SPREAD_MS, options);
    }
  }
}

async function fetchWhileMine(provider: Provider, options: PollInTurnOptions): Promise<void> {
  const turn = new AbortController();
  const mine = { ...options, signal: AbortSignal.any([options.signal, turn.signal]) };
  const fetching = provider.poll?.(options.accept, mine.signal) ?? Promise.resolve();
  try {
    await Promise.race([fetching, holdTurn(mine)]);
  } finally {
    turn.abort();
  }
  await fetching;
}

/** Asks for the next turn at the end of each one; ends when it is another's. */
async function holdTurn(options: PollInTurnOptions): Promise<void> {
  for (let waitMs = 0; waitMs < LATE_MS && !options.signal.aborted; waitMs = await askForTurn(options)) {
    // What is short is only the store's rounding.
    await pause(waitMs === 0 ? TURN_MS : waitMs, options);
  }
}

/** Milliseconds until the turn may be had; 0 means that it is this process's now. */
async function askForTurn({ store, channelKey, signal }: PollInTurnOptions): Promise<number> {
  if (signal.aborted) return STORE_BACKOFF_MS;
  try {
    return await store.takeTokens(`poll:${channelKey}`, { capacity: 1, perSecond: 1_000 / TURN_MS });
  } catch {
    // Without the store nothing could be accepted either.
    return STORE_BACKOFF_MS;
  }
}

function pause(ms: number, { world, signal }: PollInTurnOptions): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = world.schedule(ms, resolve);
  const abort = (): void => {
    cancel();
    resolve();
  };
  signal.addEventListener("abort", abort, { once: true });
  return promise.finally(() => signal.removeEventListener("abort", abort));
}
