import type { CoreRef, FunctionType } from "./component-types.ts";
import type { ExportRef, ImportRef } from "./contract.ts";

/** How strings lie in a guest's memory. */
export type StringEncoding = "utf8" | "utf16" | "latin1+utf16";

/** The options of a canonical definition. */
export interface CanonOptions {
  readonly encoding: StringEncoding;
  readonly memory: CoreRef | null;
  readonly realloc: CoreRef | null;
  readonly postReturn: CoreRef | null;
}

/** A core function made callable as a component function. */
export interface LiftPlan {
  readonly core: CoreRef;
  readonly type: FunctionType;
  readonly options: CanonOptions;
  /** The component instance that it belongs to. */
  readonly instance: number;
}

/** A component function made callable from core code. */
export interface LowerPlan {
  readonly target: { readonly kind: "import" | "lift"; readonly index: number };
  readonly type: FunctionType;
  readonly options: CanonOptions;
  /** The component instance that calls it. */
  readonly instance: number;
}

/** An imported function. */
export interface ImportPlan extends ImportRef {
  readonly type: FunctionType;
}

/** An exported function. */
export interface ExportPlan extends ExportRef {
  readonly lift: number;
}

/** What a core module's import module is made of. */
export type CoreArgument =
  | { readonly kind: "instance"; readonly coreInstance: number }
  | { readonly kind: "bundle"; readonly items: readonly (readonly [string, CoreRef])[] };

/** One instantiation of a core module. */
export interface CoreInstancePlan {
  readonly module: number;
  readonly args: readonly (readonly [string, CoreArgument])[];
}

/** What instrumentation found in a core module. */
export interface CoreModuleInfo {
  /** Whether it has functions, and so a meter. */
  readonly isMetered: boolean;
  readonly definesMemory: boolean;
  /** Whether a function of it runs when it is instantiated. */
  readonly hasStart: boolean;
}

/**
 * A component taken apart: nested components flattened away, every index resolved. Plain data that survives a structured clone;
 * the core modules are instrumented already.
 */
export interface ComponentPlan {
  readonly coreModules: readonly Uint8Array[];
  readonly coreModuleInfos: readonly CoreModuleInfo[];
  readonly coreInstances: readonly CoreInstancePlan[];
  readonly lifts: readonly LiftPlan[];
  readonly lowers: readonly LowerPlan[];
  readonly imports: readonly ImportPlan[];
  readonly exports: readonly ExportPlan[];
  /** Component instances, the root being 0; each has its own handles. */
  readonly instanceCount: number;
  /** The fuel that every metered core instance starts with. */
  readonly startFuel: number;
}
