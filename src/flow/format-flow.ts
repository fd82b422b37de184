import { Document } from "yaml";
import type { JsonObject, JsonValue } from "../types/index.ts";
import type { CompensateIr, FlowIr, NodeIr, RetryIr, RouteIr, ScheduleIr } from "./ir.ts";
import { isUnguarded } from "./ir.ts";
import type { Offer, OfferHints } from "./offer.ts";

/**
 * Formats a flow as canonical YGTc in its own schema version (files of 2025 become version 1, which may hold what version 2
 * refuses): one operation key a node, keys in one order, no aliases. Parsing the text gives the flow back, save its places.
 */
export function formatFlow(flow: FlowIr): string {
  const document: Record<string, JsonValue> = { id: flow.id, type: flow.type, schema_version: flow.schemaVersion };
  const add = (key: string, value: JsonValue | undefined): void => {
    if (value !== undefined) document[key] = value;
  };
  add("title", flow.title);
  add("description", flow.description);
  if (flow.tags.length > 0) add("tags", flow.tags);
  add("start", flow.start);
  const entrypoints = Object.fromEntries(flow.entrypoints);
  const isPlain =
    flow.entrypoints.size === 0 || (flow.entrypoints.size === 1 && flow.entrypoints.get("default") === flow.start);
  if (!isPlain) add("entrypoints", entrypoints);
  if (Object.keys(flow.parameters).length > 0) add("parameters", flow.parameters);
  if (flow.interrupt !== "restart") add("interrupt", flow.interrupt);
  add("on_failure", flow.onFailure);
  if (flow.schedules !== undefined) add("schedule", flow.schedules.map(formatSchedule));
  if (flow.offer !== undefined) add("offer", formatOffer(flow.offer));
  if (flow.slotSchema.length > 0) add("slot_schema", flow.slotSchema);
  if (Object.keys(flow.meta).length > 0) add("meta", flow.meta);
  add("nodes", Object.fromEntries([...flow.nodes].map(([id, node]) => [id, formatNode(node)])));
  const yaml = new Document(document, { version: "1.2", schema: "core", aliasDuplicateObjects: false });
  return yaml.toString({ lineWidth: 0 });
}

function formatOffer(offer: Offer): JsonObject {
  const shared = {
    ...(offer.title === undefined ? {} : { title: offer.title }),
    ...(offer.description === undefined ? {} : { description: offer.description }),
    ...(offer.logs ? { logs: true } : {}),
  };
  if (offer.kind === "resource") {
    return {
      resource: offer.uri,
      ...(offer.name === offer.uri ? {} : { name: offer.name }),
      ...shared,
      ...(offer.mimeType === undefined ? {} : { mime_type: offer.mimeType }),
    };
  }
  const input = offer.input === undefined ? {} : { input: offer.input };
  if (offer.kind === "prompt") return { prompt: offer.name, ...shared, ...input };
  const hints = formatHints(offer.hints);
  return {
    tool: offer.name,
    ...shared,
    ...input,
    ...(offer.output === undefined ? {} : { output: offer.output }),
    ...(Object.keys(hints).length === 0 ? {} : { hints }),
  };
}

function formatHints({ readOnly, destructive, idempotent, openWorld }: OfferHints): JsonObject {
  return {
    ...(readOnly === undefined ? {} : { read_only: readOnly }),
    ...(destructive === undefined ? {} : { destructive }),
    ...(idempotent === undefined ? {} : { idempotent }),
    ...(openWorld === undefined ? {} : { open_world: openWorld }),
  };
}

/** Names that a node of version 2 can't have as its operation key, being read as something else. */
const TAKEN: ReadonlySet<string> = new Set([
  "kind",
  "component",
  "routing",
  "telemetry",
  "output",
  "retry",
  "compensate",
  "timeout",
  "timeout_ms",
  "when",
  "annotations",
  "meta",
  "in_map",
  "out_map",
  "err_map",
  "operation",
  "pack_alias",
]);

function formatNode(node: NodeIr): JsonObject {
  const made: Record<string, JsonValue> = TAKEN.has(node.kind)
    ? { component: node.kind, payload: node.input }
    : { [node.kind]: node.input };
  const add = (key: string, value: JsonValue | undefined): void => {
    if (value !== undefined) made[key] = value;
  };
  add("operation", node.operation);
  add("timeout_ms", node.timeoutMs);
  if (node.retry !== undefined) add("retry", formatRetry(node.retry));
  if (node.compensate !== undefined) add("compensate", formatCompensate(node.compensate));
  add("in_map", node.inMap);
  add("output", node.output);
  add("out_map", node.outMap);
  add("err_map", node.errMap);
  add("telemetry", node.telemetry);
  for (const [key, value] of Object.entries(node.extra)) add(key, value);
  if (node.routing.length > 0) add("routing", formatRouting(node.routing));
  return made;
}

function formatRetry({ maxAttempts, baseDelayMs, factor, maxDelayMs, jitter }: RetryIr): JsonObject {
  return {
    max_attempts: maxAttempts,
    base_delay_ms: baseDelayMs,
    ...(factor === undefined ? {} : { factor }),
    ...(maxDelayMs === undefined ? {} : { max_delay_ms: maxDelayMs }),
    ...(jitter === undefined ? {} : { jitter }),
  };
}

function formatCompensate({ node, flow, input }: CompensateIr): JsonValue {
  if (flow === undefined) return node ?? "";
  return { flow, ...(input === undefined ? {} : { input }) };
}

function formatSchedule({ cron, zone, entry, catchUp }: ScheduleIr): JsonObject {
  return {
    cron,
    ...(zone === undefined ? {} : { zone }),
    ...(entry === undefined ? {} : { entry }),
    ...(catchUp === undefined ? {} : { catch_up: catchUp }),
  };
}

function formatRouting(routing: readonly RouteIr[]): JsonValue {
  const [only, second] = routing;
  if (only !== undefined && second === undefined && isUnguarded(only) && only.target.kind !== "node") {
    return only.target.kind === "end" ? "out" : "reply";
  }
  return routing.map((route) => ({
    ...(route.status === undefined ? {} : { status: route.status }),
    ...(route.on === undefined ? {} : { on: route.on }),
    ...(route.condition === undefined ? {} : { condition: route.condition }),
    ...(route.if === undefined ? {} : { if: route.if }),
    ...(route.target.kind === "node"
      ? { to: route.target.node }
      : route.target.kind === "end"
        ? { out: true }
        : { reply: true }),
  }));
}
