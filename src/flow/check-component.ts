import type { JsonObject, JsonValue, SourcePosition } from "../types/index.ts";
import { didYouMean, isJsonObject, quote } from "../types/index.ts";
import { checkInput } from "./check-input.ts";
import type { Findings } from "./finding.ts";
import type { NodeIr } from "./ir.ts";
import type { ResolvedKind } from "./kind-spec.ts";

/** What a component said of itself when it was asked; a stranger's word. */
export interface ComponentFacts {
  readonly operations: readonly {
    readonly name: string;
    readonly inputSchema?: JsonValue;
    readonly outputSchema?: JsonValue;
  }[];
  readonly configSchema?: JsonValue;
}

/** Component name → what it said. */
export type ComponentFactsByName = ReadonlyMap<string, ComponentFacts>;

/** What a node calls, as far as it can be told without running it. */
interface Called {
  readonly component: string;
  readonly operation: string | undefined;
  readonly input: JsonValue;
  readonly inputPointer: string;
  readonly config: JsonValue | undefined;
}

const ADDRESS = new Set(["component", "component_ref", "operation", "op", "input", "config"]);
const MAX_SCHEMA_VALUES = 5_000;
const MAX_SCHEMA_DEPTH = 48;

/** Checks the operation, the input and the configuration of a component's call against what the component describes. */
export function checkComponentCall(
  node: NodeIr,
  from: {
    readonly kind: ResolvedKind;
    readonly facts: ComponentFactsByName;
    readonly findings: Findings;
    readonly locate: (pointer: string) => SourcePosition;
  },
): void {
  const { findings, locate } = from;
  const called = calledBy(node, from);
  const facts = called === undefined ? undefined : from.facts.get(called.component);
  if (called === undefined || facts === undefined) return;
  const { component, operation, input, inputPointer, config } = called;
  const names = facts.operations.map(({ name }) => name);
  if (operation !== undefined && !operation.includes("{{") && names.length > 0 && !names.includes(operation)) {
    findings.add(
      "FLOW_OPERATION_MISSING",
      `Check node ${quote(node.id)}: component ${quote(component)} has no operation ${quote(operation)}${didYouMean(operation, names)}`,
      // A component may serve more than it describes.
      { at: node.at, node: node.id, severity: "warning" },
    );
    return;
  }
  const checks = [
    { schema: operationOf(facts, operation)?.inputSchema, value: input, pointer: inputPointer },
    { schema: facts.configSchema, value: config, pointer: "/config" },
  ];
  for (const { schema, value, pointer } of checks) {
    const usable = usableSchema(schema);
    if (usable === undefined || value === undefined || typeof value === "string") continue;
    const place = (below: string): SourcePosition => locate(`${pointer}${below}`);
    for (const problem of validated(value, { schema: usable, locate: place })) {
      findings.add("FLOW_NODE_INPUT_INVALID", `Check ${quote(component)}: ${problem.message}`, {
        at: problem.at,
        node: node.id,
      });
    }
  }
}

/** The schema of what a node's component gives, where the component says so. */
export function componentOutput(
  node: NodeIr,
  from: { readonly kind: ResolvedKind; readonly facts: ComponentFactsByName },
): JsonObject | undefined {
  // A mapped output is the mapping's.
  if (node.output !== undefined || node.outMap !== undefined) return undefined;
  const called = calledBy(node, from);
  const facts = called === undefined ? undefined : from.facts.get(called.component);
  return facts === undefined ? undefined : usableSchema(operationOf(facts, called?.operation)?.outputSchema);
}

function operationOf(
  facts: ComponentFacts,
  name: string | undefined,
): ComponentFacts["operations"][number] | undefined {
  return name === undefined && facts.operations.length === 1
    ? facts.operations[0]
    : facts.operations.find((operation) => operation.name === name);
}

/** Reads a call as the runner's component kinds do; undefined where the flow leaves open what is called. */
function calledBy(
  node: NodeIr,
  from: { readonly kind: ResolvedKind; readonly facts: ComponentFactsByName },
): Called | undefined {
  const { kind, facts } = from;
  if (node.inMap !== undefined || !isJsonObject(node.input)) return undefined;
  const { input: payload } = node;
  const named = payload["component"] ?? payload["component_ref"];
  const isExec = kind.kind === "builtin" && node.kind === "component.exec";
  if (kind.kind === "builtin" && !isExec) return undefined;
  const isAddressed = Object.keys(payload).every((field) => ADDRESS.has(field)) && payload["input"] !== undefined;
  const asked = node.operation ?? textOf(payload["operation"]) ?? textOf(payload["op"]);
  const whole = facts.has(node.kind);
  const component = isExec ? textOf(named) : whole ? node.kind : kind.kind === "component" ? kind.component : undefined;
  if (component === undefined) return undefined;
  const operation = kind.kind === "component" && !whole ? (kind.operation ?? asked) : asked;
  if (isAddressed || typeof named === "string") {
    const hasInput = payload["input"] !== undefined;
    return {
      component,
      operation,
      input: hasInput ? (payload["input"] as JsonValue) : withoutAddress(payload),
      inputPointer: hasInput ? "/input" : "",
      config: payload["config"],
    };
  }
  return { component, operation, input: payload, inputPointer: "", config: undefined };
}

function withoutAddress(payload: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(payload).filter(([key]) => !ADDRESS.has(key)));
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function validated(value: JsonValue, from: Parameters<typeof checkInput>[1]): ReturnType<typeof checkInput> {
  try {
    return checkInput(value, from);
  } catch {
    // A schema that can't be used says nothing; `component doctor` tells its author.
    return [];
  }
}

const usable = new WeakMap<object, JsonObject>();

/** A stranger's schema without what could make checking it slow: patterns, formats, references, and more than a bound of either size. */
function usableSchema(schema: JsonValue | undefined): JsonObject | undefined {
  if (schema === undefined || !isJsonObject(schema)) return undefined;
  const known = usable.get(schema);
  if (known !== undefined) return known;
  const budget = { left: MAX_SCHEMA_VALUES };
  const copied = copySchema(schema, budget, 0);
  if (budget.left < 0 || !isJsonObject(copied)) return undefined;
  usable.set(schema, copied);
  return copied;
}

const LEFT_OUT = new Set(["pattern", "format", "$id", "$schema", "$anchor", "$dynamicAnchor", "default", "examples"]);
/** Members whose own keys are names, not keywords. */
const NAMES = new Set(["properties", "$defs", "definitions"]);

function copySchema(value: JsonValue, budget: { left: number }, depth: number, isNames = false): JsonValue {
  if (--budget.left < 0 || depth > MAX_SCHEMA_DEPTH) {
    budget.left = -1;
    return true;
  }
  if (Array.isArray(value)) return value.map((item: JsonValue) => copySchema(item, budget, depth + 1));
  if (!isJsonObject(value)) return value;
  // What is behind a reference or a pattern of names isn't judged.
  if (
    !isNames &&
    ["$ref", "$dynamicRef", "patternProperties", "unevaluatedProperties"].some((key) => Object.hasOwn(value, key))
  )
    return {};
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== "__proto__" && (isNames || !LEFT_OUT.has(key)))
      .map(([key, item]) =>
        key === "enum" || key === "const"
          ? [key, item]
          : [key, copySchema(item, budget, depth + 1, !isNames && NAMES.has(key))],
      ),
  );
}
