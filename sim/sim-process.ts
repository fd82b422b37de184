import type { Runtime } from "../src/runner/index.ts";
import type { World } from "../src/types/index.ts";
import type { Fault } from "./plan.ts";
import { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

/** What `schedule` answers where the process that asks is dead already. */
const NOTHING = (): void => undefined;
/** When every run begins, by the wall clock. */
const EPOCH_MS = Date.parse("2026-03-05T10:00:00Z");

export interface SimProcessOptions {
  readonly seed: number;
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly crashes: readonly (Fault & { readonly kind: "crash" })[];
  readonly stalls: readonly (Fault & { readonly kind: "stall" })[];
  /** From then on it doesn't die any more. */
  readonly healAtMs: number;
  /** Starts what runs in it; called at each start. */
  readonly boot: (process: SimProcess) => void;
  /** Told when it died. */
  readonly onCrash?: () => void;
}

/**
 * One process: its clock, its chance, its death. What it waits for reaches it as events, and never once it is dead; what it asks of
 * the world asks first whether it lives.
 */
export class SimProcess {
  readonly name: string;
  runtime: Runtime | undefined;
  /** Counts lives, from 1. */
  life = 0;
  isUp = false;
  /** When this life began. */
  bornAtMs = 0;
  readonly #options: SimProcessOptions;
  readonly #reached = new Map<string, number>();
  #pausedUntilMs = 0;
  #offsetMs = 0;

  constructor(options: SimProcessOptions) {
    this.#options = options;
    this.name = options.name;
  }

  get nowMs(): number {
    return Math.floor(EPOCH_MS + this.#options.scheduler.nowMs + this.#offsetMs);
  }

  get monotonicMs(): number {
    return this.#options.scheduler.nowMs;
  }

  start(): void {
    if (this.isUp) return;
    this.isUp = true;
    this.life++;
    this.bornAtMs = this.#options.scheduler.nowMs;
    this.#options.scheduler.note(`${this.name} starts, life ${this.life}`);
    this.#options.boot(this);
  }

  /** Dies at once; it starts again after `restartMs`. */
  crash(restartMs: number, why: string): void {
    if (!this.isUp) return;
    this.isUp = false;
    this.runtime = undefined;
    this.#pausedUntilMs = 0;
    this.#options.scheduler.note(`${this.name} dies: ${why}`);
    this.#options.onCrash?.();
    this.#options.scheduler.after(restartMs, "", () => this.start());
  }

  /** Stands still for a while, as SIGSTOP does; time goes on. */
  pause(forMs: number): void {
    if (!this.isUp) return;
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#options.scheduler.nowMs + forMs);
    this.#options.scheduler.note(`${this.name} stands still for ${forMs.toFixed(0)} ms`);
  }

  jumpClock(byMs: number): void {
    this.#offsetMs += byMs;
    this.#options.scheduler.note(`${this.name}'s clock jumps by ${byMs.toFixed(0)} ms`);
  }

  isAlive(life: number): boolean {
    return this.isUp && this.life === life;
  }

  /** Notes that a named point is reached; true where the process dies of it, and whoever asks must do nothing more. */
  reach(point: string): boolean {
    const count = (this.#reached.get(point) ?? 0) + 1;
    this.#reached.set(point, count);
    const { crashes, stalls, scheduler, healAtMs } = this.#options;
    if (scheduler.nowMs >= healAtMs) return false;
    const stall = stalls.find((fault) => fault.point === point && fault.nth === count);
    if (stall !== undefined) this.pause(Math.min(stall.forMs, healAtMs - scheduler.nowMs));
    const crash = crashes.find((fault) => fault.point === point && fault.nth === count);
    if (crash === undefined) return false;
    this.crash(crash.restartMs, `at ${point}, time ${count}`);
    return true;
  }

  /** Brings something to this life of the process: not once it is dead, and not while it stands still. */
  post(delayMs: number, label: string, task: () => void): () => void {
    if (!this.isUp) return NOTHING;
    const { scheduler } = this.#options;
    const { life } = this;
    let cancel = NOTHING;
    const arrive = (): void => {
      if (!this.isAlive(life)) return;
      const waitMs = this.#pausedUntilMs - scheduler.nowMs;
      if (waitMs > 0) {
        cancel = scheduler.after(waitMs, label === "" ? "" : `${label} (after the pause)`, arrive);
        return;
      }
      task();
    };
    cancel = scheduler.after(delayMs, label, arrive);
    return () => cancel();
  }

  /** The world of this life. */
  world(): World {
    const { seed, name } = this.#options;
    const random = new Random(seed, `${name}/${this.life}`);
    const { life } = this;
    return {
      nowMs: () => this.nowMs,
      monotonicMs: () => this.monotonicMs,
      randomBytes: (size) => random.bytes(size),
      schedule: (delayMs, task) => (this.isAlive(life) ? this.post(delayMs, "", task) : NOTHING),
    };
  }
}
