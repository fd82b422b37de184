import type { EffectWeather } from "./shop.ts";
import type { SinkWeather } from "./platforms.ts";
import type { Fault, NoiseKind } from "./plan.ts";
import { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";
import type { BusWeather } from "./sim-bus.ts";
import type { StoreWeather } from "./store-server.ts";

/** All chances of a run, each with its own stream, so that leaving one out changes as little as may be of the others. */
export class Weather {
  readonly #scheduler: Scheduler;
  readonly #healAtMs: number;
  readonly #noises = new Map<NoiseKind, { readonly chance: number; readonly random: Random }>();
  readonly #outages: readonly (Fault & { readonly kind: "outage" })[];

  constructor(
    scheduler: Scheduler,
    plan: { readonly seed: number; readonly faults: readonly Fault[]; readonly healAtMs: number },
  ) {
    this.#scheduler = scheduler;
    this.#healAtMs = plan.healAtMs;
    for (const fault of plan.faults) {
      if (fault.kind !== "noise") continue;
      this.#noises.set(fault.what, { chance: fault.chance, random: new Random(plan.seed, fault.what) });
    }
    this.#outages = plan.faults.filter((fault) => fault.kind === "outage");
  }

  /** Whether something of a kind goes wrong now. */
  strikes(what: NoiseKind): boolean {
    const noise = this.#noises.get(what);
    if (noise === undefined || this.#scheduler.nowMs >= this.#healAtMs || !noise.random.chance(noise.chance))
      return false;
    this.#scheduler.note(what);
    return true;
  }

  get store(): StoreWeather {
    return {
      isRefusing: () => this.#isOut("store") || this.strikes("store.refused"),
      losesRequest: () => this.strikes("store.request-lost"),
      losesAnswer: () => this.strikes("store.answer-lost"),
      lateMs: () => this.#late("store.late", 8_000),
    };
  }

  get bus(): BusWeather {
    return {
      isOut: () => this.#isOut("bus"),
      drops: () => this.#isOut("bus") || this.strikes("bus.drop"),
      repeats: () => this.strikes("bus.repeat"),
      lateMs: () => this.#late("bus.late", 3_000),
    };
  }

  get sink(): SinkWeather {
    return {
      refuses: () => this.strikes("sink.refused"),
      isBusy: () => this.strikes("sink.busy"),
      losesRequest: () => this.strikes("sink.lost-before"),
      losesAnswer: () => this.strikes("sink.lost-after"),
    };
  }

  get effect(): EffectWeather {
    return {
      fails: () => this.strikes("effect.fails"),
      slowMs: () => this.#late("effect.slow", 9_000),
    };
  }

  #late(what: NoiseKind, mostMs: number): number {
    if (!this.strikes(what)) return 0;
    const random = this.#noises.get(what)?.random;
    return random === undefined ? 0 : mostMs * random.fraction() ** 2;
  }

  #isOut(what: "store" | "bus"): boolean {
    const { nowMs } = this.#scheduler;
    return this.#outages.some(
      (outage) => outage.what === what && nowMs >= outage.atMs && nowMs < outage.atMs + outage.forMs,
    );
  }
}
