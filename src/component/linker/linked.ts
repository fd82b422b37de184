import type { CoreRef } from "./component-types.ts";
import type { HostFunction } from "./contract.ts";
import type { FunctionAbi } from "./function-abi.ts";
import type { CanonOptions, ComponentPlan } from "./plan.ts";
import type { Switches } from "./switching.ts";
import type { WasmModule } from "./wasm.ts";

/** A lowered function: what stands in the way between core code and its callee. */
export interface LinkedLower {
  readonly instance: number;
  readonly options: CanonOptions;
  readonly abi: FunctionAbi;
  readonly target:
    | { readonly kind: "host"; readonly host: HostFunction }
    | { readonly kind: "lift"; readonly lift: LinkedLift };
  readonly index: number;
}

/** A lifted function. */
export interface LinkedLift {
  readonly instance: number;
  readonly core: CoreRef;
  readonly options: CanonOptions;
  readonly abi: FunctionAbi;
  readonly index: number;
}

/** What all instances of a component share. */
export interface Linked {
  readonly plan: ComponentPlan;
  readonly modules: readonly WasmModule[];
  readonly lowers: readonly LinkedLower[];
  readonly lifts: readonly LinkedLift[];
  /** The calls between components that are also made where the guest can't wait. */
  readonly switches: Switches | null;
  findExport(ref: { readonly interface: string | null; readonly name: string }): LinkedLift | undefined;
}
