import type { Provider, ReceivedMessage } from "../messaging/index.ts";
import type { Accepted, IngressEntry, SessionStore } from "../session/index.ts";
import { conversationOf } from "../session/index.ts";
import type { SessionKeyText, World } from "../types/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import { deliveryName } from "./delivery-name.ts";
import { sessionKeyOf } from "./own-envelope.ts";
import { readReport } from "./recorded-report.ts";
import type { FlowChoice, TurnReport } from "./runtime.ts";
import type { Delivery, Waiters } from "./waiters.ts";

export interface RequestsOptions {
  readonly world: World;
  readonly store: SessionStore;
  readonly waiters: Waiters;
  readonly accept: (
    provider: Provider,
    message: ReceivedMessage,
    choice: FlowChoice | undefined,
  ) => Promise<{ readonly accepted: Accepted; readonly entry: IngressEntry }>;
  /** Calls back after commits to a conversation. */
  readonly watchLog: (conversation: string, listener: () => void) => () => void;
  readonly isServing: (key: SessionKeyText) => boolean;
  readonly cancel: (delivery: Delivery) => void;
}

const LOOK_MS = 2_000;

/**
 * Messages whose sender waits for the turn. The delivery keeps the report on channels that answer, so that a repeated delivery gets
 * what the first one got, in this process, in another, after a restart.
 */
export class Requests {
  readonly #options: RequestsOptions;

  constructor(options: RequestsOptions) {
    this.#options = options;
  }

  /** Accepts a message and waits for its turn's report. @throws RUNNER_TURN_TIMEOUT */
  async serve(
    provider: Provider,
    message: ReceivedMessage,
    options: { readonly timeoutMs: number; readonly choice?: FlowChoice; readonly signal?: AbortSignal },
  ): Promise<TurnReport> {
    const { world, waiters, cancel } = this.#options;
    const { signal } = options;
    const key = sessionKeyOf(provider, message);
    if (signal?.aborted === true)
      throw new GreenticError("RUNNER_TURN_CANCELLED", `Begin the turn of ${quote(key)}: it was called off`);
    const { promise, resolve, reject } = Promise.withResolvers<TurnReport>();
    const stops = [
      waiters.add({ key, dedupeKey: deliveryName(message.dedupeKey) }, resolve),
      world.schedule(options.timeoutMs, () => {
        const state = `not done within ${options.timeoutMs} ms`;
        reject(new GreenticError("RUNNER_TURN_TIMEOUT", `Wait for the turn of ${quote(key)}: ${state}`));
      }),
    ];
    if (signal !== undefined) {
      const onAbort = (): void => cancel({ key, dedupeKey: deliveryName(message.dedupeKey) });
      signal.addEventListener("abort", onAbort, { once: true });
      stops.push(() => signal.removeEventListener("abort", onAbort));
    }
    const request = { provider, message, choice: options.choice };
    this.#begin(request, { key, resolve, stops }).catch(reject);
    try {
      return await promise;
    } finally {
      for (const stop of stops) stop();
    }
  }

  async #begin(
    request: {
      readonly provider: Provider;
      readonly message: ReceivedMessage;
      readonly choice: FlowChoice | undefined;
    },
    waiting: {
      readonly key: SessionKeyText;
      readonly resolve: (report: TurnReport) => void;
      readonly stops: (() => void)[];
    },
  ): Promise<void> {
    const { accept, watchLog } = this.#options;
    const { provider, message, choice } = request;
    const { key, resolve, stops } = waiting;
    const { accepted, entry } = await accept(provider, message, choice);
    if (accepted.lease !== undefined) return;
    const look = async (): Promise<void> => {
      const recorded = await this.#recorded(entry, accepted);
      if (recorded !== undefined) resolve(recorded);
    };
    if (accepted.answer !== undefined) return resolve(readReport(accepted.answer));
    // Another process may run the turn, or has run it: its report shows as the delivery's answer.
    const lookSoon = (): void => void look().catch(() => undefined);
    stops.push(watchLog(conversationOf(key), lookSoon), this.#lookNowAndThen(lookSoon));
    await look();
  }

  /** Whoever runs the turn tells of it, but what carries the word may lose it. */
  #lookNowAndThen(look: () => void): () => void {
    const { world } = this.#options;
    let cancel = (): void => undefined;
    const later = (): void => {
      cancel = world.schedule(LOOK_MS, () => {
        look();
        later();
      });
    };
    later();
    return () => cancel();
  }

  /** What the delivery's answer tells of the turn; undefined while it is to come or under way. */
  async #recorded(entry: IngressEntry, accepted: Accepted): Promise<TurnReport | undefined> {
    const { store, isServing } = this.#options;
    const { key } = entry;
    // Whether it is over is asked first: what committed before then has its answer by now.
    const summary = accepted.kind === "duplicate" ? await store.read(key) : undefined;
    const isOver = accepted.kind === "duplicate" && (summary?.unread ?? 0) === 0 && !isServing(key);
    const { answer } = await store.accept(entry);
    if (answer !== undefined) return readReport(answer);
    if (!isOver) return undefined;
    // It ran, and nothing was kept: a channel with a log of its own, or one that sends.
    const cursor = summary?.session?.cursor;
    return {
      status: cursor === undefined ? "done" : "waiting",
      reply: [],
      output: null,
      session: key,
      ...(cursor === undefined ? {} : { waitingAt: cursor.node }),
      steps: [],
    };
  }
}
