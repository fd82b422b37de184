import type { World } from "../types/index.ts";

/** How much two clocks come apart at most: a part of the time that passes. */
const DRIFT = 2e-4;

/**
 * A server's own time, as its answers tell it. Each answer bounds what its clock says now; what they bound together is narrower than
 * what any of them does, even where it tells whole seconds only.
 */
export class ServerClock {
  readonly #world: World;
  /** The server's time less our monotonic one, as it was known at `atMs`. */
  #bounds: { readonly low: number; readonly high: number; readonly atMs: number } | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  /** Notes an answer: asked for at `askedMs` (monotonic), it said `saidMs`, which may be up to `precisionMs` old. */
  heard(saidMs: number, { askedMs, precisionMs }: { readonly askedMs: number; readonly precisionMs: number }): void {
    const atMs = this.#world.monotonicMs();
    const low = saidMs - atMs;
    const high = saidMs + precisionMs - askedMs;
    const known = this.#bounds ?? { low, high, atMs };
    const drift = (atMs - known.atMs) * DRIFT;
    // A clock that was set, or another machine that answers, moves ours no further than it must: never by its seconds' precision.
    const clamp = (bound: number): number => Math.min(Math.max(bound, low), high);
    this.#bounds = { low: clamp(known.low - drift), high: clamp(known.high + drift), atMs };
  }

  /** Wall-clock milliseconds; ours until the server has answered. */
  nowMs(): number {
    if (this.#bounds === undefined) return this.#world.nowMs();
    return Math.floor(this.#world.monotonicMs() + (this.#bounds.low + this.#bounds.high) / 2);
  }
}
