/** Fewer entries than this aren't worth looking through. */
const LEAST = 256;

/**
 * A map of what is in use. Whenever it has twice as many entries as were in use before, those that are idle are let go: it holds about
 * twice what is in use whatever it was asked for before, and looking costs each new entry a small, steady share.
 */
export class IdleMap<K, V> {
  readonly #isIdle: (value: V, nowMs: number) => boolean;
  readonly #max: number;
  readonly #entries = new Map<K, V>();
  /** Looked through once there are this many. */
  #lookAt: number;

  /** `isIdle` tells what may go without a loss. Where more than `max` are in use, the oldest half goes all the same. */
  constructor(isIdle: (value: V, nowMs: number) => boolean, max = Number.POSITIVE_INFINITY) {
    this.#isIdle = isIdle;
    this.#max = max;
    this.#lookAt = Math.min(max, LEAST);
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  set(key: K, value: V, nowMs: number): void {
    if (this.#entries.size >= this.#lookAt && !this.#entries.has(key)) this.#letGo(nowMs);
    this.#entries.set(key, value);
  }

  delete(key: K): boolean {
    return this.#entries.delete(key);
  }

  #letGo(nowMs: number): void {
    for (const [key, value] of this.#entries) if (this.#isIdle(value, nowMs)) this.#entries.delete(key);
    if (this.#entries.size >= this.#max) {
      let surplus = this.#entries.size - Math.floor(this.#max / 2);
      for (const key of this.#entries.keys()) {
        if (surplus-- <= 0) break;
        this.#entries.delete(key);
      }
    }
    this.#lookAt = Math.min(this.#max, Math.max(LEAST, 2 * this.#entries.size));
  }
}
