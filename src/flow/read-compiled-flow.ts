import type { JsonObject, JsonValue, SourcePosition } from "../types/index.ts";
import { GreenticError, isJsonObject, quote } from "../types/index.ts";
import { checkStructure } from "./check-structure.ts";
import { Findings } from "./finding.ts";
import type { FlowIr, NodeIr, RouteIr, RouteTarget, RoutingIr } from "./ir.ts";
import { readRouting } from "./read-routing.ts";

/**
 * Reads a flow as public packs carry it compiled (`flow-v1` in their manifest, and the runtime JSON before it): nodes with
 * `component`, `input.mapping` and a routing of `"End"`, `"Reply"`, `{Next}`, `{Branch}` or `{Custom}`. Symbols must be
 * resolved to names beforehand. Branches go by status, which is what they say.
 * @throws FLOW_SHAPE_INVALID, FLOW_NODE_SHAPE_INVALID, FLOW_ROUTE_INVALID, FLOW_ROUTE_TARGET_MISSING, FLOW_START_MISSING
 * @see upstream reference §1.3, §2.2
 */
export function readCompiledFlow(value: JsonValue, options: { readonly file: string }): FlowIr {
  const at: SourcePosition = { file: options.file, line: 1, column: 1 };
  const findings = new Findings();
  if (!isJsonObject(value) || typeof value["id"] !== "string") {
    throw new GreenticError("FLOW_SHAPE_INVALID", "Read compiled flow: expected an object with id and nodes", { at });
  }
  const nodes = new Map<string, NodeIr>();
  for (const [id, node] of nodeEntries(value["nodes"] ?? {}))
    nodes.set(id, readCompiledNode(node, { id, at, findings }));
  const entrypoints = new Map<string, string>();
  for (const [name, node] of Object.entries(asObject(value["entrypoints"])))
    if (typeof node === "string") entrypoints.set(name, node);
  const named = value["start"] ?? value["entry"];
  const start =
    (typeof named === "string" ? named : undefined) ??
    entrypoints.get("default") ??
    (nodes.has("in") ? "in" : nodes.keys().next().value);
  if (start !== undefined && !entrypoints.has("default")) entrypoints.set("default", start);
  const metadata = asObject(value["metadata"]);
  const { "greentic.slot_schema": slots, parameters, ...meta } = asObject(metadata["extra"]);
  const tags = metadata["tags"] ?? value["tags"];
  const type = value["kind"] ?? value["flow_type"];
  const flow: FlowIr = {
    id: value["id"],
    type: typeof type === "string" ? type : "messaging",
    ...(typeof metadata["title"] === "string" ? { title: metadata["title"] } : {}),
    ...(typeof metadata["description"] === "string" ? { description: metadata["description"] } : {}),
    tags: Array.isArray(tags) ? tags.filter((tag: JsonValue) => typeof tag === "string") : [],
    start,
    entrypoints,
    parameters: asObject(parameters ?? value["parameters"]),
    interrupt: "restart",
    nodes,
    slotSchema: Array.isArray(slots) ? (slots as readonly JsonValue[]) : [],
    schemaVersion: 1,
    file: options.file,
    meta,
    at,
    positions: new Map(),
  };
  checkStructure(flow, findings);
  findings.throwFirst();
  return flow;
}

function asObject(value: JsonValue | undefined): JsonObject {
  return value !== undefined && isJsonObject(value) ? value : {};
}

/** Nodes are a list with ids in the manifest, a map elsewhere. */
function nodeEntries(nodes: JsonValue): readonly (readonly [string, JsonValue])[] {
  if (!Array.isArray(nodes)) return Object.entries(asObject(nodes));
  return nodes.map((node: JsonValue, i) => {
    const { id } = asObject(node);
    return [typeof id === "string" ? id : `node_${i}`, node] as const;
  });
}

interface Place {
  readonly id: string;
  readonly at: SourcePosition;
  readonly findings: Findings;
}

function readCompiledNode(value: JsonValue, place: Place): NodeIr {
  const node = asObject(value);
  const component = node["component"] ?? node["component_id"];
  const kind = typeof component === "string" ? component : asObject(component)["id"];
  const operation = asObject(component)["operation"] ?? node["operation_name"];
  if (typeof kind !== "string") {
    place.findings.add("FLOW_NODE_SHAPE_INVALID", `Read compiled flow: node ${quote(place.id)} names no component`, {
      at: place.at,
      node: place.id,
    });
  }
  const output = asObject(node["output"])["mapping"];
  const input =
    asObject(node["input"])["mapping"] ?? node["operation_payload"] ?? node["payload_expr"] ?? node["payload"] ?? {};
  const telemetry = asObject(node["telemetry"]);
  return {
    id: place.id,
    ...nameOperation(typeof kind === "string" ? kind : "", { operation, input }),
    input,
    routing: readCompiledRouting(node["routing"] ?? node["routes"], place),
    ...(output === undefined || output === null ? {} : { output }),
    ...(node["err_map"] === undefined || node["err_map"] === null ? {} : { errMap: node["err_map"] }),
    ...(Object.keys(telemetry).length === 0 ? {} : { telemetry }),
    extra: {},
    at: place.at,
  };
}

/** The compiler moved operation keys into `component.exec`'s operation: `emit.response` comes back as the kind it was. */
function nameOperation(
  kind: string,
  from: { readonly operation: JsonValue | undefined; readonly input: JsonValue },
): { readonly kind: string; readonly operation?: string } {
  if (typeof from.operation !== "string") return { kind };
  const input = asObject(from.input);
  const isNamed = input["component"] !== undefined || input["component_ref"] !== undefined;
  return kind === "component.exec" && !isNamed ? { kind: from.operation } : { kind, operation: from.operation };
}

function readCompiledRouting(routing: JsonValue | undefined, place: Place): RoutingIr {
  const { at, id, findings } = place;
  const to = (target: RouteTarget, status?: string): RouteIr => ({
    target,
    at,
    ...(status === undefined ? {} : { status }),
  });
  if (routing === undefined || routing === null || routing === "End") return [];
  if (routing === "Reply") return [to({ kind: "reply" })];
  if (Array.isArray(routing) || typeof routing === "string") {
    return readRouting(routing, { node: id, isStrict: false, findings, locate: () => at, locateKey: () => at });
  }
  const { Next: next, Branch: branch, Custom: custom } = asObject(routing);
  const nextNode = asObject(next)["node_id"];
  if (typeof nextNode === "string") return [to({ kind: "node", node: nextNode })];
  if (custom !== undefined)
    return readRouting(custom, { node: id, isStrict: false, findings, locate: () => at, locateKey: () => at });
  if (branch !== undefined && isJsonObject(branch)) {
    const routes = Object.entries(asObject(branch["on_status"])).flatMap(([status, node]) =>
      typeof node === "string" ? [to({ kind: "node", node }, status)] : [],
    );
    const fallback = branch["default"];
    return typeof fallback === "string" ? [...routes, to({ kind: "node", node: fallback })] : routes;
  }
  findings.add("FLOW_ROUTE_INVALID", "Read compiled flow: expected End, Reply, Next, Branch or Custom", {
    at,
    node: id,
  });
  return [];
}
