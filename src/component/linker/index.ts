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
export type { ComponentPlan } from "./plan.ts";
export { ComponentErr, Trap } from "./trap.ts";
export { answer } from "./wasi/define.ts";
export type { FileProblem, FileSource } from "./wasi/file-source.ts";
export type { Pending } from "./wasi/pollable.ts";
export { Pollable } from "./wasi/pollable.ts";
export { resolveWasi, wasiName } from "./wasi/resolve-wasi.ts";
export type { ByteSink } from "./wasi/streams.ts";
export { InputStream, IoError, OutputStream, streamClosed, streamFailure } from "./wasi/streams.ts";
export type { Wasi } from "./wasi/wasi.ts";
export { createWasi } from "./wasi/wasi.ts";
