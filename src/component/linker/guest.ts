import { AbiContext } from "./abi-context.ts";
import { MisfitError } from "./codec.ts";
import type { CoreRef, ResourceType } from "./component-types.ts";
import type { HostFunction } from "./contract.ts";
import { MEMORY_EXPORT } from "./fuel-meter.ts";
import type { FunctionAbi } from "./function-abi.ts";
import { BorrowScope, HandleTable } from "./handles.ts";
import { liftParams, liftResult, lowerParams, lowerResult } from "./lift-lower.ts";
import type { Linked, LinkedLift, LinkedLower } from "./linked.ts";
import type { CanonOptions, CoreArgument, CoreInstancePlan } from "./plan.ts";
import { Meter } from "./refuel.ts";
import type { RunState } from "./run-state.ts";
import { stringCodec } from "./strings.ts";
import type { SwitchedCall } from "./switching.ts";
import { bindSwitches, dropKey } from "./switching.ts";
import { abiTrap, ComponentErr, toTrap, Trap } from "./trap.ts";
import type { CoreFunction } from "./wasm.ts";
import { wasm } from "./wasm.ts";

/** A component instance within the whole: its handles, and whether it can be entered or left now. */
interface Compartment {
  readonly handles: HandleTable;
  isEntered: boolean;
  mayLeave: boolean;
}

/** A call into a component instance that is under way. */
interface Entered {
  readonly compartment: Compartment;
  readonly cx: AbiContext;
  readonly flat: readonly unknown[];
}

/**
 * The core side of one instance: its core modules, what they call, and the crossings between them and the host. After anything
 * was thrown its state is not put in order again; the instance must not be used any more.
 */
export class Guest {
  readonly #linked: Linked;
  readonly #run: RunState;
  readonly #compartments: readonly Compartment[];
  readonly #cores: Readonly<Record<string, unknown>>[] = [];
  readonly #trampolines: unknown[];
  /** Drops of resources with destructors, by {@link dropKey}. */
  readonly #drops = new Map<string, unknown>();
  readonly #lowerContexts: (AbiContext | undefined)[];
  readonly #liftContexts: (AbiContext | undefined)[];
  readonly #entries: (((...args: readonly unknown[]) => Promise<unknown>) | undefined)[];

  constructor(linked: Linked, run: RunState) {
    this.#linked = linked;
    this.#run = run;
    this.#compartments = Array.from({ length: linked.plan.instanceCount }, () => ({
      handles: new HandleTable(run.limits.maxHandles),
      isEntered: false,
      mayLeave: true,
    }));
    this.#trampolines = Array.from(linked.lowers, () => undefined);
    this.#lowerContexts = Array.from(linked.lowers, () => undefined);
    this.#liftContexts = Array.from(linked.lifts, () => undefined);
    this.#entries = Array.from(linked.lifts, () => undefined);
    const { switches } = linked;
    if (!switches) return;
    const functions = bindSwitches(switches, () => run.isBlocked, {
      now: (call, flat) => this.#callNow(call, flat),
      later: (call, flat) => this.#callLater(call, flat),
    });
    for (const [index, call] of switches.calls.entries()) {
      if (call.kind === "lower") this.#trampolines[call.lower] = functions[index];
      else this.#drops.set(dropKey(call.resource, call.instance), functions[index]);
    }
  }

  /** Instantiates the core modules in the plan's order; their start functions run now. */
  start(): void {
    for (const core of this.#linked.plan.coreInstances) this.#instantiateCore(core);
  }

  /** The size of all memories; they never shrink, so it is the peak. */
  get memoryBytes(): number {
    let sum = 0;
    for (const exports of this.#cores) {
      const memory = exports[MEMORY_EXPORT];
      if (memory instanceof wasm.Memory) sum += memory.buffer.byteLength;
    }
    return sum;
  }

  /** Runs a resource's destructor on the caller's stack, where it can't wait. */
  destroy(resource: ResourceType, rep: unknown): void {
    if (!resource.destructor) return;
    this.#run.enterBlocked();
    this.#coreFunction(resource.destructor)(rep);
    this.#run.leaveBlocked();
  }

  /** Calls a lifted function: lower the arguments, run, lift the result, let the guest free it. */
  async callLift(lift: LinkedLift, args: readonly unknown[]): Promise<unknown> {
    const entered = this.#enter(lift, args);
    const entry = (this.#entries[lift.index] ??= wasm.promising(this.#coreFunction(lift.core)));
    return this.#return(lift, entered, await entry(...entered.flat));
  }

  /** The same for a caller that can't wait. */
  #callLiftNow(lift: LinkedLift, args: readonly unknown[]): unknown {
    const entered = this.#enter(lift, args);
    return this.#return(lift, entered, this.#coreFunction(lift.core)(...entered.flat));
  }

  #enter(lift: LinkedLift, args: readonly unknown[]): Entered {
    const { abi } = lift;
    const compartment = this.#compartmentOf(lift.instance);
    // A component can't be entered again before it has returned: its state is not ready for that.
    if (compartment.isEntered) abiTrap("a component instance is entered again while it runs");
    compartment.isEntered = true;
    const cx = (this.#liftContexts[lift.index] ??= this.#context(lift.instance, lift.options));
    cx.scope = abi.hasBorrows ? new BorrowScope() : null;
    const flat = this.#withoutLeaving(compartment, () => lowerParams(cx, abi, args));
    return { compartment, cx, flat };
  }

  #return(lift: LinkedLift, { compartment, cx }: Entered, raw: unknown): unknown {
    const { abi } = lift;
    const value = liftResult(cx, abi, raw);
    const { postReturn } = lift.options;
    if (postReturn) {
      const free = this.#coreFunction(postReturn);
      this.#withoutLeaving(compartment, () => (abi.result ? free(raw) : free()));
    }
    cx.scope?.checkReturned();
    compartment.isEntered = false;
    return value;
  }

  /** Runs guest code that may neither call out nor wait. After a throw the instance is stopped, so nothing is put back. */
  #withoutLeaving<T>(compartment: Compartment, work: () => T): T {
    compartment.mayLeave = false;
    this.#run.enterBlocked();
    const result = work();
    this.#run.leaveBlocked();
    compartment.mayLeave = true;
    return result;
  }

  #leave(instance: number): Compartment {
    const compartment = this.#compartmentOf(instance);
    if (!compartment.mayLeave) abiTrap("a component calls out of realloc or post-return");
    this.#run.countHostCall();
    return compartment;
  }

  /** What core code calls for a lowered function. */
  #trampoline(lower: LinkedLower): unknown {
    const { target } = lower;
    if (target.kind === "lift") {
      return new wasm.Suspending((...flat) => this.#callLater({ kind: "lower", lower: lower.index }, flat));
    }
    const { host } = target;
    if (host.isAsync) return new wasm.Suspending((...flat) => this.#callHost(lower, host, flat));
    // Fixed arities: a rest parameter costs an array more on the hot path.
    switch (lower.abi.arity) {
      case 0:
        return () => this.#callHost(lower, host, []);
      case 1:
        return (a: unknown) => this.#callHost(lower, host, [a]);
      case 2:
        return (a: unknown, b: unknown) => this.#callHost(lower, host, [a, b]);
      case 3:
        return (a: unknown, b: unknown, c: unknown) => this.#callHost(lower, host, [a, b, c]);
      default:
        return (...flat: readonly unknown[]) => this.#callHost(lower, host, flat);
    }
  }

  #callHost(lower: LinkedLower, host: HostFunction, flat: readonly unknown[]): unknown {
    const compartment = this.#leave(lower.instance);
    const { abi } = lower;
    const cx = this.#lowerContext(lower);
    const args = liftParams(cx, abi, flat);
    let value: unknown;
    try {
      value = host.call(this.#run.state, args);
    } catch (error) {
      return this.#finish(lower, compartment, { cx, flat, value: errorSide(abi, error) });
    }
    if (host.isAsync && value instanceof Promise) {
      return this.#run.within(value).then(
        (settled) => this.#finish(lower, compartment, { cx, flat, value: okSide(abi, settled) }),
        (error: unknown) => this.#finish(lower, compartment, { cx, flat, value: errorSide(abi, error) }),
      );
    }
    return this.#finish(lower, compartment, { cx, flat, value: okSide(abi, value) });
  }

  #finish(
    lower: LinkedLower,
    compartment: Compartment,
    outcome: { readonly cx: AbiContext; readonly flat: readonly unknown[]; readonly value: unknown },
  ): unknown {
    const { cx } = outcome;
    let result: unknown;
    try {
      result = this.#withoutLeaving(compartment, () => lowerResult(cx, lower.abi, outcome));
    } catch (error) {
      if (!(error instanceof MisfitError)) throw error;
      throw new Trap("host", "Run guest: a host function's result does not fit its type", { cause: error });
    }
    cx.scope?.giveBack();
    return result;
  }

  #lowerContext(lower: LinkedLower): AbiContext {
    const cx = (this.#lowerContexts[lower.index] ??= this.#context(lower.instance, lower.options));
    cx.scope = lower.abi.hasBorrows ? new BorrowScope() : null;
    return cx;
  }

  #instantiateCore(core: CoreInstancePlan): void {
    this.#run.checkTime();
    const imports: Record<string, Readonly<Record<string, unknown>>> = Object.create(null);
    for (const [name, argument] of core.args) imports[name] = this.#importModule(argument);
    const module = this.#linked.modules[core.module];
    if (!module) throw new TypeError("Instantiate component: its plan is broken");
    const { exports } = new wasm.Instance(module, imports);
    this.#cores.push(exports);
    if (!this.#linked.plan.coreModuleInfos[core.module]?.isMetered) return;
    const meter = new Meter(exports, this.#run, this.#linked.plan.startFuel);
    this.#run.meters.push(meter);
  }

  #importModule(argument: CoreArgument): Readonly<Record<string, unknown>> {
    if (argument.kind === "instance") return this.#cores[argument.coreInstance] ?? {};
    const members: Record<string, unknown> = Object.create(null);
    for (const [name, ref] of argument.items) members[name] = this.#core(ref);
    return members;
  }

  #core(ref: CoreRef): unknown {
    switch (ref.kind) {
      case "export":
        return this.#cores[ref.coreInstance]?.[ref.name];
      case "lower": {
        const lower = this.#linked.lowers[ref.lower];
        if (!lower) throw new TypeError("Instantiate component: its plan is broken");
        return (this.#trampolines[ref.lower] ??= this.#trampoline(lower));
      }
      case "resource-new":
        return (rep: unknown) => {
          const { handles } = this.#leave(ref.instance);
          return handles.add({ resource: ref.resource, rep: Number(rep) | 0, isOwn: true, scope: null, lends: 0 });
        };
      case "resource-rep":
        return (index: unknown) => {
          const { handles } = this.#compartmentOf(ref.instance);
          return handles.get(Number(index) >>> 0, ref.resource).rep;
        };
      default:
        return this.#dropFunction(ref.resource, ref.instance);
    }
  }

  #dropFunction(resource: ResourceType, instance: number): unknown {
    const take = (index: unknown): unknown => this.#takeHandle(resource, instance, index);
    if (resource.definedBy === null) return (index: unknown) => disposeHost(take(index));
    if (resource.destructor === null) return (index: unknown) => void take(index);
    return this.#drops.get(dropKey(resource, instance)) ?? abiTrap("a drop that is not in the plan");
  }

  /** Takes a handle out of its table; gives what was owned. */
  #takeHandle(resource: ResourceType, instance: number, index: unknown): unknown {
    const { handles } = this.#leave(instance);
    const handle = handles.remove(Number(index) >>> 0, resource);
    if (handle.isOwn) return handle.rep;
    if (handle.scope) handle.scope.borrows--;
    return undefined;
  }

  /** A call between components where nothing can wait. */
  #callNow(call: SwitchedCall, flat: readonly unknown[]): unknown {
    if (call.kind === "lower") {
      const { lower, lift, compartment, cx } = this.#beginComposed(call.lower);
      const value = this.#callLiftNow(lift, liftParams(cx, lower.abi, flat));
      return this.#finish(lower, compartment, { cx, flat, value });
    }
    const ending = this.#beginEnding(call, flat[0]);
    if (!ending) return undefined;
    ending.destructor(ending.rep);
    ending.owner.isEntered = ending.wasEntered;
    return undefined;
  }

  /** A call between components: both ends are guests, so it may suspend in the callee. */
  async #callLater(call: SwitchedCall, flat: readonly unknown[]): Promise<unknown> {
    if (call.kind === "lower") {
      const { lower, lift, compartment, cx } = this.#beginComposed(call.lower);
      const value = await this.callLift(lift, liftParams(cx, lower.abi, flat));
      return this.#finish(lower, compartment, { cx, flat, value });
    }
    const ending = this.#beginEnding(call, flat[0]);
    if (!ending) return undefined;
    await wasm.promising(ending.destructor)(ending.rep);
    ending.owner.isEntered = ending.wasEntered;
    return undefined;
  }

  #beginComposed(index: number): {
    readonly lower: LinkedLower;
    readonly lift: LinkedLift;
    readonly compartment: Compartment;
    readonly cx: AbiContext;
  } {
    const lower = this.#linked.lowers[index];
    if (lower?.target.kind !== "lift") throw new TypeError("Instantiate component: its plan is broken");
    return { lower, lift: lower.target.lift, compartment: this.#leave(lower.instance), cx: this.#lowerContext(lower) };
  }

  /** Takes a handle for good; undefined where nothing has to end. */
  #beginEnding(
    { resource, instance }: { readonly resource: ResourceType; readonly instance: number },
    index: unknown,
  ):
    | {
        readonly destructor: CoreFunction;
        readonly rep: unknown;
        readonly owner: Compartment;
        readonly wasEntered: boolean;
      }
    | undefined {
    const { definedBy, destructor } = resource;
    const rep = this.#takeHandle(resource, instance, index);
    if (rep === undefined || definedBy === null || destructor === null) return undefined;
    const owner = this.#compartmentOf(definedBy);
    const wasEntered = owner.isEntered;
    if (definedBy !== instance && wasEntered) abiTrap("a destructor enters a component instance that runs");
    owner.isEntered = true;
    return { destructor: this.#coreFunction(destructor), rep, owner, wasEntered };
  }

  #coreFunction(ref: CoreRef): CoreFunction {
    const value = this.#core(ref);
    return typeof value === "function" ? (value as CoreFunction) : abiTrap("a core export is not a function");
  }

  #context(instance: number, options: CanonOptions): AbiContext {
    const memory = options.memory && this.#core(options.memory);
    if (memory !== null && !(memory instanceof wasm.Memory)) abiTrap("a core export is not a memory");
    return new AbiContext({
      handles: this.#compartmentOf(instance).handles,
      owner: this.#run,
      instance,
      strings: stringCodec(options.encoding),
      budget: this.#run,
      memory,
      realloc: options.realloc && this.#coreFunction(options.realloc),
    });
  }

  #compartmentOf(instance: number): Compartment {
    const compartment = this.#compartments[instance];
    if (!compartment) throw new TypeError("Instantiate component: its plan is broken");
    return compartment;
  }
}

function okSide(abi: FunctionAbi, value: unknown): unknown {
  return abi.returnsResult ? { tag: "ok", val: value } : value;
}

/** What the host threw is the error side of a result where it says so; anything else stops the guest. */
function errorSide(abi: FunctionAbi, error: unknown): unknown {
  if (error instanceof ComponentErr && abi.returnsResult) return { tag: "err", val: error.value };
  if (error instanceof Trap) throw error;
  throw hostTrap(error);
}

function hostTrap(error: unknown): Trap {
  // A guest deep in recursion can leave the host no stack; that is the guest's doing.
  const trap = toTrap(error);
  return trap.reason === "stack" ? trap : new Trap("host", "Run guest: a host function failed", { cause: error });
}

function disposeHost(object: unknown): void {
  if (typeof object !== "object" || object === null) return;
  try {
    const dispose = (object as Partial<Disposable>)[Symbol.dispose];
    if (typeof dispose === "function") dispose.call(object);
  } catch (error) {
    throw hostTrap(error);
  }
}
