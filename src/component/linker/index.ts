export type { ComponentInstance, ExportRef, HostFunction, ImportRef, InstantiateOptions, LinkedComponent, ResolveImport } from "./contract.ts";
export type { FunctionType, ValueType } from "./component-types.ts";
export type { LinkerLimits } from "./limits.ts";
export { DEFAULT_LIMITS } from "./limits.ts";
export type { TrapReason } from "./trap.ts";
export { ComponentErr, Trap } from "./trap.ts";
// Coming next: parseComponent(bytes, limits?) → ComponentPlan { coreModules, imports, exports }, linkComponent(plan, resolve) → LinkedComponent,
// createWasi(options) → { resolve: ResolveImport (static), state: WasiState (goes into the instance's state) }
