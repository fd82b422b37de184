export type { EngineLimits } from "./engine-env.ts";
export { KIND_CATALOG, kindCatalogFor } from "./kinds/catalog.ts";
export type { PackApp } from "./load-pack.ts";
export { createMachineWorld } from "./machine-world.ts";
export type { RuntimeOptions } from "./open-runtime.ts";
export { openRuntime } from "./open-runtime.ts";
export type { Ask, FlowChoice, FlowOffer, PackSummary, Runtime, Scope, StepReport, TurnReport } from "./runtime.ts";
export type { Role } from "./wake-ups.ts";
