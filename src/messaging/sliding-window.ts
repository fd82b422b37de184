/** At most `count` events in any span of `windowMs`. */
export interface WindowRate {
  readonly count: number;
  readonly windowMs: number;
}

/**
 * Keeps a rate exactly, where a token bucket would let nearly twice as much through in the first window. Remembers the times of the
 * last `count` events; time is handed in.
 */
export class SlidingWindow {
  readonly #rate: WindowRate;
  readonly #times: number[] = [];

  constructor(rate: WindowRate) {
    this.#rate = rate;
  }

  /** When the next event may be; `nowMs` means now. */
  readyAtMs(nowMs: number): number {
    const { count, windowMs } = this.#rate;
    const oldest = this.#times.length < count ? undefined : this.#times[0];
    return oldest === undefined ? nowMs : Math.max(nowMs, oldest + windowMs);
  }

  /** Counts an event. */
  add(nowMs: number): void {
    this.#times.push(nowMs);
    if (this.#times.length > this.#rate.count) this.#times.shift();
  }

  /** Tells whether all that is remembered is past. */
  isIdle(nowMs: number): boolean {
    return (this.#times.at(-1) ?? -Infinity) + this.#rate.windowMs <= nowMs;
  }
}
