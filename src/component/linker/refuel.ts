// What an instrumented module calls when its fuel is used up. The hook must be a WebAssembly function, and only its imports can
// suspend: so one small module for the whole process asks `stays` and goes on to `now` or to `later`.
//   (func (export "refuel") (param externref)
//     (if (call $stays (local.get 0)) (then (call $now (local.get 0))) (else (call $later (local.get 0)))))
import { FUEL_EXPORT, METER_EXPORT, REFUEL_EXPORT } from "./fuel-meter.ts";
import type { CoreFunction, WasmGlobal, WasmTable } from "./wasm.ts";
import { wasm } from "./wasm.ts";

/** Who decides whether a guest goes on. */
export interface FuelSource {
  /** Whether the guest keeps the thread: its turn isn't over, or it can't wait, as JavaScript stands below it. */
  staysOnThread(): boolean;
  /** Decides at once; gives fuel or throws a Trap. */
  refuelNow(): number;
  /** Returns to the event loop first. */
  refuelLater(): Promise<number>;
}

/** The fuel of one core instance. */
export class Meter {
  readonly #fuel: WasmGlobal;
  readonly #source: FuelSource;
  #granted: number;

  /** Takes the meter of an instrumented instance into use. */
  constructor(exports: Readonly<Record<string, unknown>>, source: FuelSource, startFuel: number) {
    this.#fuel = exports[FUEL_EXPORT] as WasmGlobal;
    this.#source = source;
    this.#granted = startFuel;
    (exports[METER_EXPORT] as WasmGlobal).value = this;
    (exports[REFUEL_EXPORT] as WasmTable).set(0, refuelFunction);
  }

  get used(): number {
    return this.#granted - Number(this.#fuel.value);
  }

  /** Whether the guest's last act was to ask for fuel. */
  get isEmpty(): boolean {
    return (this.#fuel.value as bigint) < 0n;
  }

  get source(): FuelSource {
    return this.#source;
  }

  /** Sets what the guest may use before it asks again. */
  fill(amount: number): void {
    this.#granted += amount - Number(this.#fuel.value);
    this.#fuel.value = BigInt(amount);
  }
}

// prettier-ignore
const HOOK_SECTIONS: readonly (readonly number[])[] = [
  [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  // types: (externref) -> (), (externref) -> i32
  [1, 10, 2, 0x60, 1, 0x6f, 0, 0x60, 1, 0x6f, 1, 0x7f],
  // imports: h.s stays, h.n now, h.l later
  [2, 19, 3, 1, 0x68, 1, 0x73, 0, 1, 1, 0x68, 1, 0x6e, 0, 0, 1, 0x68, 1, 0x6c, 0, 0],
  [3, 2, 1, 0],
  [7, 5, 1, 1, 0x72, 0, 3],
  [10, 20, 1, 18, 0, 0x20, 0, 0x10, 0, 0x04, 0x40, 0x20, 0, 0x10, 1, 0x05, 0x20, 0, 0x10, 2, 0x0b, 0x0b],
];

function makeHook(): CoreFunction {
  const stays: CoreFunction = (meter) => ((meter as Meter).source.staysOnThread() ? 1 : 0);
  const now: CoreFunction = (meter) => (meter as Meter).fill((meter as Meter).source.refuelNow());
  const later: CoreFunction = async (meter) => (meter as Meter).fill(await (meter as Meter).source.refuelLater());
  const imports = { h: { s: stays, n: now, l: new wasm.Suspending(later) } };
  const { exports } = new wasm.Instance(new wasm.Module(Uint8Array.from(HOOK_SECTIONS.flat())), imports);
  return exports["r"] as CoreFunction;
}

const refuelFunction = makeHook();
