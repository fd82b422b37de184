import type { SessionRecord, SessionStore } from "../session/index.ts";
import type { GreenticError, SessionKeyText, World } from "../types/index.ts";
import { isJsonObject, toGreenticError } from "../types/index.ts";
import { packsOfFrames } from "./frame.ts";
import type { LoadedPack } from "./loaded-pack.ts";
import type { PackRegistry } from "./pack-registry.ts";

export interface SweeperOptions {
  readonly world: World;
  readonly store: SessionStore;
  readonly registry: PackRegistry;
  readonly intervalMs: number;
  readonly onSession: (key: SessionKeyText) => void;
  readonly onSends: () => void;
  readonly onForgotten: (pack: LoadedPack) => void;
  readonly onError: (error: GreenticError, key: SessionKeyText | undefined) => void;
}

/** Old pack versions are looked after this often. */
const RETIRED_EVERY_MS = 60_000;
const SESSIONS_PAGE = 10_000;
/** Sessions that one sweep names at most. */
const FULL_PAGE = 1_000;
const FULL_PAGE_REST_MS = 50;

/** Finds what nobody announced: lost wake-ups, expired leases and claims, due timers. */
export class Sweeper {
  readonly #options: SweeperOptions;
  #cancel: (() => void) | undefined;
  #nextAtMs = Number.POSITIVE_INFINITY;
  #isRunning = false;
  #isStopped = true;
  #sweeping: Promise<void> | undefined;
  #retiredAtMs = 0;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#isStopped = false;
    this.#schedule(0);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await this.#sweeping;
  }

  /** Makes sure that a timer is found when it is due, not only at the next sweep. */
  expect(dueAtMs: number): void {
    this.#schedule(dueAtMs - this.#options.world.nowMs());
  }

  #schedule(delayMs: number): void {
    if (this.#isStopped || this.#isRunning) return;
    const { world } = this.#options;
    const ms = Math.max(0, delayMs);
    const atMs = world.monotonicMs() + ms;
    if (atMs >= this.#nextAtMs) return;
    this.#cancel?.();
    this.#nextAtMs = atMs;
    this.#cancel = world.schedule(ms, () => {
      this.#nextAtMs = Number.POSITIVE_INFINITY;
      this.#sweeping = this.#sweep();
    });
  }

  async #sweep(): Promise<void> {
    const { world, store, intervalMs, onSession, onSends, onError } = this.#options;
    this.#isRunning = true;
    let delayMs = intervalMs;
    try {
      const overdue = await store.sweep(world.nowMs());
      for (const key of overdue.sessions) onSession(key);
      if (overdue.sends) onSends();
      if (overdue.nextTimerAtMs !== undefined)
        delayMs = Math.min(delayMs, Math.max(1, overdue.nextTimerAtMs - world.nowMs()));
      // A full page means that there is more.
      if (overdue.sessions.length >= FULL_PAGE) delayMs = Math.min(delayMs, FULL_PAGE_REST_MS);
      await this.#releaseRetired();
    } catch (error) {
      onError(toGreenticError(error, "RUNNER_TURN_FAILED", "Sweep"), undefined);
    } finally {
      this.#isRunning = false;
      this.#schedule(delayMs);
    }
  }

  /** Lets go of pack versions that no session waits on any more. */
  async #releaseRetired(): Promise<void> {
    const { world, store, registry } = this.#options;
    const { retired } = registry;
    if (retired.length === 0 || world.monotonicMs() - this.#retiredAtMs < RETIRED_EVERY_MS) return;
    this.#retiredAtMs = world.monotonicMs();
    for (const pack of retired) {
      const sessions = await store.list({ tenant: pack.scope.tenant, limit: SESSIONS_PAGE });
      const isUsed = sessions.some(({ session }) => session?.cursor !== undefined && usesPack(session, pack.packHash));
      // A full page may hide one; keeping a pack too long costs memory, letting it go costs a conversation.
      if (isUsed || sessions.length >= SESSIONS_PAGE) continue;
      registry.forget(pack);
      this.#options.onForgotten(pack);
    }
  }
}

/** Whether a session's flow is of a version of a pack, or called one of it. */
function usesPack({ packHash, snapshot }: SessionRecord, hash: string): boolean {
  if (packHash === hash) return true;
  return isJsonObject(snapshot) && packsOfFrames(snapshot["frames"]).some((called) => called.hash === hash);
}
