import type { SessionKeyText } from "../types/index.ts";

/** What no process has had the channel of for so long goes to the dead letters, so that it doesn't stand before the rest for ever. */
export const ORPHAN_MS = 600_000;
/** A session that no sweep has named for so long was served meanwhile. */
const SERVED_MS = 30_000;
const MAX_KNOWN = 10_000;

/** Sessions of channels that this process hasn't: how long they have been waiting for one that has. */
export class Orphans {
  readonly #known = new Map<SessionKeyText, { readonly sinceMs: number; seenMs: number }>();

  /** Tells whether a session that a sweep names has waited too long. */
  isOne(key: SessionKeyText, nowMs: number): boolean {
    const known = this.#known.get(key);
    if (known === undefined || nowMs - known.seenMs > SERVED_MS) {
      if (this.#known.size >= MAX_KNOWN) this.#forget(nowMs);
      this.#known.set(key, { sinceMs: nowMs, seenMs: nowMs });
      return false;
    }
    known.seenMs = nowMs;
    if (nowMs - known.sinceMs <= ORPHAN_MS) return false;
    this.#known.delete(key);
    return true;
  }

  #forget(nowMs: number): void {
    for (const [key, { seenMs }] of this.#known) if (nowMs - seenMs > SERVED_MS) this.#known.delete(key);
    // All of them wait: they start anew, which costs them time alone.
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
  }
}
