import { Trap } from "../trap.ts";
import { answer, wait } from "./define.ts";
import type { WasiInterface } from "./define.ts";
import type { Wasi } from "./wasi.ts";

/** Something that becomes ready by itself. */
export interface Pending {
  readonly isDone: boolean;
  /** Resolves when it is done; never rejects. */
  readonly done: Promise<unknown>;
}

/** Something to wait for: ready from `dueMs` of the monotonic clock on, or once something pending is done. */
export class Pollable {
  readonly dueMs: number;
  readonly #pending: Pending | undefined;

  constructor(dueMs = Number.NEGATIVE_INFINITY, pending?: Pending) {
    this.dueMs = dueMs;
    this.#pending = pending;
  }

  /** Makes one that is ready when something else is. */
  static of(pending: Pending): Pollable {
    return new Pollable(Number.POSITIVE_INFINITY, pending);
  }

  isReady(nowMs: number): boolean {
    return this.dueMs <= nowMs || this.#pending?.isDone === true;
  }

  get done(): Promise<unknown> | undefined {
    return this.#pending?.done;
  }
}

function readyIndices(wasi: Wasi, pollables: readonly Pollable[]): Uint32Array {
  const nowMs = wasi.monotonicMs();
  return Uint32Array.from([...pollables.keys()].filter((index) => pollables[index]?.isReady(nowMs) === true));
}

/** Waits for the first of them; the guest's deadline ends what never comes. */
async function waitForFirst(wasi: Wasi, pollables: readonly Pollable[]): Promise<void> {
  const done = pollables.map((pollable) => pollable.done).filter((promise) => promise !== undefined);
  const firstMs = Math.min(...pollables.map((pollable) => pollable.dueMs));
  if (firstMs !== Number.POSITIVE_INFINITY || done.length === 0) done.push(wasi.waitUntil(firstMs));
  await Promise.race(done);
}

export const ioPoll: WasiInterface = {
  "[method]pollable.ready": answer((wasi, self: Pollable) => self.isReady(wasi.monotonicMs())),
  "[method]pollable.block": wait((wasi, self: Pollable) =>
    self.isReady(wasi.monotonicMs()) ? undefined : waitForFirst(wasi, [self]),
  ),
  poll: wait((wasi, pollables: readonly Pollable[]) => {
    if (pollables.length === 0) throw new Trap("host", "Run guest: it polls an empty list");
    const ready = readyIndices(wasi, pollables);
    return ready.length > 0 ? ready : waitForFirst(wasi, pollables).then(() => readyIndices(wasi, pollables));
  }),
};
