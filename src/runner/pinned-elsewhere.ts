import type { Lease } from "../session/index.ts";
import type { SessionKeyText, World } from "../types/index.ts";
import type { PackRegistry } from "./pack-registry.ts";

/** How long a session is left to processes that may have the version of the pack that it waits on. */
const GRACE_MS = 30_000;
const MAX_KNOWN = 10_000;

/**
 * Sessions that wait on a version of a pack which this process hasn't: where others work on the same store, one that was started
 * before an update may still have it, so they are left to it for a while before anybody is told that the version is gone.
 */
export class PinnedElsewhere {
  readonly #world: World;
  readonly #registry: PackRegistry;
  readonly #sinceMs = new Map<SessionKeyText, number>();

  constructor(world: World, registry: PackRegistry) {
    this.#world = world;
    this.#registry = registry;
  }

  /** Tells whether a leased session is to be left to others for now. */
  isLeft({ key, session }: Lease, teamKey: string): boolean {
    if (session?.cursor === undefined) return false;
    const resumption = this.#registry.resume(teamKey, { name: session.pack, hash: session.packHash });
    if (resumption.kind !== "stop" || resumption.why !== "gone") return false;
    const nowMs = this.#world.monotonicMs();
    const sinceMs = this.#sinceMs.get(key);
    if (sinceMs === undefined) {
      this.#forget(nowMs);
      this.#sinceMs.set(key, nowMs);
      return true;
    }
    if (nowMs - sinceMs < GRACE_MS) return true;
    this.#sinceMs.delete(key);
    return false;
  }

  /** Forgets those that somebody else has served long ago. */
  #forget(nowMs: number): void {
    if (this.#sinceMs.size < MAX_KNOWN) return;
    for (const [key, sinceMs] of this.#sinceMs) if (nowMs - sinceMs > 2 * GRACE_MS) this.#sinceMs.delete(key);
    if (this.#sinceMs.size >= MAX_KNOWN) this.#sinceMs.clear();
  }
}
