import type { JsonObject, JsonValue } from "../../src/types/index.ts";
import { isJsonObject } from "../../src/types/index.ts";

const MAX_DEPTH = 12;
const MAX_NODES = 2000;
const FORMATS: Readonly<Record<string, string>> = {
  uri: "https://example.test/",
  url: "https://example.test/",
  email: "someone@example.test",
  date: "2026-01-02",
  time: "03:04:05Z",
  "date-time": "2026-01-02T03:04:05Z",
  uuid: "00000000-0000-4000-8000-000000000000",
};

/**
 * Makes a value that a JSON Schema admits, the same every time; a stranger's schema is met as far as it goes. `isWhole` fills the
 * optional fields too.
 */
export function sampleSchema(schema: JsonValue | undefined, isWhole = false): JsonValue {
  return new Sampler(schema, isWhole).of(schema, 0);
}

class Sampler {
  readonly #root: JsonValue | undefined;
  readonly #isWhole: boolean;
  /** A schema that refers to itself grows with every level. */
  #left = MAX_NODES;

  constructor(root: JsonValue | undefined, isWhole: boolean) {
    this.#root = root;
    this.#isWhole = isWhole;
  }

  of(schema: JsonValue | undefined, depth: number): JsonValue {
    if (!isJsonObject(schema) || depth > MAX_DEPTH || --this.#left < 0) return {};
    for (const key of ["const", "default"]) if (schema[key] !== undefined && schema[key] !== null) return schema[key];
    for (const key of ["enum", "examples"]) {
      const values = schema[key];
      if (Array.isArray(values) && values.length > 0) return values[0] as JsonValue;
    }
    if (typeof schema["$ref"] === "string") return this.of(this.#resolve(schema["$ref"]), depth + 1);
    for (const key of ["anyOf", "oneOf"]) {
      const options = schema[key];
      if (Array.isArray(options))
        return this.of({ ...schema, [key]: true, ...first(options, this.#isWhole) }, depth + 1);
    }
    const { allOf } = schema;
    if (Array.isArray(allOf)) {
      return this.of(Object.assign({ ...schema, allOf: true }, ...allOf.filter(isJsonObject)) as JsonObject, depth + 1);
    }
    return this.#typed(schema, depth);
  }

  #typed(schema: JsonObject, depth: number): JsonValue {
    const declared = schema["type"];
    const types = Array.isArray(declared) ? (declared as readonly JsonValue[]) : [declared];
    const type = types.find((one) => one !== "null") ?? types[0];
    switch (type) {
      case "string":
        return text(schema);
      case "integer":
      case "number":
        return number(schema);
      case "boolean":
        return true;
      case "null":
        return null;
      case "array":
        return this.#array(schema, depth);
      default:
        return this.#object(schema, depth);
    }
  }

  #array(schema: JsonObject, depth: number): JsonValue {
    const prefix = schema["prefixItems"];
    if (Array.isArray(prefix)) return prefix.map((item: JsonValue) => this.of(item, depth + 1));
    const least = typeof schema["minItems"] === "number" ? schema["minItems"] : 0;
    const count = Math.min(Math.max(least, this.#isWhole ? 1 : 0), 16);
    return Array.from({ length: count }, () => this.of(schema["items"], depth + 1));
  }

  #object(schema: JsonObject, depth: number): JsonValue {
    const properties = isJsonObject(schema["properties"]) ? schema["properties"] : {};
    const required = Array.isArray(schema["required"]) ? (schema["required"] as readonly JsonValue[]) : [];
    const names = new Set(required.filter((name) => typeof name === "string"));
    if (this.#isWhole) for (const name of Object.keys(properties)) names.add(name);
    return Object.fromEntries([...names].map((name) => [name, this.of(properties[name], depth + 1)]));
  }

  #resolve(reference: string): JsonValue | undefined {
    let value: JsonValue | undefined = this.#root;
    for (const part of reference.replace(/^#\/?/, "").split("/")) {
      if (part === "") continue;
      value = isJsonObject(value) ? value[part.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined;
    }
    return value;
  }
}

/** Null is the poorest of several options. */
function first(options: readonly JsonValue[], isWhole: boolean): JsonObject {
  const records = options.filter(isJsonObject);
  const full = records.find(({ type }) => type !== "null");
  return (isWhole ? (full ?? records[0]) : records[0]) ?? {};
}

function text(schema: JsonObject): string {
  if (schema["contentEncoding"] === "base64") return "";
  if (schema["contentMediaType"] === "application/json") return "{}";
  const format = typeof schema["format"] === "string" ? FORMATS[schema["format"]] : undefined;
  const least = typeof schema["minLength"] === "number" ? schema["minLength"] : 0;
  const sample = format ?? "text";
  const most = typeof schema["maxLength"] === "number" ? schema["maxLength"] : 1000;
  return sample.padEnd(Math.min(least, 1000), "x").slice(0, Math.max(least, most));
}

function number(schema: JsonObject): number {
  const { minimum, maximum, exclusiveMinimum } = schema;
  if (typeof minimum === "number" && minimum > 1) return minimum;
  if (typeof exclusiveMinimum === "number" && exclusiveMinimum >= 1) return exclusiveMinimum + 1;
  return typeof maximum === "number" && maximum < 1 ? maximum : 1;
}
