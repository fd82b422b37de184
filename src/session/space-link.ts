import type { World } from "../types/index.ts";
import { unavailable } from "./unavailable.ts";

/**
 * What is to be done about a failed request. `again`: the server is there, has done nothing and asks for patience; `away`: nobody knows
 * what became of it; `none`: the server would say the same again.
 */
export type Remedy = "again" | "away" | "none";

/** How a kind of server fails. */
export interface Failures {
  /** Names the server in messages. */
  readonly title: string;
  remedyFor(error: unknown): Remedy;
  /** Turns what was thrown into the error of the store. */
  failure(error: unknown, doing: string): Error;
}

/** A server that says nothing for so long is taken for gone. */
const STALL_MS = 4_000;
/** How long a server that has too much to do is asked again. */
const BUSY_MS = 5_000;
/** A connection that was kept and has died meanwhile says so at once: another one is tried. */
const DEAD_MS = 500;
const PAUSE_MS = 10;
const PAUSE_MAX_MS = 400;
/** Requests that are under way at once. */
const WIDTH = 32;
/** Requests that may wait; who can't keep up says so instead of filling the memory. */
const WAITING_MAX = 20_000;

/** Asks a server that each request reaches by itself, over HTTP. One that is busy is asked again; one that is away is the store's to wait for. */
export class SpaceLink {
  readonly #world: World;
  readonly #failures: Failures;
  readonly #waiting: (() => void)[] = [];
  readonly #gone = new AbortController();
  #running = 0;

  constructor(world: World, failures: Failures) {
    this.#world = world;
    this.#failures = failures;
  }

  /** Asks until there is an answer. The signal ends an attempt that takes too long. @throws STORE_UNAVAILABLE; what the server's failures become */
  async ask<T>(name: string, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const doing = `Ask ${this.#failures.title} to ${name}`;
    const startedMs = this.#world.monotonicMs();
    for (let tries = 0; ; tries++) {
      if (this.#gone.signal.aborted) throw unavailable(doing, "the store is closed");
      if (this.#waiting.length >= WAITING_MAX) throw unavailable(doing, `${WAITING_MAX} requests are waiting already`);
      try {
        return await this.#attempt(attempt);
      } catch (error) {
        const remedy = this.#failures.remedyFor(error);
        const passedMs = this.#world.monotonicMs() - startedMs;
        const helps = remedy === "again" ? passedMs < BUSY_MS : remedy === "away" && tries === 0 && passedMs < DEAD_MS;
        if (!helps) throw this.#failures.failure(error, doing);
      }
      await this.#pause(tries);
    }
  }

  /** Ends everything that is under way. */
  close(): void {
    this.#gone.abort();
  }

  async #attempt<T>(attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#running >= WIDTH) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#running++;
    const stalled = new AbortController();
    const cancel = this.#world.schedule(STALL_MS, () => stalled.abort());
    try {
      return await attempt(AbortSignal.any([stalled.signal, this.#gone.signal]));
    } finally {
      cancel();
      // Whoever waits takes the place over.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  /** Waits a little longer each time, by chance, so that those who met once don't meet again. */
  #pause(tries: number): Promise<void> {
    const mostMs = Math.min(PAUSE_MS * 2 ** tries, PAUSE_MAX_MS);
    const [chance = 0] = this.#world.randomBytes(1);
    return new Promise((later) => void this.#world.schedule((mostMs * (chance + 1)) / 256, later));
  }
}
