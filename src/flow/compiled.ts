import type { JsonValue, OutcomeError } from "../types/index.ts";
import type { FlowIr, NodeIr } from "./ir.ts";
import type { ResolvedKind } from "./kind-spec.ts";
import type { FlowScope } from "./scope.ts";

/** A flow ready to run: made once when its pack loads, shared by all sessions, holding nothing of any of them. */
export interface CompiledFlow {
  readonly ir: FlowIr;
  readonly nodes: ReadonlyMap<string, CompiledNode>;
  /** Renders the flow's `on_failure` text; absent where the flow sets none. */
  readonly renderFailure?: (scope: FlowScope) => string;
}

/** A node ready to run. */
export interface CompiledNode {
  readonly ir: NodeIr;
  /** What the operation key means; undefined where compilation was given no catalog. */
  readonly resolved: ResolvedKind | undefined;
  /** True when the input holds no template: `renderInput` then returns one frozen value, always the same. */
  readonly isStatic: boolean;
  /** The kind's own template fields (`KindSpec.templates`), compiled. */
  readonly templates: ReadonlyMap<string, CompiledTemplate>;
  /** Renders the input; parts without templates are frozen and shared between calls. */
  readonly renderInput: (scope: FlowScope) => JsonValue;
  /** Makes the node's output of its result, where the node has an `out_map`. */
  readonly mapOutput?: (scope: FlowScope, result: JsonValue) => JsonValue;
  /** Makes a failed node's output, where the node has an `err_map`. */
  readonly mapError?: (
    scope: FlowScope,
    failure: { readonly error: JsonValue; readonly result: JsonValue },
  ) => JsonValue;
  /** Renders what the flow gets that undoes the node, where the node names one with an input. */
  readonly renderCompensation?: (scope: FlowScope) => JsonValue;
  /** Chooses the way out; the first route whose guards hold wins. */
  readonly selectRoute: (scope: FlowScope, outcome: NodeOutcome) => RouteDecision;
}

/** How a node ended, as routing sees it; the finished members of `Outcome` fit. */
export interface NodeOutcome {
  readonly kind: "ok" | "error";
  readonly status: string;
  readonly output: JsonValue;
  readonly error?: OutcomeError;
}

/**
 * What follows a node. `wait`: guards present and none held, the flow parks here. `fail`: the node failed and no route catches it.
 */
export type RouteDecision =
  | { readonly kind: "next"; readonly node: string }
  | { readonly kind: "end" }
  | { readonly kind: "reply" }
  | { readonly kind: "wait" }
  | { readonly kind: "fail" };

/** A text template, compiled. */
export interface CompiledTemplate {
  /**
   * Renders the text. Top-level names are looked up in `data` first where it is given, then in the scope.
   * @throws FLOW_TEMPLATE_TOO_LARGE past 256 KiB of output or 100,000 steps
   */
  readonly render: (scope: FlowScope, data?: JsonValue) => string;
}

/** A JSON document whose strings are templates, compiled. */
export interface CompiledJsonTemplate {
  readonly isStatic: boolean;
  /** Renders the document; a string that is only `{{path}}` becomes the value there. @throws FLOW_TEMPLATE_TOO_LARGE */
  readonly render: (scope: FlowScope, data?: JsonValue) => JsonValue;
}
