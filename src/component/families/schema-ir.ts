import type { JsonObject, JsonValue } from "../../types/index.ts";
import { isJsonObject } from "../../types/index.ts";

/*
 * Components describe schemas in three ways: JSON Schema; an intermediate form of 0.6.0 (`{ type: "string", min_len, regex }`,
 * `{ type: "object", additional: { type: "allow" } }`, `int`, `float`, `bool`, `one_of`); one of 0.6.1 (`{ kind: "object",
 * fields: { name: { required, schema } }, additional_properties }`). All become JSON Schema.
 */

const MAX_DEPTH = 32;

/** Makes JSON Schema of a schema in any of the published forms; what is JSON Schema already stays as it is. */
export function jsonSchemaOf(schema: JsonValue): JsonValue {
  if (!isJsonObject(schema)) return schema;
  if (isKindForm(schema)) return fromKindForm(schema, 0);
  return isTypeForm(schema) ? fromTypeForm(schema, 0) : schema;
}

const TYPE_FORM_KEYS = ["additional", "min_len", "max_len", "regex", "min_items", "max_items", "variants"];
const TYPE_FORM_TYPES = ["bool", "int", "float", "bytes", "one_of", "enum", "ref", "any"];
const KIND_FORM_KINDS = [
  "object",
  "string",
  "bool",
  "int",
  "integer",
  "float",
  "number",
  "array",
  "enum",
  "any",
  "null",
];

function isTypeForm(schema: JsonObject): boolean {
  const { type } = schema;
  if (typeof type !== "string") return false;
  return TYPE_FORM_TYPES.includes(type) || TYPE_FORM_KEYS.some((key) => key in schema);
}

function isKindForm({ kind, type }: JsonObject): boolean {
  return type === undefined && typeof kind === "string" && KIND_FORM_KINDS.includes(kind);
}

function fromTypeForm(schema: JsonValue | undefined, depth: number): JsonValue {
  if (!isJsonObject(schema) || depth > MAX_DEPTH) return true;
  const inner = (part: JsonValue | undefined): JsonValue => fromTypeForm(part, depth + 1);
  switch (schema["type"]) {
    case "object": {
      const { properties, required, additional } = schema;
      return {
        type: "object",
        properties: mapped(properties, inner),
        ...(Array.isArray(required) && required.length > 0 ? { required } : {}),
        ...additionalOf(additional, inner),
      };
    }
    case "array":
      return present({
        type: "array",
        items: inner(schema["items"]),
        minItems: schema["min_items"],
        maxItems: schema["max_items"],
      });
    case "string":
      return present({
        type: "string",
        minLength: schema["min_len"] === 0 ? undefined : schema["min_len"],
        maxLength: schema["max_len"],
        pattern: schema["regex"],
        format: schema["format"],
      });
    case "int":
    case "float":
      return present({
        type: schema["type"] === "int" ? "integer" : "number",
        minimum: numberOf(schema["min"]),
        maximum: numberOf(schema["max"]),
      });
    case "bool":
      return { type: "boolean" };
    case "bytes":
      return { type: "string", contentEncoding: "base64" };
    case "null":
      return { type: "null" };
    case "one_of":
      return { anyOf: Array.isArray(schema["variants"]) ? (schema["variants"] as JsonValue[]).map(inner) : [] };
    case "enum":
      return Array.isArray(schema["values"]) ? { enum: schema["values"] as JsonValue[] } : true;
    default:
      return true;
  }
}

function additionalOf(
  additional: JsonValue | undefined,
  inner: (part: JsonValue | undefined) => JsonValue,
): JsonObject {
  const kind = isJsonObject(additional) ? additional["type"] : additional;
  if (kind === "forbid" || kind === false) return { additionalProperties: false };
  if (kind === "schema" && isJsonObject(additional)) return { additionalProperties: inner(additional["schema"]) };
  return {};
}

/** Integers beyond 2^53 come as text, and so far out they bound nothing. */
function numberOf(value: JsonValue | undefined): JsonValue | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function fromKindForm(schema: JsonValue | undefined, depth: number): JsonValue {
  if (!isJsonObject(schema) || depth > MAX_DEPTH) return true;
  const inner = (part: JsonValue | undefined): JsonValue => fromKindForm(part, depth + 1);
  switch (schema["kind"]) {
    case "object": {
      const fields = isJsonObject(schema["fields"]) ? Object.entries(schema["fields"]) : [];
      const required = fields.filter(([, field]) => isJsonObject(field) && field["required"] === true);
      return {
        type: "object",
        properties: Object.fromEntries(
          fields.map(([name, field]) => [name, inner(isJsonObject(field) ? (field["schema"] ?? field) : undefined)]),
        ),
        ...(required.length > 0 ? { required: required.map(([name]) => name) } : {}),
        ...(schema["additional_properties"] === false ? { additionalProperties: false } : {}),
      };
    }
    case "array":
      return { type: "array", items: inner(schema["items"]) };
    case "string":
      return present({ type: "string", format: schema["format"], writeOnly: schema["secret"] === true || undefined });
    case "bool":
      return { type: "boolean" };
    case "int":
    case "integer":
      return { type: "integer" };
    case "float":
    case "number":
      return { type: "number" };
    case "null":
      return { type: "null" };
    case "enum":
      return Array.isArray(schema["values"]) ? { enum: schema["values"] as JsonValue[] } : true;
    default:
      return true;
  }
}

function mapped(record: JsonValue | undefined, inner: (part: JsonValue) => JsonValue): JsonObject {
  if (!isJsonObject(record)) return {};
  return Object.fromEntries(Object.entries(record).map(([name, part]) => [name, inner(part)]));
}

function present(record: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(record).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined && entry[1] !== null),
  );
}
