import type { RetentionConfig } from "../config/index.ts";
import { keepTimesOf } from "../config/index.ts";
import type { BlobStore } from "../blob/index.ts";
import type { SessionRecord, SessionStore } from "../session/index.ts";
import type { GreenticError, SessionKeyText, TenantId, World } from "../types/index.ts";
import { isJsonObject, parseSessionKey, toGreenticError } from "../types/index.ts";
import { DeadLetterSweep } from "./dead-letter-sweep.ts";
import { packsOfFrames } from "./frame.ts";
import type { LoadedPack } from "./loaded-pack.ts";
import { OutboxSweep } from "./outbox-sweep.ts";
import type { PackRegistry } from "./pack-registry.ts";

export interface SweeperOptions {
  readonly world: World;
  readonly store: SessionStore;
  readonly blobs: BlobStore | undefined;
  readonly retention: RetentionConfig;
  readonly registry: PackRegistry;
  readonly intervalMs: number;
  readonly onSession: (key: SessionKeyText) => void;
  readonly onSends: () => void;
  readonly onForgotten: (pack: LoadedPack) => void;
  readonly onError: (error: GreenticError, key: SessionKeyText | undefined) => void;
}

/** Old pack versions are looked after this often. */
const RETIRED_EVERY_MS = 60_000;
/** Files are looked after this often, some at a time, and stay for another day where their session is still there. */
const FILES_EVERY_MS = 60_000;
const FILES_EXTEND_MS = 86_400_000;
const SESSIONS_PAGE = 1_000;
/** Looking takes at most this share of the time: one part in fifty. */
const RETIRED_REST = 50;
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
  #releaseAtMs = RETIRED_EVERY_MS;
  #releasing: Promise<void> | undefined;
  readonly #deadLetters: DeadLetterSweep;
  readonly #outbox: OutboxSweep;
  #filesAtMs = 0;

  constructor(options: SweeperOptions) {
    this.#options = options;
    this.#deadLetters = new DeadLetterSweep(options);
    this.#outbox = new OutboxSweep(options);
  }

  start(): void {
    this.#isStopped = false;
    this.#schedule(0);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await this.#sweeping;
    await this.#releasing;
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
      this.#releaseRetired();
      await this.#sweepFiles();
      await this.#deadLetters.sweep();
      await this.#outbox.sweep();
    } catch (error) {
      onError(toGreenticError(error, "RUNNER_TURN_FAILED", "Sweep"), undefined);
    } finally {
      this.#isRunning = false;
      this.#schedule(delayMs);
    }
  }

  /** Lets go of files whose sessions are gone. */
  async #sweepFiles(): Promise<void> {
    const { world, store, blobs, retention } = this.#options;
    if (blobs === undefined || world.monotonicMs() - this.#filesAtMs < FILES_EVERY_MS) return;
    this.#filesAtMs = world.monotonicMs();
    await blobs.sweep(world.nowMs(), {
      // Where the operator says how long, no session keeps it longer.
      isKept: async (owner) =>
        keepTimesOf(retention, parseSessionKey(owner).tenant).blobsMs === undefined &&
        (await store.read(owner)) !== undefined,
      extendMs: FILES_EXTEND_MS,
    });
  }

  /** Lets go of pack versions that no session waits on any more, beside the sweeps: there may be a million sessions to look at. */
  #releaseRetired(): void {
    const { world, registry, onError } = this.#options;
    const { retired } = registry;
    const nowMs = world.monotonicMs();
    if (retired.length === 0 || this.#releasing !== undefined || nowMs < this.#releaseAtMs) return;
    this.#releasing = this.#release(retired)
      .catch((error: unknown) => onError(toGreenticError(error, "RUNNER_TURN_FAILED", "Release packs"), undefined))
      .finally(() => {
        this.#releasing = undefined;
        const tookMs = world.monotonicMs() - nowMs;
        this.#releaseAtMs = nowMs + Math.max(RETIRED_EVERY_MS, tookMs * RETIRED_REST);
      });
  }

  async #release(retired: readonly LoadedPack[]): Promise<void> {
    const { registry, onForgotten } = this.#options;
    const used = new Set<string>();
    for (const tenant of new Set(retired.map(({ scope }) => scope.tenant))) await this.#collectUsed(tenant, used);
    if (this.#isStopped) return;
    for (const pack of retired) {
      if (used.has(`${pack.scope.tenant} ${pack.packHash}`)) continue;
      registry.forget(pack);
      onForgotten(pack);
    }
  }

  /** Collects the versions that a tenant's sessions wait on. */
  async #collectUsed(tenant: TenantId, used: Set<string>): Promise<void> {
    let after: SessionKeyText | undefined;
    while (!this.#isStopped) {
      const page = await this.#options.store.list({
        tenant,
        limit: SESSIONS_PAGE,
        ...(after !== undefined && { after }),
      });
      for (const { session } of page)
        if (session?.cursor !== undefined) for (const hash of packsOf(session)) used.add(`${tenant} ${hash}`);
      after = page.at(-1)?.key;
      if (page.length < SESSIONS_PAGE) return;
    }
  }
}

/** The versions of packs that a session's flow is of and has called. */
function packsOf({ packHash, snapshot }: SessionRecord): readonly string[] {
  if (!isJsonObject(snapshot)) return [packHash];
  return [packHash, ...packsOfFrames(snapshot["frames"]).map(({ hash }) => hash)];
}
