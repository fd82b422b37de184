import type { HostFunction, Wasi } from "../linker/index.ts";
import type { HostAnswer, HostRequest, LogLine } from "./host-request.ts";

/** One call as its host functions see it; it is the instance's state. */
export interface GuestCall {
  /** What `createWasi` made for this call. */
  readonly wasi: Wasi;
  /** Notes a host call; throws where the call has used up its number. */
  note(name: string): void;
  ask(request: HostRequest): Promise<HostAnswer>;
  log(line: LogLine): void;
  /** Calls a function of an interface that another component of the call serves. */
  link(name: string, func: string, args: readonly unknown[]): Promise<unknown>;
  /** When the call is stopped, on the clock of `performance.now()`. */
  readonly deadlineAtMs: number;
  /** Wall time that the call was given. */
  readonly timeoutMs: number;
}

/** The host functions of a capability by interface and function: `interface#function`. */
export type Bindings = Readonly<Record<string, HostFunction>>;

/** Makes a host function that asks the parent. */
export function asking(
  toRequest: (args: readonly unknown[]) => HostRequest,
  toResult: (answer: HostAnswer) => unknown,
): HostFunction {
  return {
    isAsync: true,
    call: async (state, args) => toResult(await (state as GuestCall).ask(toRequest(args))),
  };
}

/** Makes a host function that is answered on the spot. */
export function immediate(call: (guest: GuestCall, args: readonly unknown[]) => unknown): HostFunction {
  return { isAsync: false, call: (state, args) => call(state as GuestCall, args) };
}
