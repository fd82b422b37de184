import type { JsonSchema } from "./schema.ts";

/** What is wrong with a value, and where. */
export interface ValueProblem {
  /** JSON Pointer; the whole value is the empty text. */
  readonly path: string;
  readonly expected: string;
  readonly got: string;
}

/** Checks a value against a schema and puts defaults where properties are left out. Keywords that it doesn't know are passed over. */
export function checkValue(
  schema: JsonSchema,
  value: unknown,
  path = "",
): { readonly value: unknown } | { readonly problem: ValueProblem } {
  const anyOf = schema["anyOf"];
  if (Array.isArray(anyOf)) {
    const checked = anyOf.map((one) => checkValue(one as JsonSchema, value, path));
    return checked.find((one) => "value" in one) ?? checked[0] ?? { value };
  }
  const { const: only, enum: options, type } = schema;
  if (only !== undefined && !isSame(only, value)) return wrong(path, JSON.stringify(only), value);
  if (Array.isArray(options) && !options.some((option) => isSame(option, value)))
    return wrong(path, `one of ${options.map((option) => JSON.stringify(option)).join(", ")}`, value);
  const types = Array.isArray(type) ? (type as readonly unknown[]) : type === undefined ? [] : [type];
  if (types.length > 0 && !types.some((name) => isOf(name, value)))
    return wrong(path, types.map((name) => NAMES[String(name)] ?? String(name)).join(" or "), value);
  if (typeof value === "string") return checkText(schema, value, path);
  if (typeof value === "number") return checkNumber(schema, value, path);
  if (Array.isArray(value)) return checkList(schema, value, path);
  if (typeof value === "object" && value !== null) return checkObject(schema, value, path);
  return { value };
}

const NAMES: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  integer: "a whole number",
  boolean: "true or false",
  object: "an object",
  array: "a list",
  null: "null",
};

type Checked = ReturnType<typeof checkValue>;

function checkText(schema: JsonSchema, value: string, path: string): Checked {
  const { minLength, maxLength, pattern } = schema;
  const length = Array.from(value).length;
  if (typeof minLength === "number" && length < minLength)
    return wrong(path, `a text of at least ${minLength} characters`, value);
  if (typeof maxLength === "number" && length > maxLength)
    return wrong(path, `a text of at most ${maxLength} characters`, value);
  if (typeof pattern === "string" && !new RegExp(pattern, "u").test(value))
    return wrong(path, `a text like ${pattern}`, value);
  return { value };
}

function checkNumber(schema: JsonSchema, value: number, path: string): Checked {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  if (typeof minimum === "number" && value < minimum) return wrong(path, `at least ${minimum}`, value);
  if (typeof maximum === "number" && value > maximum) return wrong(path, `at most ${maximum}`, value);
  if (typeof exclusiveMinimum === "number" && value <= exclusiveMinimum)
    return wrong(path, `more than ${exclusiveMinimum}`, value);
  if (typeof exclusiveMaximum === "number" && value >= exclusiveMaximum)
    return wrong(path, `less than ${exclusiveMaximum}`, value);
  return { value };
}

function checkList(schema: JsonSchema, value: readonly unknown[], path: string): Checked {
  const { minItems, maxItems, items } = schema;
  if (typeof minItems === "number" && value.length < minItems) return wrong(path, `at least ${minItems} items`, value);
  if (typeof maxItems === "number" && value.length > maxItems) return wrong(path, `at most ${maxItems} items`, value);
  if (typeof items !== "object" || items === null) return { value };
  const list: unknown[] = [];
  for (const [index, item] of value.entries()) {
    const checked = checkValue(items as JsonSchema, item, `${path}/${index}`);
    if ("problem" in checked) return checked;
    list.push(checked.value);
  }
  return { value: list };
}

function checkObject(schema: JsonSchema, value: object, path: string): Checked {
  const properties = (schema["properties"] ?? {}) as Readonly<Record<string, JsonSchema>>;
  const { required, additionalProperties: others } = schema;
  const result: [string, unknown][] = [];
  const present = Object.entries(value).filter(([, item]) => item !== undefined);
  const names = new Set(present.map(([name]) => name));
  for (const [name, item] of present) {
    const place = `${path}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    const rule = Object.hasOwn(properties, name) ? properties[name] : others;
    if (rule === false) return wrong(place, "no such property", item);
    const checked =
      typeof rule === "object" && rule !== null ? checkValue(rule as JsonSchema, item, place) : { value: item };
    if ("problem" in checked) return checked;
    result.push([name, checked.value]);
  }
  for (const name of Array.isArray(required) ? (required as readonly string[]) : []) {
    if (!names.has(name)) return { problem: { path: `${path}/${name}`, expected: "a value", got: "nothing" } };
  }
  for (const [name, property] of Object.entries(properties)) {
    if (property["default"] !== undefined && !names.has(name)) result.push([name, property["default"]]);
  }
  return { value: Object.fromEntries(result) };
}

function isOf(type: unknown, value: unknown): boolean {
  switch (type) {
    case "integer":
      return Number.isInteger(value);
    case "number":
      return typeof value === "number" && Number.isFinite(value);
    case "array":
      return Array.isArray(value);
    case "null":
      return value === null;
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    default:
      return typeof value === type;
  }
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Says what came without saying its content: inputs are people's. */
function wrong(path: string, expected: string, value: unknown): Checked {
  return { problem: { path, expected, got: kindOf(value) } };
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "string") return `a text of ${Array.from(value).length} characters`;
  return NAMES[typeof value] ?? typeof value;
}
