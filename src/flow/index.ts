export type {
  CompiledFlow,
  CompiledJsonTemplate,
  CompiledNode,
  CompiledTemplate,
  NodeOutcome,
  RouteDecision,
} from "./compiled.ts";
export type { FlowFinding } from "./finding.ts";
export type { FlowIr, Interrupt, NodeIr, RetryIr, RouteIr, RouteTarget, RoutingIr } from "./ir.ts";
export { isUnguarded } from "./ir.ts";
export type { KindCatalog, KindEffect, KindSpec, ResolvedKind } from "./kind-spec.ts";
export { resolveKind } from "./kind-spec.ts";
export type { FlowScope } from "./scope.ts";
