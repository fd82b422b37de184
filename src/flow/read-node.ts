import type { JsonObject, JsonValue, SourcePosition } from "../types/index.ts";
import { didYouMean, isJsonObject, quote } from "../types/index.ts";
import type { Findings } from "./finding.ts";
import type { CompensateIr, NodeIr } from "./ir.ts";
import { escapePointer } from "./json-template.ts";
import { readRetry } from "./read-retry.ts";
import { readRouting } from "./read-routing.ts";

/** What reading a node needs to know. */
export interface NodeContext {
  readonly id: string;
  /** False for schema version 1 and the 2025 files, which carry what they don't know. */
  readonly isStrict: boolean;
  readonly findings: Findings;
  /** The place of a value below the node, by JSON pointer from it. */
  readonly locate: (pointer: string) => SourcePosition;
  /** The place of a key below the node. */
  readonly locateKey: (pointer: string) => SourcePosition;
}

/** A node and the key under which its input and routing stood, so that places can be told in the canonical spelling. */
export interface ReadNode {
  readonly node: NodeIr;
  readonly inputKey: string | undefined;
  readonly routingKey: string;
}

const OPERATION_KEY = /^[A-Za-z_][\w.-]*$/;
const CARRIED = ["when", "annotations", "meta", "pack_alias", "timeout"] as const;
const RESERVED = [
  "routing",
  "telemetry",
  "output",
  "retry",
  "compensate",
  "timeout_ms",
  "in_map",
  "out_map",
  "err_map",
  "operation",
  ...CARRIED,
];
const MAX_TIMEOUT_MS = 86_400_000;

/** Reads a node in any of its spellings; what is malformed becomes a finding. */
export function readNode(value: JsonValue, context: NodeContext): ReadNode | undefined {
  if (!isJsonObject(value))
    return refuse(context, `expected node ${quote(context.id)} to be a map`, context.locate(""));
  const shape = readShape(value, context);
  if (shape === undefined) return undefined;
  const { kind, inputKey, routingKey } = shape;
  const operation = value["operation"];
  const timeoutMs = readTimeout(value, context);
  const retry = readRetry(value["retry"], {
    refuse: (problem, pointer) => refuse(context, problem, context.locate(`/retry${pointer}`)),
    ignore: () => ignore(context, "retry", "write { max_attempts, base_delay_ms }"),
  });
  const compensate = readCompensate(value["compensate"], context);
  const extra = Object.fromEntries(
    CARRIED.filter((key) => value[key] !== undefined && !(key === "timeout" && timeoutMs !== undefined)).map((key) => [
      key,
      value[key] as JsonValue,
    ]),
  );
  const node: NodeIr = {
    id: context.id,
    kind,
    ...(typeof operation === "string" ? { operation } : {}),
    input: (inputKey === undefined ? undefined : value[inputKey]) ?? {},
    routing: readRouting(value[routingKey], {
      ...context,
      node: context.id,
      locate: (pointer) => context.locate(`/${routingKey}${pointer}`),
      locateKey: (pointer) => context.locateKey(`/${routingKey}${pointer}`),
    }),
    ...(retry === undefined ? {} : { retry }),
    ...(compensate === undefined ? {} : { compensate }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(value["in_map"] === undefined ? {} : { inMap: value["in_map"] }),
    ...(value["output"] === undefined ? {} : { output: value["output"] }),
    ...(value["out_map"] === undefined ? {} : { outMap: value["out_map"] }),
    ...(value["err_map"] === undefined ? {} : { errMap: value["err_map"] }),
    ...(isJsonObject(value["telemetry"]) ? { telemetry: value["telemetry"] } : {}),
    extra,
    at: context.locateKey(""),
  };
  return { node, inputKey, routingKey };
}

interface Shape {
  readonly kind: string;
  readonly inputKey: string | undefined;
  readonly routingKey: string;
}

function readShape(value: JsonObject, context: NodeContext): Shape | undefined {
  // 2025: `component: component.exec`, `payload`, `routes`.
  if (typeof value["component"] === "string") {
    return {
      kind: value["component"],
      inputKey: "payload",
      routingKey: value["routes"] === undefined ? "routing" : "routes",
    };
  }
  const others = Object.keys(value).filter((key) => !RESERVED.includes(key));
  if (value["kind"] !== undefined) return readDocumentedShape(value, { ...context, others });
  const [key, second] = others;
  if (key === undefined) {
    return refuse(
      context,
      `expected node ${quote(context.id)} to have one operation key, got none`,
      context.locateKey(""),
    );
  }
  if (second !== undefined) {
    const names = others.map(quote).join(", ");
    const problem = `expected node ${quote(context.id)} to have one operation key, got ${names}`;
    const hint = others.map((other) => didYouMean(other, RESERVED)).find((text) => text !== "") ?? "";
    const place = { at: context.locateKey(`/${escapePointer(second)}`), node: context.id };
    context.findings.add("FLOW_NODE_SHAPE_INVALID", `Read node: ${problem}${hint}`, {
      ...place,
      severity: context.isStrict ? "error" : "warning",
    });
    if (context.isStrict) return undefined;
  }
  if (context.isStrict && !OPERATION_KEY.test(key)) {
    return refuse(
      context,
      `expected an operation key like \`qa\` or \`component.exec\`, got ${quote(key)}`,
      context.locateKey(`/${escapePointer(key)}`),
    );
  }
  return { kind: key, inputKey: key, routingKey: "routing" };
}

/** `{ kind: qa, input: {…} }`. */
function readDocumentedShape(
  value: JsonObject,
  context: NodeContext & { readonly others: readonly string[] },
): Shape | undefined {
  const { kind } = value;
  if (typeof kind !== "string" || !OPERATION_KEY.test(kind)) {
    return refuse(context, "expected `kind` to be a name like `qa`", context.locate("/kind"));
  }
  const stray = context.others.find((key) => key !== "kind" && key !== "input");
  if (stray !== undefined) {
    return refuse(
      context,
      `unknown key ${quote(stray)} beside \`kind\`${didYouMean(stray, ["input", ...RESERVED])}`,
      context.locateKey(`/${escapePointer(stray)}`),
    );
  }
  return { kind, inputKey: value["input"] === undefined ? undefined : "input", routingKey: "routing" };
}

function readTimeout(value: JsonObject, context: NodeContext): number | undefined {
  const ms = value["timeout_ms"];
  if (ms !== undefined) {
    if (typeof ms === "number" && Number.isInteger(ms) && ms > 0 && ms <= MAX_TIMEOUT_MS) return ms;
    return refuse(context, `expected timeout_ms to be 1 to ${MAX_TIMEOUT_MS}`, context.locate("/timeout_ms"));
  }
  const { timeout } = value;
  if (timeout === undefined) return undefined;
  const match = typeof timeout === "string" ? /^(\d{1,8})\s*(ms|s|m)$/.exec(timeout.trim()) : null;
  if (match !== null) {
    const unitMs = match[2] === "ms" ? 1 : match[2] === "s" ? 1000 : 60_000;
    const timeoutMs = Number(match[1]) * unitMs;
    if (timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS) return timeoutMs;
  }
  ignore(context, "timeout", "write timeout_ms");
  return undefined;
}

/** `compensate: node` or `compensate: { flow, input }`. */
function readCompensate(value: JsonValue | undefined, context: NodeContext): CompensateIr | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string" && value !== "") return { node: value };
  if (isJsonObject(value) && typeof value["flow"] === "string" && value["flow"] !== "") {
    const { flow, input, ...rest } = value;
    const [stray] = Object.keys(rest);
    if (stray === undefined) return { flow, ...(input === undefined ? {} : { input }) };
    const problem = `unknown key ${quote(stray)} in \`compensate\`${didYouMean(stray, ["flow", "input"])}`;
    return refuse(context, problem, context.locateKey(`/compensate/${escapePointer(stray)}`));
  }
  const problem = "expected compensate to be a node id or { flow, input }";
  return refuse(context, problem, context.locate("/compensate"));
}

function ignore(context: NodeContext, key: string, instead: string): void {
  context.findings.add(
    "FLOW_NODE_FIELD_IGNORED",
    `Read node: ${quote(key)} has no effect as it is written; ${instead}`,
    {
      at: context.locateKey(`/${key}`),
      node: context.id,
      severity: "warning",
    },
  );
}

function refuse(context: NodeContext, problem: string, at: SourcePosition): undefined {
  context.findings.add("FLOW_NODE_SHAPE_INVALID", `Read node: ${problem}`, { at, node: context.id });
  return undefined;
}
