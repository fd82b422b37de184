import type { RetentionConfig } from "../config/index.ts";
import { isNamed, keepTimesOf } from "../config/index.ts";
import type { OutboxStatus, SessionStore } from "../session/index.ts";
import type { World } from "../types/index.ts";
import { parseSessionKey } from "../types/index.ts";

export interface OutboxSweepOptions {
  readonly world: World;
  readonly store: SessionStore;
  readonly retention: RetentionConfig;
}

/** How often rows are looked at: they are listed to find the old ones. */
const EVERY_MS = 3_600_000;
/** Rows of a status that are looked at; what is behind so many newer ones is found once those are gone. */
const MAX_ROWS = 100_000;
/** What is over. A row that waits or is in doubt holds its conversation back, and stays until it is resolved. */
const OVER: readonly OutboxStatus[] = ["sent", "failed", "abandoned"];

/** Drops sends that are over and past their tenants' time. Where nobody says a time this asks the store nothing. */
export class OutboxSweep {
  readonly #options: OutboxSweepOptions;
  #nextAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: OutboxSweepOptions) {
    this.#options = options;
  }

  async sweep(): Promise<void> {
    const { world, store, retention } = this.#options;
    if (world.monotonicMs() < this.#nextAtMs || !isNamed(retention, "outboxMs")) return;
    this.#nextAtMs = world.monotonicMs() + EVERY_MS;
    const nowMs = world.nowMs();
    for (const status of OVER)
      for (const { order, key, createdAtMs, endedAtMs = createdAtMs } of await store.listOutbox({
        status,
        limit: MAX_ROWS,
      })) {
        const { outboxMs } = keepTimesOf(retention, parseSessionKey(key).tenant);
        if (outboxMs !== undefined && endedAtMs <= nowMs - outboxMs) await store.dropSend(order);
      }
  }
}
