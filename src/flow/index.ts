export type { CompileOptions } from "./compile-flow.ts";
export { compileFlow } from "./compile-flow.ts";
export type {
  CompiledFlow,
  CompiledJsonTemplate,
  CompiledNode,
  CompiledTemplate,
  NodeOutcome,
  RouteDecision,
} from "./compiled.ts";
export type { NewStep, StepChange } from "./edit-flow.ts";
export { addStep, deleteStep, newFlowText, updateStep } from "./edit-flow.ts";
export type { ComponentOrigin } from "./resolve-sidecar.ts";
export { bindInSidecar, readBindings, sidecarOf } from "./resolve-sidecar.ts";
export type { FlowFinding } from "./finding.ts";
export type { AssetCheck, TextFiles } from "./check-assets.ts";
export { checkAssets, checkUnusedTexts } from "./check-assets.ts";
export type { ComponentFacts, ComponentFactsByName } from "./check-component.ts";
export { findingsToSarif } from "./to-sarif.ts";
export type {
  CatchUp,
  CompensateIr,
  FlowIr,
  Interrupt,
  NodeIr,
  RetryIr,
  RouteIr,
  RouteTarget,
  RoutingIr,
  ScheduleIr,
} from "./ir.ts";
export { DEFAULT_MAX_DELAY_MS, isUnguarded } from "./ir.ts";
export type { Offer, OfferHints, PromptOffer, ResourceOffer, ToolOffer } from "./offer.ts";
export { inputOf } from "./offer.ts";
export type { KindBody, KindCatalog, KindEffect, KindSpec, ResolvedKind } from "./kind-spec.ts";
export { resolveKind } from "./kind-spec.ts";
export type { JsonTemplate, JsonTemplateOptions } from "./json-template.ts";
export { compileJsonTemplate } from "./json-template.ts";
export type { FlowInspection, ParseOptions } from "./parse-flow.ts";
export { inspectFlow, parseFlow } from "./parse-flow.ts";
export type { FlowScope } from "./scope.ts";
export type { TextTemplate } from "./template.ts";
export { compileTemplate } from "./template.ts";
export type { I18nBundles, Translate } from "./translator.ts";
export { createTranslator } from "./translator.ts";
export type { DoctorOptions } from "./doctor-flow.ts";
export { doctorFlow, doctorFlowPaced, isHealthy } from "./doctor-flow.ts";
export { editorSchema } from "./editor-schema.ts";
export { FLOW_SCHEMA } from "./flow-schema.ts";
export { flowToMermaid } from "./flow-to-mermaid.ts";
export { formatFlow } from "./format-flow.ts";
export { readCompiledFlow } from "./read-compiled-flow.ts";
