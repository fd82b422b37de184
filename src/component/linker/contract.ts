import type { FunctionType } from "./component-types.ts";
import type { LinkerLimits } from "./limits.ts";

/** A function that a component imports: `{ instance: "wasi:clocks/wall-clock@0.2.0", name: "now" }`; instance null at top level. */
export interface ImportRef {
  readonly instance: string | null;
  readonly name: string;
}

/** What the host gives for an import. `state` is what `instantiate` was given. */
export interface HostFunction {
  /** Whether `call` may return a promise; the guest then waits without holding the thread. */
  readonly isAsync: boolean;
  /** Takes lifted arguments, returns the result; throws `ComponentErr` to return the error side of a `result`. */
  call(state: unknown, args: readonly unknown[]): unknown;
}

/** Finds the host's function for an import; undefined denies it. */
export type ResolveImport = (ref: ImportRef) => HostFunction | undefined;

/** A function that a component imports, with its type. */
export interface ImportedFunction extends ImportRef {
  readonly type: FunctionType;
}

/** A function that a component exports; `interface` is null at top level. */
export interface ExportRef {
  readonly interface: string | null;
  readonly name: string;
  readonly type: FunctionType;
}

/** How long a guest may run. */
export interface CallOptions {
  /** On the clock of `performance.now()`; a guest that still runs or waits then is stopped. */
  readonly deadlineAtMs?: number;
  readonly signal?: AbortSignal;
}

/** Within what an instance lives; its deadline and signal hold for calls that name none of their own. */
export interface InstantiateOptions extends CallOptions {
  /** Overrides of {@link LinkerLimits}; those that are fixed at parse time have no effect here. */
  readonly limits?: Partial<LinkerLimits>;
}

/** A component ready to be instantiated any number of times. */
export interface LinkedComponent {
  /** The functions that the component can reach. */
  readonly imports: readonly ImportedFunction[];
  readonly exports: readonly ExportRef[];
  /** Makes an instance. @throws Trap where a start function fails */
  instantiate(state: unknown, options?: InstantiateOptions): ComponentInstance;
}

/** One instance: one call at a time; after a Trap, or an argument that didn't fit and is half in its memory, none. */
export interface ComponentInstance {
  /**
   * Calls an export.
   * @throws ComponentErr where the export returned `err`; Trap where the guest was stopped; TypeError where an argument doesn't fit.
   */
  call(
    ref: { readonly interface: string | null; readonly name: string },
    args: readonly unknown[],
    options?: CallOptions,
  ): Promise<unknown>;
  readonly stats: { readonly fuel: number; readonly peakMemoryBytes: number };
}
