import type { Activity } from "./activity.ts";
import { backoffMs, pause } from "./backoff.ts";
import { DirectLineError } from "./rest.ts";

/** What became of one activity. `waiting`: the host is away, it goes out when it is back. */
export type Delivery =
  | { readonly kind: "sending" }
  | { readonly kind: "waiting" }
  | { readonly kind: "sent"; readonly id?: string }
  | { readonly kind: "failed"; readonly code: string };

export interface OutboxOptions {
  readonly post: (activity: Activity) => Promise<string | undefined>;
  readonly onDelivery: (clientActivityID: string, delivery: Delivery) => void;
}

/** Attempts against a host that answers before the person is asked to retry. */
const MOST_ATTEMPTS = 5;

/**
 * Sends activities one at a time in order. A POST without an answer is repeated with the same clientActivityID, so the host
 * recognises it; while the host is away everything waits and nothing fails.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #queue: Activity[] = [];
  readonly #never = new AbortController().signal;
  readonly #hurry = new EventTarget();
  #isOnline = false;
  #isBusy = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Takes an activity that carries a clientActivityID. */
  add(activity: Activity): void {
    this.#queue.push(activity);
    void this.#pump();
  }

  /** Forgets one activity that turned out to have arrived. */
  settle(clientActivityID: string): void {
    const at = this.#queue.findIndex((activity) => activity.channelData?.clientActivityID === clientActivityID);
    if (at >= 0) this.#queue.splice(at, 1);
  }

  /** Forgets what has not been sent. */
  clear(): void {
    this.#queue.length = 0;
  }

  /** Tells whether the host can be reached; becoming reachable sends what waits. */
  setOnline(isOnline: boolean): void {
    this.#isOnline = isOnline;
    if (!isOnline) return;
    this.#hurry.dispatchEvent(new Event("hurry"));
    void this.#pump();
  }

  async #pump(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      for (let next = this.#queue[0]; next !== undefined && this.#isOnline; next = this.#queue[0])
        await this.#deliver(next);
    } finally {
      this.#isBusy = false;
    }
    for (const activity of this.#queue) this.#tell(activity, { kind: "waiting" });
  }

  async #deliver(activity: Activity): Promise<void> {
    for (let attempt = 1; this.#isOnline && this.#queue[0] === activity; attempt++) {
      this.#tell(activity, { kind: "sending" });
      try {
        const id = await this.#options.post(activity);
        this.#drop(activity);
        this.#tell(activity, id === undefined ? { kind: "sent" } : { kind: "sent", id });
        return;
      } catch (error) {
        const failure =
          error instanceof DirectLineError ? error : new DirectLineError("PAGE_FAULT", { status: 400, cause: error });
        const hasAnswered = failure.status !== 0;
        if (!failure.isPassing || (hasAnswered && attempt >= MOST_ATTEMPTS)) {
          this.#drop(activity);
          this.#tell(activity, { kind: "failed", code: failure.code });
          return;
        }
        await pause(Math.max(failure.retryAfterMs ?? 0, backoffMs(attempt)), {
          signal: this.#never,
          hurry: this.#hurry,
        });
      }
    }
  }

  #drop(activity: Activity): void {
    if (this.#queue[0] === activity) this.#queue.shift();
  }

  #tell(activity: Activity, delivery: Delivery): void {
    const id = activity.channelData?.clientActivityID;
    if (id !== undefined) this.#options.onDelivery(id, delivery);
  }
}
