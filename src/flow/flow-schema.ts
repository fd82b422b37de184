import type { JsonObject } from "../types/index.ts";

const NODE_ID = "^[A-Za-z_][\\w-]*$";
const RESERVED =
  "^(?!(?:routing|telemetry|output|retry|compensate|timeout|timeout_ms|when|annotations|meta|in_map|out_map|err_map|operation|pack_alias|kind|input)$)[A-Za-z_][\\w.-]*$";

const ROUTE: JsonObject = {
  type: "object",
  description: "One way out; the first entry whose guards hold wins.",
  additionalProperties: false,
  properties: {
    to: { type: "string", minLength: 1, description: "A node id, `out` or `reply`." },
    out: { type: "boolean", description: "End the flow." },
    reply: { type: "boolean", description: "Reply to the origin with the last output and end." },
    status: { type: ["string", "number", "boolean"], description: "Holds when the node ended with this status." },
    on: { type: "string", description: "Holds on an event: error, timeout, cancel, …" },
    event: { type: "string", description: "The public name of `on`." },
    condition: { type: "string", description: "`path OP literal` with ==, !=, >=, <=, >, < or contains." },
    if: { type: ["string", "boolean"], description: "CEL that gives true or false." },
    next: { type: "string", minLength: 1, deprecated: true, description: "Read as `to`." },
  },
  anyOf: [
    { required: ["to"] },
    { required: ["next"] },
    { required: ["out"], properties: { out: { const: true } } },
    { required: ["reply"], properties: { reply: { const: true } } },
  ],
};

const SIBLINGS: JsonObject = {
  routing: { $ref: "#/$defs/routing" },
  telemetry: {
    type: "object",
    properties: { span_name: { type: "string" }, attributes: { type: "object" }, sampling: {} },
  },
  retry: {
    type: "object",
    additionalProperties: false,
    required: ["max_attempts"],
    properties: {
      max_attempts: { type: "integer", minimum: 1, maximum: 20 },
      base_delay_ms: { type: "integer", minimum: 0, maximum: 86_400_000, default: 200 },
      factor: { type: "number", minimum: 1, maximum: 10, default: 2 },
      max_delay_ms: { type: "integer", minimum: 0, maximum: 86_400_000, default: 60_000 },
      jitter: { type: "number", minimum: 0, maximum: 1, default: 0.25 },
    },
  },
  compensate: {
    description: "What undoes the node where something later fails: a node of this flow, or another flow.",
    anyOf: [
      { type: "string", minLength: 1 },
      {
        type: "object",
        required: ["flow"],
        additionalProperties: false,
        properties: { flow: { type: "string", minLength: 1 }, input: {} },
      },
    ],
  },
  timeout_ms: { type: "integer", minimum: 1, maximum: 86_400_000 },
  timeout: { description: "`30s`, `500ms` or `2m`; prefer timeout_ms." },
  operation: { type: "string" },
  in_map: {},
  output: {},
  out_map: {},
  err_map: {},
  when: {},
  annotations: {},
  meta: {},
  pack_alias: {},
};

const SCHEDULE: JsonObject = {
  type: "object",
  required: ["cron"],
  additionalProperties: false,
  properties: {
    cron: { type: "string", description: "Minute, hour, day, month, weekday; a sixth field in front counts seconds." },
    zone: { type: "string", default: "UTC", description: "An IANA time zone such as Europe/Berlin." },
    entry: { type: "string", description: "The entrypoint or node to start at; the flow's start where absent." },
    catch_up: { enum: ["none", "last", "all"], default: "last", description: "What becomes of missed firings." },
  },
};
const OBJECT_SCHEMA: JsonObject = {
  type: "object",
  required: ["type"],
  properties: { type: { const: "object" } },
};
const SHARED_OFFER: JsonObject = {
  title: { type: "string", minLength: 1 },
  description: { type: "string", minLength: 1 },
  logs: { type: "boolean", default: false, description: "Lines that the flow logs go to the caller too." },
};
const OFFER_NAME: JsonObject = { type: "string", pattern: "^[A-Za-z0-9_.-]{1,128}$" };

const OFFER: JsonObject = {
  description: "What `gtc mcp serve` offers the flow as; a flow without it can't be called from there.",
  oneOf: [
    {
      type: "object",
      required: ["tool"],
      additionalProperties: false,
      properties: {
        tool: OFFER_NAME,
        ...SHARED_OFFER,
        input: { ...OBJECT_SCHEMA, description: "JSON Schema of the arguments; without it the flow's parameters." },
        output: { ...OBJECT_SCHEMA, description: "JSON Schema of the flow's output." },
        hints: {
          type: "object",
          additionalProperties: false,
          properties: {
            read_only: { type: "boolean" },
            destructive: { type: "boolean" },
            idempotent: { type: "boolean" },
            open_world: { type: "boolean" },
          },
        },
      },
    },
    {
      type: "object",
      required: ["prompt"],
      additionalProperties: false,
      properties: { prompt: OFFER_NAME, ...SHARED_OFFER, input: OBJECT_SCHEMA },
    },
    {
      type: "object",
      required: ["resource"],
      additionalProperties: false,
      properties: {
        resource: { type: "string", minLength: 1, description: "A URI, or a template such as weather://{city}." },
        name: { type: "string", minLength: 1 },
        ...SHARED_OFFER,
        mime_type: { type: "string", minLength: 1 },
      },
    },
  ],
};

/** The JSON Schema (2020-12) of flow files, schema version 2, for editors; `parseFlow` says the same with better words. */
export const FLOW_SCHEMA: JsonObject = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Greentic flow (YGTc, schema version 2)",
  type: "object",
  required: ["id", "type", "nodes"],
  additionalProperties: false,
  patternProperties: { "^x-": { description: "Notes of a generator; carried by nobody." } },
  properties: {
    id: { type: "string", pattern: "^\\S{1,128}$" },
    type: {
      type: "string",
      minLength: 1,
      examples: ["messaging", "webhook", "timer", "websocket", "pubsub", "job", "component-config"],
    },
    schema_version: { enum: [1, 2], default: 2 },
    title: { type: "string" },
    description: { type: "string" },
    tags: { type: "array", items: { type: "string" } },
    start: { type: "string", description: "The first node; `in`, else the first in the file." },
    entrypoints: {
      type: "object",
      description: "Names like `default` and `command:/weather` → node id.",
      additionalProperties: { type: "string" },
    },
    parameters: { type: "object" },
    interrupt: {
      enum: ["restart", "ignore", "keep"],
      default: "restart",
      description: "What a command does to a flow that waits.",
    },
    on_failure: { type: "string", description: "What the person gets when a node fails without an error route." },
    schedule: {
      description: "When the flow starts by itself; for flows of type timer.",
      anyOf: [SCHEDULE, { type: "array", items: SCHEDULE, minItems: 1 }],
    },
    cron: { type: "string", description: "Short for a schedule of one expression, in UTC." },
    offer: { $ref: "#/$defs/offer" },
    slot_schema: { type: "array", items: { type: "object" } },
    meta: { type: "object" },
    nodes: { type: "object", propertyNames: { pattern: NODE_ID }, additionalProperties: { $ref: "#/$defs/node" } },
  },
  $defs: {
    offer: OFFER,
    node: {
      type: "object",
      oneOf: [{ $ref: "#/$defs/operationNode" }, { $ref: "#/$defs/kindNode" }],
    },
    operationNode: {
      description: "`qa: {…}`: one operation key with what it takes.",
      // Editors can tell no operation key from one; that there are two only the parser can.
      allOf: [{ not: { required: ["kind"] } }, { not: { propertyNames: { enum: Object.keys(SIBLINGS) } } }],
      properties: SIBLINGS,
      patternProperties: { [RESERVED]: {} },
      additionalProperties: false,
      minProperties: 1,
    },
    kindNode: {
      description: "`{ kind: qa, input: {…} }`.",
      required: ["kind"],
      properties: { ...SIBLINGS, kind: { type: "string", pattern: "^[A-Za-z_][\\w.-]*$" }, input: {} },
      additionalProperties: false,
    },
    routing: {
      oneOf: [{ enum: ["out", "reply"] }, { type: "array", items: { anyOf: [{ enum: ["out", "reply"] }, ROUTE] } }],
    },
  },
};
