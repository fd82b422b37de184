// Checks a tool's input against its JSON Schema by walking both. Strangers write these schemas: ajv would make code of them,
// so it isn't used; `pattern` and `format` are left to the component, whose time is metered. Steps and depth are bounded.
import type { JsonObject, JsonValue } from "../types/index.ts";
import { GreenticError, isJsonObject, quote } from "../types/index.ts";

const MAX_STEPS = 100_000;
const MAX_DEPTH = 64;

interface Walk {
  readonly root: JsonValue;
  /** Matches `pattern`; where it is absent, patterns are left out. */
  readonly matches?: (pattern: string, text: string) => boolean;
  steps: number;
  depth: number;
}

/** What differs, and where: a path of keys and indices from the input's root. */
export interface Difference {
  readonly path: string;
  readonly problem: string;
}

/**
 * Checks a tool's input. Understood are type, enum, const, properties, required, additionalProperties, propertyNames' lengths,
 * items, prefixItems, the bounds of numbers, lengths and counts, allOf, anyOf, oneOf, not and local `$ref`.
 * @throws MCP_INPUT_INVALID with the first place that differs, MCP_SCHEMA_INVALID
 */
export function checkInput(tool: string, schema: JsonValue, input: JsonValue): void {
  const difference = check(schema, input, { root: schema, steps: 0, depth: 0 }, "");
  if (difference === undefined) return;
  const place = difference.path === "" ? "the input" : quote(difference.path);
  throw new GreenticError("MCP_INPUT_INVALID", `Call tool ${quote(tool)}: ${place} ${difference.problem}`, {
    details: { path: difference.path },
  });
}

/** Checks what a tool answered against its own schema, as {@link checkInput} does. @throws MCP_ANSWER_INVALID, MCP_SCHEMA_INVALID */
export function checkOutput(tool: string, schema: JsonValue, output: JsonValue): void {
  const difference = check(schema, output, { root: schema, steps: 0, depth: 0 }, "");
  if (difference === undefined) return;
  const place = difference.path === "" ? "the result" : quote(difference.path);
  throw new GreenticError(
    "MCP_ANSWER_INVALID",
    `Read the result of tool ${quote(tool)}: ${place} ${difference.problem}`,
  );
}

/**
 * Finds the first place where a value isn't as a schema says, as {@link checkInput} understands it, and `pattern` too.
 * @throws MCP_SCHEMA_INVALID
 */
export function findDifference(
  schema: JsonValue,
  value: JsonValue,
  matches: (pattern: string, text: string) => boolean,
): Difference | undefined {
  return check(schema, value, { root: schema, matches, steps: 0, depth: 0 }, "");
}

function check(schema: JsonValue, value: JsonValue, walk: Walk, path: string): Difference | undefined {
  if (++walk.steps > MAX_STEPS || walk.depth > MAX_DEPTH) throw unusable("it takes too many steps");
  if (schema === true) return undefined;
  if (schema === false) return { path, problem: "must be absent" };
  if (!isJsonObject(schema)) throw unusable("it is neither an object nor a boolean");
  walk.depth++;
  try {
    return (
      checkRef(schema, value, walk, path) ??
      checkValue(schema, value, path) ??
      checkPattern(schema, value, walk, path) ??
      checkObject(schema, value, walk, path) ??
      checkArray(schema, value, walk, path) ??
      checkCombined(schema, value, walk, path)
    );
  } finally {
    walk.depth--;
  }
}

function checkRef(schema: JsonObject, value: JsonValue, walk: Walk, path: string): Difference | undefined {
  const ref = schema["$ref"];
  if (ref === undefined) return undefined;
  if (typeof ref !== "string" || !ref.startsWith("#")) throw unusable("it refers to another document");
  let target: JsonValue | undefined = walk.root;
  for (const part of ref.slice(1).split("/").slice(1)) {
    const key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
    target = isJsonObject(target) && Object.hasOwn(target, key) ? target[key] : undefined;
  }
  if (target === undefined) throw unusable("it refers to a definition that isn't there");
  return check(target, value, walk, path);
}

function checkValue(schema: JsonObject, value: JsonValue, path: string): Difference | undefined {
  const { type, enum: allowed } = schema;
  const types = typeof type === "string" ? [type] : Array.isArray(type) ? (type as readonly JsonValue[]) : undefined;
  if (types !== undefined && !types.some((name) => isOfType(value, name))) {
    return { path, problem: `must be ${types.map(String).join(" or ")}` };
  }
  if (Array.isArray(allowed) && !allowed.some((item) => isEqual(item as JsonValue, value))) {
    return { path, problem: "is none of the allowed values" };
  }
  if ("const" in schema && !isEqual(schema["const"] ?? null, value))
    return { path, problem: "isn't the only allowed value" };
  if (typeof value === "number") return checkNumber(schema, value, path);
  if (typeof value === "string") {
    return checkCount(schema, value.length, { path, keys: ["minLength", "maxLength"], unit: "characters" });
  }
  return undefined;
}

function checkPattern(schema: JsonObject, value: JsonValue, walk: Walk, path: string): Difference | undefined {
  const { pattern } = schema;
  if (walk.matches === undefined || typeof pattern !== "string" || typeof value !== "string") return undefined;
  return walk.matches(pattern, value) ? undefined : { path, problem: "doesn't match its pattern" };
}

function checkNumber(schema: JsonObject, value: number, path: string): Difference | undefined {
  const bound = (key: string): number | undefined => {
    const limit = schema[key];
    return typeof limit === "number" ? limit : undefined;
  };
  const { min, max, above, below, step } = {
    min: bound("minimum"),
    max: bound("maximum"),
    above: bound("exclusiveMinimum"),
    below: bound("exclusiveMaximum"),
    step: bound("multipleOf"),
  };
  if (min !== undefined && value < min) return { path, problem: `must be at least ${min}` };
  if (max !== undefined && value > max) return { path, problem: `must be at most ${max}` };
  if (above !== undefined && value <= above) return { path, problem: `must be more than ${above}` };
  if (below !== undefined && value >= below) return { path, problem: `must be less than ${below}` };
  if (step !== undefined && step > 0 && Math.abs(value / step - Math.round(value / step)) > 1e-9) {
    return { path, problem: `must be a multiple of ${step}` };
  }
  return undefined;
}

function checkObject(schema: JsonObject, value: JsonValue, walk: Walk, path: string): Difference | undefined {
  if (!isJsonObject(value)) return undefined;
  const { required, properties, additionalProperties } = schema;
  if (Array.isArray(required)) {
    const names = (required as readonly JsonValue[]).filter((key) => typeof key === "string");
    const missing = names.find((key) => !Object.hasOwn(value, key));
    if (missing !== undefined) return { path: `${path}/${missing}`, problem: "is missing" };
  }
  const known = isJsonObject(properties) ? properties : {};
  for (const [key, item] of Object.entries(value)) {
    const own = Object.hasOwn(known, key) ? known[key] : additionalProperties;
    if (own === undefined) continue;
    const isUnknown = own === false && !Object.hasOwn(known, key);
    const difference = isUnknown
      ? { path: `${path}/${key}`, problem: "isn't known" }
      : check(own, item, walk, `${path}/${key}`);
    if (difference !== undefined) return difference;
  }
  const count = Object.keys(value).length;
  return checkCount(schema, count, { path, keys: ["minProperties", "maxProperties"], unit: "properties" });
}

function checkArray(schema: JsonObject, value: JsonValue, walk: Walk, path: string): Difference | undefined {
  if (!Array.isArray(value)) return undefined;
  const items = value as readonly JsonValue[];
  const prefix = Array.isArray(schema["prefixItems"]) ? (schema["prefixItems"] as readonly JsonValue[]) : [];
  for (const [index, item] of items.entries()) {
    const own = prefix[index] ?? schema["items"];
    const difference = own === undefined ? undefined : check(own, item, walk, `${path}/${index}`);
    if (difference !== undefined) return difference;
  }
  return checkCount(schema, items.length, { path, keys: ["minItems", "maxItems"], unit: "items" });
}

function checkCombined(schema: JsonObject, value: JsonValue, walk: Walk, path: string): Difference | undefined {
  const list = (key: string): readonly JsonValue[] | undefined =>
    Array.isArray(schema[key]) ? (schema[key] as readonly JsonValue[]) : undefined;
  const fits = (item: JsonValue): boolean => check(item, value, walk, path) === undefined;
  for (const item of list("allOf") ?? []) {
    const difference = check(item, value, walk, path);
    if (difference !== undefined) return difference;
  }
  const anyOf = list("anyOf");
  if (anyOf !== undefined && !anyOf.some(fits)) return { path, problem: "fits none of the alternatives" };
  const oneOf = list("oneOf");
  if (oneOf !== undefined && oneOf.filter(fits).length !== 1)
    return { path, problem: "must fit exactly one alternative" };
  if (schema["not"] !== undefined && fits(schema["not"])) return { path, problem: "is what it must not be" };
  return undefined;
}

function checkCount(
  schema: JsonObject,
  count: number,
  { path, keys, unit }: { readonly path: string; readonly keys: readonly [string, string]; readonly unit: string },
): Difference | undefined {
  const [min, max] = keys.map((key) => schema[key]);
  if (typeof min === "number" && count < min) return { path, problem: `must have at least ${min} ${unit}` };
  if (typeof max === "number" && count > max) return { path, problem: `must have at most ${max} ${unit}` };
  return undefined;
}

function isOfType(value: JsonValue, type: JsonValue): boolean {
  switch (type) {
    case "object":
      return isJsonObject(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "null":
      return value === null;
    case "string":
    case "number":
    case "boolean":
      return typeof value === type;
    default:
      throw unusable("it names a type that JSON doesn't have");
  }
}

function isEqual(a: JsonValue, b: JsonValue): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => isEqual(item as JsonValue, b[index] as JsonValue));
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isEqual(a[key] ?? null, b[key] ?? null))
  );
}

function unusable(problem: string): GreenticError {
  return new GreenticError("MCP_SCHEMA_INVALID", `Read a tool's schema: ${problem}`);
}
