import type { CallBudget, ResourceOwner } from "./abi-context.ts";
import type { ResourceType } from "./component-types.ts";
import type { CallOptions, InstantiateOptions } from "./contract.ts";
import type { LinkerLimits } from "./limits.ts";
import type { FuelSource, Meter } from "./refuel.ts";
import { Trap } from "./trap.ts";
import { nextTurn } from "./turns.ts";

/** Slices that a guest may use up where it can't wait: in realloc, post-return, destructors and start functions. */
const MAX_BLOCKED_SLICES = 40;
/** With more meters than this, each gets a smaller slice, so that many modules together don't hold the thread for long. */
const FULL_SLICE_METERS = 16;

/** A guest holds the thread no longer than this and a slice: giving it up costs more than a slice of fuel takes. */
const MAX_TURN_MS = 2;
/** Longer timeouts than this fire at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** What one instance has used and may still use: time, fuel, lifted bytes, host calls. */
export class RunState implements FuelSource, CallBudget, ResourceOwner {
  readonly state: unknown;
  readonly limits: LinkerLimits;
  readonly meters: Meter[] = [];
  liftBudget = 0;
  lowerBudget = 0;
  #deadlineAtMs: number;
  #signal: AbortSignal | undefined;
  readonly #destroy: (resource: ResourceType, rep: unknown) => void;
  readonly #isOver = (): boolean => this.#signal?.aborted === true || performance.now() >= this.#deadlineAtMs;
  /** Above 0 while JavaScript calls into the guest without a way to wait. Starts so: instantiation can't wait. */
  #blockedDepth = 1;
  /** Slices since the event loop last had its turn, used up where the guest couldn't wait. */
  #blockedSlices = 0;
  #hostCallsLeft = 0;
  #turnBeganAtMs = 0;

  constructor(
    state: unknown,
    limits: LinkerLimits,
    options: InstantiateOptions & { readonly destroy: (resource: ResourceType, rep: unknown) => void },
  ) {
    this.state = state;
    this.limits = limits;
    this.#deadlineAtMs = options.deadlineAtMs ?? Number.POSITIVE_INFINITY;
    this.#signal = options.signal;
    this.#destroy = options.destroy;
    this.beginCall();
  }

  /** Resets what is counted per call. */
  beginCall(options: CallOptions = {}): void {
    if (options.deadlineAtMs !== undefined) this.#deadlineAtMs = options.deadlineAtMs;
    if (options.signal) this.#signal = options.signal;
    this.liftBudget = this.limits.liftBudgetBytes;
    this.lowerBudget = this.limits.lowerBudgetBytes;
    this.#blockedSlices = 0;
    this.#hostCallsLeft = this.limits.hostCallsPerLook;
    this.#turnBeganAtMs = performance.now();
  }

  /** Ends instantiation: what the start functions left of their fuel would be a long first slice. */
  begin(): void {
    this.#blockedDepth = 0;
    const { slice } = this;
    for (const meter of this.meters) meter.fill(slice);
  }

  get fuelUsed(): number {
    return this.meters.reduce((sum, meter) => sum + meter.used, 0);
  }

  destroy(resource: ResourceType, rep: unknown): void {
    this.#destroy(resource, rep);
  }

  /** Stops the guest where its time is over. @throws Trap */
  checkTime(): void {
    if (this.#signal?.aborted) throw abortTrap();
    if (performance.now() >= this.#deadlineAtMs) throw deadlineTrap();
  }

  /** Counts a host call: their time is not in the fuel, so a guest that makes many gives up the rest of its slice. */
  countHostCall(): void {
    if (--this.#hostCallsLeft >= 0) return;
    this.#hostCallsLeft = this.limits.hostCallsPerLook;
    this.checkTime();
    if (performance.now() - this.#turnBeganAtMs < MAX_TURN_MS) return;
    for (const meter of this.meters) meter.fill(0);
  }

  /** Whether JavaScript stands below the guest, so that it can't wait. */
  get isBlocked(): boolean {
    return this.#blockedDepth > 0;
  }

  staysOnThread(): boolean {
    return this.isBlocked || !this.#owesTurn;
  }

  /** Whether the event loop should go round before the guest goes on. */
  get #owesTurn(): boolean {
    if (this.#blockedSlices > MAX_BLOCKED_SLICES / 2) return true;
    return performance.now() - this.#turnBeganAtMs >= MAX_TURN_MS;
  }

  /** Begins a stretch of guest code that can't wait. */
  enterBlocked(): void {
    this.#blockedDepth++;
  }

  /** Ends it; a guest that worked long there owes the event loop a turn and takes it at its next check. */
  leaveBlocked(): void {
    if (--this.#blockedDepth > 0 || this.#blockedSlices === 0 || !this.#owesTurn) return;
    for (const meter of this.meters) meter.fill(0);
  }

  refuelNow(): number {
    this.#checkFuel();
    if (this.#blockedDepth === 0) return this.slice;
    if (++this.#blockedSlices > MAX_BLOCKED_SLICES) {
      throw new Trap("fuel", "Run guest: it works too long where it can't wait (realloc, post-return or destructor)");
    }
    return this.slice;
  }

  async refuelLater(): Promise<number> {
    this.#checkFuel();
    await nextTurn(this.#isOver);
    this.#blockedSlices = 0;
    this.#turnBeganAtMs = performance.now();
    this.#checkFuel();
    // All begin anew: one that was left empty would ask at once, and the next turn be over before it began.
    const { slice } = this;
    for (const meter of this.meters) meter.fill(slice);
    return slice;
  }

  /** The fuel of one meter between two looks at the clock. */
  get slice(): number {
    const share = Math.min(1, FULL_SLICE_METERS / this.meters.length);
    return Math.max(1000, Math.floor(this.limits.fuelSlice * share));
  }

  #checkFuel(): void {
    this.checkTime();
    if (this.limits.maxFuel !== Number.POSITIVE_INFINITY && this.fuelUsed > this.limits.maxFuel) {
      throw new Trap("fuel", `Run guest: it used more than ${this.limits.maxFuel} instructions`);
    }
  }

  /** Waits for the host no longer than the guest may live. */
  within(pending: Promise<unknown>): Promise<unknown> {
    const signal = this.#signal;
    if (this.#deadlineAtMs === Number.POSITIVE_INFINITY && !signal) return pending;
    return new Promise((resolve, reject) => {
      const leftMs = this.#deadlineAtMs - performance.now();
      const expire = (): void => stop(deadlineTrap());
      const abort = (): void => stop(abortTrap());
      const timer =
        leftMs === Number.POSITIVE_INFINITY
          ? undefined
          : setTimeout(expire, Math.min(Math.max(0, leftMs), MAX_TIMEOUT_MS));
      function clear(): void {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
      }
      function stop(trap: Trap): void {
        clear();
        reject(trap);
      }
      if (signal?.aborted) return abort();
      signal?.addEventListener("abort", abort, { once: true });
      pending.then(
        (value) => {
          clear();
          resolve(value);
        },
        (error: unknown) => {
          clear();
          reject(
            error instanceof Error ? error : new Trap("host", "Run guest: a host function failed", { cause: error }),
          );
        },
      );
    });
  }
}

function deadlineTrap(): Trap {
  return new Trap("deadline", "Run guest: its deadline passed");
}

function abortTrap(): Trap {
  return new Trap("aborted", "Run guest: the call was aborted");
}
