import type { World } from "../../types/index.ts";
import type { Attempt } from "../patience.ts";
import { SHARDS_MAX } from "./names.ts";
import type { Name } from "./names.ts";
import type { StoreClock, Units } from "./units.ts";

/*
 * Orders and fences: milliseconds, the process, the shard.
 *
 *   order = (ticks * SLOTS + slot) * SHARDS_MAX + shard        ticks = max(time, last of this process + 1, last of the session + 1)
 *
 * Unique: no process uses a tick twice, and no two have the same slot: slots are counted, and one is given back long before the count
 * comes round again. Rising, whatever the clocks do: a session's head says what was drawn for it last, and what a head said that is
 * dropped goes to its shard's floor before, above which new heads begin.
 */

/** 2026-01-01: orders are whole numbers until the year 2095. */
const EPOCH_MS = 1_767_225_600_000;
const SLOTS = 256;
const TICK = SLOTS * SHARDS_MAX;
/** How long a process keeps a slot; 256 others would have to begin in that time to meet it. */
const SLOT_MS = 600_000;

const SLOT: Name = { partition: "slots", sort: "-" };

/** Draws the numbers of one process. */
export class Orders {
  readonly #units: Units;
  readonly #clock: StoreClock;
  readonly #world: World;
  #slot: number | undefined;
  #slotUntilMs = 0;
  #taking: Promise<void> | undefined;
  #ticks = 0;

  constructor(units: Units, world: World) {
    this.#units = units;
    this.#clock = units.clock;
    this.#world = world;
  }

  /** Makes sure that numbers can be drawn. @throws STORE_UNAVAILABLE */
  async prepare(attempt: Attempt): Promise<void> {
    if (this.#slot !== undefined && this.#world.monotonicMs() < this.#slotUntilMs) return;
    this.#taking ??= this.#take(attempt).finally(() => {
      this.#taking = undefined;
    });
    await this.#taking;
  }

  /** Draws a number for a shard, greater than `after` and than all that this process drew before. */
  draw(shard: number, after: number): number {
    if (this.#slot === undefined) throw new TypeError("Draw order: expected a slot");
    const passed = Math.floor(this.#clock.nowMs() - EPOCH_MS);
    this.#ticks = Math.max(passed, this.#ticks + 1, Math.floor(after / TICK) + 1);
    return (this.#ticks * SLOTS + this.#slot) * SHARDS_MAX + shard;
  }

  async #take(attempt: Attempt): Promise<void> {
    const startedMs = this.#world.monotonicMs();
    this.#slot = await this.#units.run(attempt, "slots", async (unit) => {
      const taken = (await unit.read<number>(SLOT)) ?? 0;
      unit.put(SLOT, taken + 1);
      return taken % SLOTS;
    });
    this.#slotUntilMs = startedMs + SLOT_MS;
  }
}
