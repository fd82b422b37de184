/** What the platform shows by itself for up to 25 seconds, or until the reply. */
const SHOWN_MS = 20_000;
const MAX_MESSAGES = 1_000;

/** When each message's typing sign was last asked for: the platform keeps it up by itself for a while. */
export class TypingTimes {
  readonly #askedMs = new Map<string, number>();

  /** Tells whether a message's sign is due, and counts it where it is. */
  isDue(message: string, nowMs: number): boolean {
    if (nowMs - (this.#askedMs.get(message) ?? -Infinity) < SHOWN_MS) return false;
    this.#askedMs.delete(message);
    if (this.#askedMs.size >= MAX_MESSAGES)
      for (const [oldest] of this.#askedMs) {
        this.#askedMs.delete(oldest);
        break;
      }
    this.#askedMs.set(message, nowMs);
    return true;
  }
}
