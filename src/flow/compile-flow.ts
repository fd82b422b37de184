import type { JsonObject, JsonValue, SourcePosition } from "../types/index.ts";
import { isJsonObject } from "../types/index.ts";
import type { CompiledFlow, CompiledNode, CompiledTemplate } from "./compiled.ts";
import { compileMaps, renderMappedInput, withoutMaps } from "./compile-maps.ts";
import { compileRouting } from "./compile-routing.ts";
import { createExpressionEnvironment } from "./expression.ts";
import type { ExpressionEnvironment } from "./expression.ts";
import type { FlowIr, NodeIr } from "./ir.ts";
import { compileJsonTemplate, deepFreeze } from "./json-template.ts";
import type { JsonTemplate, JsonTemplateOptions } from "./json-template.ts";
import { resolveKind } from "./kind-spec.ts";
import type { KindCatalog, KindSpec } from "./kind-spec.ts";
import { follow } from "./path.ts";
import type { FlowScope } from "./scope.ts";
import { inlinePartials } from "./template-source.ts";
import { compileTemplate } from "./template.ts";
import type { TextTemplate } from "./template.ts";

/** What compilation may know beside the flow. */
export interface CompileOptions {
  /** Says which inputs are templates themselves, and resolves kinds. */
  readonly catalog?: KindCatalog;
}

/**
 * Compiles a flow for the engine. Done once when a pack loads; afterwards a node costs what its templates and guards cost.
 * @throws FLOW_TEMPLATE_INVALID, FLOW_CONDITION_INVALID, FLOW_EXPRESSION_INVALID with the place of the value
 */
export function compileFlow(flow: FlowIr, options: CompileOptions = {}): CompiledFlow {
  let environment: ExpressionEnvironment | undefined;
  const routing = {
    // Most flows have no CEL, and an environment costs more than the rest of them.
    environment: () => (environment ??= createExpressionEnvironment(flow.nodes.keys())),
    locate: (pointer: string) => flow.positions.get(pointer),
  };
  const nodes = new Map<string, CompiledNode>();
  for (const node of flow.nodes.values()) {
    const resolved = options.catalog === undefined ? undefined : resolveKind(node.kind, options.catalog);
    const spec = resolved?.kind === "builtin" ? resolved.spec : undefined;
    const input = compileInput(flow, { node, spec });
    const maps = compileMaps(flow, { node, spec });
    const { out, err } = maps;
    nodes.set(node.id, {
      ir: node,
      resolved,
      isStatic: input.values.isStatic && maps.in === undefined,
      templates: input.templates,
      renderInput:
        maps.in === undefined
          ? input.values.render
          : renderMappedInput(input.values.render, { map: maps.in, argument: spec?.argument }),
      ...(out === undefined
        ? {}
        : { mapOutput: (scope: FlowScope, result: JsonValue) => out.render(scope, { input: result, result }) }),
      ...(err === undefined
        ? {}
        : { mapError: (scope: FlowScope, failure: JsonObject) => err.render(scope, { ...failure }) }),
      ...compileCompensation(flow, node),
      selectRoute: compileRouting(node, routing),
    });
  }
  const onFailure =
    flow.onFailure === undefined ? undefined : compileTemplate(flow.onFailure, flow.positions.get("/on_failure"));
  return { ir: flow, nodes, ...(onFailure === undefined ? {} : { renderFailure: (scope) => onFailure.render(scope) }) };
}

function compileCompensation(flow: FlowIr, node: NodeIr): Pick<CompiledNode, "renderCompensation"> {
  const input = node.compensate?.input;
  if (input === undefined) return {};
  const base = `/nodes/${node.id}/compensate/input`;
  const { render } = compileJsonTemplate(input, { locate: (pointer) => flow.positions.get(base + pointer) ?? node.at });
  return { renderCompensation: (scope) => render(scope) };
}

/** A node's input, compiled: its values, and the templates that its kind renders itself. */
export interface CompiledInput {
  readonly values: JsonTemplate;
  readonly templates: ReadonlyMap<string, CompiledTemplate & TextTemplate>;
}

/** Compiles a node's input. @throws FLOW_TEMPLATE_INVALID unless `onError` takes it */
export function compileInput(
  flow: FlowIr,
  from: {
    readonly node: NodeIr;
    readonly spec: KindSpec | undefined;
    readonly onError?: JsonTemplateOptions["onError"];
  },
): CompiledInput {
  const { node, spec } = from;
  const locate = (pointer: string): SourcePosition | undefined =>
    flow.positions.get(`/nodes/${node.id}/input${pointer}`) ?? node.at;
  const substitute = createSubstitution(flow.parameters);
  const options: JsonTemplateOptions = {
    locate,
    ...(substitute === undefined ? {} : { substitute }),
    ...(from.onError === undefined ? {} : { onError: from.onError }),
  };
  const templates = new Map<string, TextTemplate>();
  const input = withoutMaps(node.input, spec);
  if (isJsonObject(input)) {
    for (const field of spec?.templates ?? []) {
      const source = Object.hasOwn(input, field) ? input[field] : undefined;
      if (typeof source !== "string") continue;
      const { partials } = input;
      const whole = partials !== undefined && isJsonObject(partials) ? inlinePartials(source, partials) : source;
      templates.set(field, compileTemplate(whole, locate(`/${field}`)));
    }
  }
  if (templates.size === 0) return { values: compileJsonTemplate(input, options), templates };
  const entries = Object.entries(input as JsonObject);
  const isKept = (key: string): boolean => templates.has(key) || key === "partials";
  const kept = Object.fromEntries(entries.filter(([key]) => isKept(key)));
  const values = compileJsonTemplate(Object.fromEntries(entries.filter(([key]) => !isKept(key))), options);
  if (!values.isStatic) {
    return {
      values: { ...values, render: (scope, data) => ({ ...(values.render(scope, data) as JsonObject), ...kept }) },
      templates,
    };
  }
  const frozen = deepFreeze(input);
  return { values: { ...values, render: () => frozen }, templates };
}

const PARAMETER = /(?<![\w.$@-])parameters((?:\.[\w-]+)+)/g;

/**
 * Public flows write `parameters.<path>` bare, replaced when they are built: alone with its type, within text as text. Names
 * that the flow's parameters lack stay as they are, since they may be prose.
 * @see upstream reference §1.3
 */
function createSubstitution(parameters: JsonObject): ((text: string) => JsonValue) | undefined {
  if (Object.keys(parameters).length === 0) return undefined;
  return (text) => {
    if (!text.includes("parameters.") || text.includes("{{")) return text;
    const read = (steps: string): JsonValue | undefined => follow(parameters, steps.split("."), 1);
    const whole = /^parameters((?:\.[\w-]+)+)$/.exec(text)?.[1];
    if (whole !== undefined) return structuredClone(read(whole) ?? text);
    return text.replace(PARAMETER, (word, steps: string) => {
      const value = read(steps);
      return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
        ? String(value)
        : word;
    });
  };
}
