/** How long anything may take in all, repetitions included; shorter than a lease. */
const REQUEST_MS = 15_000;
/** How long a failing server is waited for by those who can be told to come again: a platform redelivers, a sweep comes round. */
const PATIENCE_MS = 2_000;
/** What would be lost or done again if it weren't asked to the end: a turn that has run, an attempt that was made. */
const PERSISTENT: readonly string[] = ["commit", "record", "release", "renew", "begin_send", "end_send", "renew_sends"];

/** What is known of a request's fate so far. */
export interface Attempt {
  readonly lane: string;
  /** The operation, as the server's function is named. */
  readonly name: string;
  readonly startedMs: number;
}

/** Knows since when servers fail and tells who has waited long enough. A lane is what goes to one slot, or all of a server. */
export class Patience {
  readonly #failingSinceMs = new Map<string, number>();
  #downSinceMs: number | undefined;

  /** Notes that the connection is gone. */
  down(): void {
    this.#downSinceMs ??= performance.now();
  }

  /** Notes that the connection is there again. */
  up(): void {
    this.#downSinceMs = undefined;
  }

  failed(lane: string): void {
    if (!this.#failingSinceMs.has(lane)) this.#failingSinceMs.set(lane, performance.now());
  }

  answered(lane: string): void {
    this.#failingSinceMs.delete(lane);
  }

  /** Tells whether a request has been tried for long enough. */
  isOver({ lane, name, startedMs }: Attempt): boolean {
    const nowMs = performance.now();
    if (nowMs - startedMs > REQUEST_MS) return true;
    if (PERSISTENT.includes(name)) return false;
    const sinceMs = Math.min(this.#downSinceMs ?? nowMs, this.#failingSinceMs.get(lane) ?? nowMs);
    return nowMs - sinceMs > PATIENCE_MS;
  }

  /** Tells whether there is no use in trying: others have waited long enough. */
  isHopeless(name: string): boolean {
    if (this.#downSinceMs === undefined || PERSISTENT.includes(name)) return false;
    return performance.now() - this.#downSinceMs > PATIENCE_MS;
  }
}
