export type {
  CallOptions,
  ComponentInstance,
  ExportRef,
  HostFunction,
  ImportRef,
  InstantiateOptions,
  LinkedComponent,
  ResolveImport,
} from "./contract.ts";
export type { FunctionType, ValueType } from "./component-types.ts";
export { linkComponent } from "./link.ts";
export type { LinkerLimits } from "./limits.ts";
export { DEFAULT_LIMITS } from "./limits.ts";
export type { TrapReason } from "./trap.ts";
export { ComponentErr, Trap } from "./trap.ts";
export { parseComponent } from "./parse-component.ts";
export type { ComponentPlan } from "./plan.ts";
export { GuestResource } from "./guest-resource.ts";
export type { WithWasi } from "./wasi/define.ts";
export { resolveWasi } from "./wasi/resolve-wasi.ts";
export type { WasiOptions } from "./wasi/wasi.ts";
export { createWasi, Wasi } from "./wasi/wasi.ts";
