import type { SchemaObject } from "ajv";
import { endpointAuthSchema, httpServerSchema } from "../config/index.ts";

const MAX_TOOLS = 1_000;
const NAME = "^[A-Za-z0-9][\\w.-]{0,127}$";
const text = { type: "string", minLength: 1 } as const;
const whole = (maximum: number): SchemaObject => ({ type: "integer", minimum: 0, maximum });

const tool: SchemaObject = {
  type: "object",
  properties: {
    name: { type: "string", pattern: NAME },
    component: text,
    server: text,
    http: {
      type: "object",
      properties: {
        method: { enum: ["GET", "POST", "PUT", "PATCH", "DELETE"] },
        url: { type: "string", pattern: "^https?://" },
        headers: { type: "object", additionalProperties: { type: "string" } },
        auth: endpointAuthSchema,
      },
      required: ["url"],
      additionalProperties: false,
    },
    entry: text,
    description: { type: "string" },
    input_schema: { type: ["object", "boolean"] },
    output_schema: { type: ["object", "boolean"] },
    timeout_ms: whole(600_000),
    max_timeout_ms: whole(3_600_000),
    max_retries: whole(10),
    retry_backoff_ms: whole(60_000),
    idempotent: { type: "boolean" },
  },
  required: ["name"],
  oneOf: ["component", "server", "http"].map((key) => ({ properties: { [key]: true }, required: [key] })),
  additionalProperties: false,
};

/** The shape of a tool map. */
export const toolMapSchema: SchemaObject = {
  type: "object",
  properties: {
    tools: { type: "array", items: tool, maxItems: MAX_TOOLS },
    servers: {
      type: "object",
      propertyNames: { pattern: NAME },
      additionalProperties: httpServerSchema,
    },
  },
  required: ["tools"],
  additionalProperties: false,
};
