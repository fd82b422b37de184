import type { HostFunction } from "../contract.ts";
import type { Wasi } from "./wasi.ts";

/** State of an instance that may use WASI. */
interface WithWasi {
  readonly wasi: Wasi;
}

/** Functions of one interface by their WIT names. */
export type WasiInterface = Readonly<Record<string, HostFunction>>;

type Body = (wasi: Wasi, ...args: never[]) => unknown;

/** Makes a host function that answers at once. */
export function answer(body: Body): HostFunction {
  return { isAsync: false, call: (state, args) => body((state as WithWasi).wasi, ...(args as never[])) };
}

/** Makes a host function that the guest may have to wait for. */
export function wait(body: Body): HostFunction {
  return { isAsync: true, call: (state, args) => body((state as WithWasi).wasi, ...(args as never[])) };
}
