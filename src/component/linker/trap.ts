import { wasm } from "./wasm.ts";

/** Why a guest was stopped. */
export type TrapReason =
  | "fuel"
  | "deadline"
  | "aborted"
  | "memory"
  | "unreachable"
  | "stack"
  | "handle"
  | "lift-budget"
  | "lower-budget"
  | "abi"
  | "host"
  | "exit";

/** The guest was stopped; its instance can't be called again. */
export class Trap extends Error {
  override readonly name = "Trap";
  readonly reason: TrapReason;
  /** The guest's own exit code where the reason is `exit`. */
  readonly exitCode: number | undefined;

  constructor(
    reason: TrapReason,
    message: string,
    options: { readonly cause?: unknown; readonly exitCode?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.exitCode = options.exitCode;
  }
}

/**
 * The error side of a `result`: `call()` throws it where an export returned `err`, a host function throws it to return `err`.
 * It is an answer, not a failure: the instance stays usable.
 */
export class ComponentErr extends Error {
  override readonly name = "ComponentErr";
  readonly value: unknown;

  constructor(value: unknown) {
    super("The function returned err");
    this.value = value;
  }
}

/** Stops the guest for a break of the canonical ABI. */
export function abiTrap(problem: string): never {
  throw new Trap("abi", `Canonical ABI: ${problem}`);
}

/**
 * Turns whatever came out of a guest into a {@link Trap}. V8 reports its own traps as `WebAssembly.RuntimeError` and a stack
 * overflow as `RangeError`. What host functions throw is a Trap by then, so the rest is V8 refusing to convert between core types.
 */
export function toTrap(thrown: unknown): Trap {
  if (thrown instanceof Trap) return thrown;
  if (thrown instanceof wasm.RuntimeError) {
    const memory = /memory access|out of memory/i.test(thrown.message);
    return new Trap(memory ? "memory" : "unreachable", `Run guest: ${thrown.message}`, { cause: thrown });
  }
  if (thrown instanceof RangeError && /call stack/i.test(thrown.message)) {
    return new Trap("stack", "Run guest: its recursion used up the stack", { cause: thrown });
  }
  if (thrown instanceof RangeError && /out of memory/i.test(thrown.message)) {
    return new Trap("memory", "Run guest: the process has no room for its memory", { cause: thrown });
  }
  if (isSuspendError(thrown)) {
    return new Trap("abi", "Run guest: called an asynchronous import where it can't wait", { cause: thrown });
  }
  return new Trap("abi", "Run guest: its core code does not fit the canonical ABI", { cause: thrown });
}

function isSuspendError(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.constructor.name === "SuspendError";
}
