export type { FunctionType, ValueType } from "./component-types.ts";
export type {
  ComponentInstance,
  ExportRef,
  HostFunction,
  ImportedFunction,
  ImportRef,
  InstantiateOptions,
  LinkedComponent,
} from "./contract.ts";
export { GuestResource } from "./guest-resource.ts";
export type { LinkerLimits } from "./limits.ts";
export { DEFAULT_LIMITS } from "./limits.ts";
export { linkComponent } from "./link.ts";
export { parseComponent } from "./parse-component.ts";
export { ComponentErr, Trap } from "./trap.ts";
export { resolveWasi } from "./wasi/resolve-wasi.ts";
export { createWasi } from "./wasi/wasi.ts";
