import { MisfitError } from "./codec.ts";
import type { ResourceType } from "./component-types.ts";
import type { CallOptions, ComponentInstance, InstantiateOptions } from "./contract.ts";
import { Guest } from "./guest.ts";
import type { LinkerLimits } from "./limits.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import type { Linked } from "./linked.ts";
import { RunState } from "./run-state.ts";
import { ComponentErr, toTrap, Trap } from "./trap.ts";
import { wasm } from "./wasm.ts";

type CallState = "idle" | "running" | "stopped";

/**
 * One instance of a linked component. Every export runs on a stack of its own (JSPI), also where no import is asynchronous: that
 * costs about a microsecond, and a guest that spins can then be made to wait after every slice of fuel, so that it never holds
 * the thread until its deadline. Only where JavaScript stands below the guest (start functions, realloc, post-return, destructors
 * that the host asks for) it can't wait, and gets a few slices instead.
 */
export class LinkedInstance implements ComponentInstance {
  readonly #linked: Linked;
  readonly #run: RunState;
  readonly #guest: Guest;
  #callState: CallState = "idle";

  constructor(linked: Linked, state: unknown, options: InstantiateOptions) {
    this.#linked = linked;
    const limits: LinkerLimits = options.limits ? { ...DEFAULT_LIMITS, ...options.limits } : DEFAULT_LIMITS;
    const destroy = (resource: ResourceType, rep: unknown): void => this.#destroyForHost(resource, rep);
    this.#run = new RunState(state, limits, { ...options, destroy });
    this.#guest = new Guest(linked, this.#run);
    try {
      this.#guest.start();
    } catch (error) {
      throw startTrap(error);
    }
    this.#run.begin();
  }

  get stats(): { readonly fuel: number; readonly peakMemoryBytes: number } {
    return { fuel: this.#run.fuelUsed, peakMemoryBytes: this.#guest.memoryBytes };
  }

  async call(
    ref: { readonly interface: string | null; readonly name: string },
    args: readonly unknown[],
    options?: CallOptions,
  ): Promise<unknown> {
    const lift = this.#linked.findExport(ref);
    if (!lift) throw new TypeError(`Call component: it has no export ${JSON.stringify(ref.name)}`);
    if (args.length !== lift.abi.params.length) {
      throw new TypeError(`Call component: ${lift.abi.params.length} arguments expected, got ${args.length}`);
    }
    if (this.#callState !== "idle") {
      const why = this.#callState === "running" ? "another call is under way" : "it was stopped before";
      throw new Trap("abi", `Call component: ${why}`);
    }
    this.#callState = "running";
    let value: unknown;
    try {
      this.#run.beginCall(options);
      this.#run.checkTime();
      value = await this.#guest.callLift(lift, args);
    } catch (error) {
      this.#callState = "stopped";
      throw error instanceof MisfitError ? error : toTrap(error);
    }
    this.#callState = "idle";
    if (!lift.abi.returnsResult) return value;
    const result = value as { readonly tag: "ok" | "err"; readonly val?: unknown };
    if (result.tag === "err") throw new ComponentErr(result.val);
    return result.val;
  }

  /** Ends a resource that the host held. */
  #destroyForHost(resource: ResourceType, rep: unknown): void {
    if (this.#callState === "stopped") return;
    if (this.#callState === "running") throw new TypeError("Dispose of resource: a call is under way");
    this.#callState = "running";
    try {
      this.#run.beginCall();
      this.#guest.destroy(resource, rep);
    } catch (error) {
      this.#callState = "stopped";
      throw toTrap(error);
    }
    this.#callState = "idle";
  }
}

/** A start function that is out of fuel finds no hook to ask yet, and dies of that. */
function startTrap(error: unknown): Trap {
  if (error instanceof wasm.RuntimeError && /null function|signature mismatch/.test(error.message)) {
    return new Trap("fuel", "Run guest: a start function used up its fuel", { cause: error });
  }
  if (error instanceof wasm.LinkError) {
    return new Trap("abi", "Instantiate component: its core modules don't fit together", { cause: error });
  }
  return toTrap(error);
}
