import type { RetentionConfig } from "../config/index.ts";
import { isNamed, keepTimesOf } from "../config/index.ts";
import type { SessionStore } from "../session/index.ts";
import type { World } from "../types/index.ts";
import { parseSessionKey } from "../types/index.ts";

export interface DeadLetterSweepOptions {
  readonly world: World;
  readonly store: SessionStore;
  readonly retention: RetentionConfig;
}

/** How often dead letters are looked at: they are listed to find the old ones. */
const EVERY_MS = 3_600_000;
/** Letters that are looked at; what is behind so many newer ones is found once those are gone. */
const MAX_LETTERS = 100_000;

/** Drops dead letters past their tenants' time. Where nobody says a time they stay, and this asks the store nothing. */
export class DeadLetterSweep {
  readonly #options: DeadLetterSweepOptions;
  #nextAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: DeadLetterSweepOptions) {
    this.#options = options;
  }

  async sweep(): Promise<void> {
    const { world, store, retention } = this.#options;
    if (world.monotonicMs() < this.#nextAtMs || !isNamed(retention, "deadLettersMs")) return;
    this.#nextAtMs = world.monotonicMs() + EVERY_MS;
    const nowMs = world.nowMs();
    for (const { order, key, diedAtMs } of await store.listDeadLetters({ limit: MAX_LETTERS })) {
      const { deadLettersMs } = keepTimesOf(retention, parseSessionKey(key).tenant);
      if (deadLettersMs !== undefined && diedAtMs <= nowMs - deadLettersMs) await store.dropDeadLetter(order);
    }
  }
}
