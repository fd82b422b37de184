/** What one component may cost; every limit is checked, none is advice. Sizes are per instance unless said otherwise. */
export interface LinkerLimits {
  /** Size of the component's binary. */
  readonly maxComponentBytes: number;
  /** Definitions (types, functions, instances, …) that parsing may see, counted again for every nested instantiation. */
  readonly maxDefinitions: number;
  /** Core module instances of one component instance. */
  readonly maxCoreInstances: number;
  /** Components inside components, and types inside types. */
  readonly maxNesting: number;
  /** Linear memories of one component instance; each has its own {@link maxMemoryPages}. */
  readonly maxMemories: number;
  /** Pages of 64 KiB that one memory can grow to. */
  readonly maxMemoryPages: number;
  /** Tables of one component instance; each has its own {@link maxTableElements}. */
  readonly maxTables: number;
  /** Entries that one table can grow to. */
  readonly maxTableElements: number;
  /** Live resource handles. */
  readonly maxHandles: number;
  /** Bytes of JavaScript heap that the values lifted during one call may take. */
  readonly liftBudgetBytes: number;
  /** Bytes that may be written to the guest's memory for it during one call: arguments, and results of what it calls. */
  readonly lowerBudgetBytes: number;
  /** Instructions between two looks at the clock; a guest whose turn is over then returns to the event loop. */
  readonly fuelSlice: number;
  /** Instructions that start functions may take before the first call; fixed when the component is parsed. */
  readonly startFuel: number;
  /** Instructions of one call; `Infinity` leaves the bound to the deadline. */
  readonly maxFuel: number;
  /** Host calls between two looks at the clock. */
  readonly hostCallsPerLook: number;
  /** Bytes of stdout, stderr and log lines that are kept; the rest is counted and dropped. */
  readonly maxLogBytes: number;
  /** Random bytes that one call may ask for at once. */
  readonly maxRandomBytes: number;
}

/** The limits of a stranger's component. */
export const DEFAULT_LIMITS: LinkerLimits = {
  maxComponentBytes: 32 * 1024 * 1024,
  maxDefinitions: 200_000,
  maxCoreInstances: 128,
  maxNesting: 64,
  maxMemories: 8,
  maxMemoryPages: 1024,
  maxTables: 32,
  maxTableElements: 65_536,
  maxHandles: 10_000,
  liftBudgetBytes: 64 * 1024 * 1024,
  lowerBudgetBytes: 256 * 1024 * 1024,
  fuelSlice: 1_000_000,
  startFuel: 20_000_000,
  maxFuel: Number.POSITIVE_INFINITY,
  hostCallsPerLook: 64,
  maxLogBytes: 64 * 1024,
  maxRandomBytes: 64 * 1024,
};
