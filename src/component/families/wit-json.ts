import type { JsonValue } from "../../types/index.ts";
import { didYouMean, GreenticError, isJsonObject, quote } from "../../types/index.ts";
import type { NamedType, ValueType } from "../linker/component-types.ts";
import { fieldName } from "../linker/names.ts";

/*
 * JSON for values of any WIT type. Records are objects in snake_case (input may spell fields in kebab-case and camelCase too),
 * options null or the value, variants their case's name or `{ case: payload }`, results `{ ok }` or `{ err }`, flags lists of
 * names, bytes base64, 64-bit numbers beyond a JSON number's reach decimal text. Resources have no JSON.
 */

const MAX_ITEMS = 500_000;
const MAX_DEPTH = 64;

/** Tells whether values of a type have JSON at all. */
export function hasJson(type: ValueType | null, depth = 0): boolean {
  if (type === null) return true;
  if (depth > MAX_DEPTH) return false;
  const has = (part: ValueType | null): boolean => hasJson(part, depth + 1);
  switch (type.kind) {
    case "own":
    case "borrow":
      return false;
    case "record":
      return type.fields.every((field) => has(field.type));
    case "variant":
      return type.cases.every((item) => has(item.type));
    case "list":
      return has(type.element);
    case "tuple":
      return type.items.every(has);
    case "option":
      return has(type.some);
    case "result":
      return has(type.ok) && has(type.err);
    default:
      return true;
  }
}

/** Spells a WIT name as JSON does here. */
export function jsonName(label: string): string {
  return label.replaceAll("-", "_");
}

/** Makes the value that a guest takes of JSON. @throws COMPONENT_INPUT_INVALID naming the path */
export function toWit(type: ValueType, value: JsonValue, path: string): unknown {
  switch (type.kind) {
    case "bool":
      return typeof value === "boolean" ? value : misfit(path, "a boolean", value);
    case "s8":
    case "u8":
    case "s16":
    case "u16":
    case "s32":
    case "u32":
    case "s64":
    case "u64":
      return integerOf(type.kind, value, path);
    case "f32":
    case "f64":
      return typeof value === "number" ? value : misfit(path, "a number", value);
    case "char":
      return typeof value === "string" && /^.$/su.test(value) ? value : misfit(path, "one character", value);
    case "string":
      return typeof value === "string" ? value : misfit(path, "a text", value);
    case "record":
      return recordOf(type.fields, value, path);
    case "tuple":
      return itemsOf(value, path, type.items.length).map((item, index) =>
        toWit(type.items[index] as ValueType, item, `${path}/${index}`),
      );
    case "list":
      return listOf(type.element, value, path);
    case "flags":
      return flagsOf(type.names, value, path);
    case "enum":
      return caseOf(type.names, value, path);
    case "option":
      return optionOf(type.some, value, path);
    case "result":
      return taggedOf(
        [
          { name: "ok", type: type.ok },
          { name: "err", type: type.err },
        ],
        value,
        path,
      );
    case "variant":
      return taggedOf(type.cases, value, path);
    default:
      return misfit(path, "no resource", value);
  }
}

interface Case {
  readonly name: string;
  readonly type: ValueType | null;
}

const RANGES = {
  s8: [-(2n ** 7n), 2n ** 7n - 1n],
  u8: [0n, 2n ** 8n - 1n],
  s16: [-(2n ** 15n), 2n ** 15n - 1n],
  u16: [0n, 2n ** 16n - 1n],
  s32: [-(2n ** 31n), 2n ** 31n - 1n],
  u32: [0n, 2n ** 32n - 1n],
  s64: [-(2n ** 63n), 2n ** 63n - 1n],
  u64: [0n, 2n ** 64n - 1n],
} as const satisfies Readonly<Record<string, readonly [bigint, bigint]>>;

function integerOf(kind: keyof typeof RANGES, value: JsonValue, path: string): number | bigint {
  const [least, most] = RANGES[kind];
  const isText = typeof value === "string" && /^-?\d{1,20}$/.test(value);
  if (!isText && !Number.isSafeInteger(value)) misfit(path, "a whole number", value);
  const exact = BigInt(value as string | number);
  if (exact < least || exact > most) misfit(path, `a number from ${least} to ${most}`, value);
  return kind === "s64" || kind === "u64" ? exact : Number(exact);
}

/** Makes a record's fields of an object; also the parameters of a function. @throws COMPONENT_INPUT_INVALID */
export function recordOf(fields: readonly NamedType[], value: JsonValue, path: string): Record<string, unknown> {
  if (!isJsonObject(value)) misfit(path, "an object", value);
  const left = new Map(Object.entries(value));
  const record = fields.map(({ name, type }) => {
    const key = [jsonName(name), name, fieldName(name)].find((spelling) => left.has(spelling)) ?? jsonName(name);
    const given = left.get(key);
    left.delete(key);
    if (given === undefined && type.kind !== "option") misfit(`${path}/${jsonName(name)}`, "a value", undefined);
    return [fieldName(name), toWit(type, given ?? null, `${path}/${jsonName(name)}`)] as const;
  });
  for (const key of left.keys()) {
    const known = fields.map(({ name }) => jsonName(name));
    throw new GreenticError(
      "COMPONENT_INPUT_INVALID",
      `Call component: ${where(path)} has no field ${quote(key)}${didYouMean(key, known)}`,
    );
  }
  return Object.fromEntries(record);
}

function itemsOf(value: JsonValue, path: string, count?: number): readonly JsonValue[] {
  if (!Array.isArray(value)) misfit(path, "a list", value);
  const items = value as readonly JsonValue[];
  if (count !== undefined && items.length !== count) misfit(path, `a list of ${count}`, value);
  return items;
}

function listOf(element: ValueType, value: JsonValue, path: string): unknown {
  if (element.kind !== "u8" || typeof value !== "string") {
    return itemsOf(value, path).map((item, index) => toWit(element, item, `${path}/${index}`));
  }
  const bytes = Buffer.from(value, "base64");
  if (bytes.toString("base64").replaceAll("=", "") !== value.replaceAll("=", "")) misfit(path, "base64", value);
  return new Uint8Array(bytes);
}

function flagsOf(names: readonly string[], value: JsonValue, path: string): Record<string, boolean> {
  const flags = Object.fromEntries(names.map((name) => [fieldName(name), false]));
  for (const [index, item] of itemsOf(value, path).entries()) {
    flags[fieldName(caseOf(names, item, `${path}/${index}`))] = true;
  }
  return flags;
}

function caseOf(names: readonly string[], value: JsonValue, path: string): string {
  const found =
    typeof value === "string" ? names.find((name) => name === value || jsonName(name) === value) : undefined;
  return found ?? misfit(path, `one of ${names.slice(0, 12).map(quote).join(", ")}`, value);
}

function optionOf(some: ValueType, value: JsonValue, path: string): unknown {
  if (some.kind !== "option") return value === null ? undefined : toWit(some, value, path);
  if (value === null) return { tag: "none" };
  if (!isJsonObject(value) || !("some" in value)) misfit(path, 'null or { "some": … }', value);
  return { tag: "some", val: toWit(some, value["some"] ?? null, `${path}/some`) };
}

function taggedOf(cases: readonly Case[], value: JsonValue, path: string): unknown {
  const names = cases.map(({ name }) => name);
  const keys = isJsonObject(value) ? Object.keys(value) : [];
  if (isJsonObject(value) && keys.length !== 1) misfit(path, "an object of one case", value);
  const name = caseOf(names, isJsonObject(value) ? (keys[0] ?? "") : value, path);
  const type = cases.find((item) => item.name === name)?.type ?? null;
  if (type === null) return { tag: name };
  const payload = isJsonObject(value) ? value[keys[0] ?? ""] : undefined;
  if (payload === undefined && type.kind !== "option") misfit(path, `{ ${quote(name)}: … }`, value);
  return { tag: name, val: toWit(type, payload ?? null, `${path}/${name}`) };
}

function misfit(path: string, expected: string, value: JsonValue | undefined): never {
  const got =
    value === undefined ? "nothing" : value === null ? "null" : Array.isArray(value) ? "a list" : typeof value;
  throw new GreenticError("COMPONENT_INPUT_INVALID", `Call component: ${where(path)} wants ${expected}, got ${got}`);
}

function where(path: string): string {
  return path === "" ? "the input" : quote(path.slice(0, 200));
}

/** Makes JSON of a value that a guest gave. @throws COMPONENT_OUTPUT_INVALID beyond 500,000 values */
export function fromWit(type: ValueType, value: unknown): JsonValue {
  return new WitReader().value(type, value);
}

class WitReader {
  #itemsLeft = MAX_ITEMS;

  value(type: ValueType, value: unknown): JsonValue {
    if (--this.#itemsLeft < 0) {
      throw new GreenticError("COMPONENT_OUTPUT_INVALID", `Read a component's answer: more than ${MAX_ITEMS} values`);
    }
    switch (type.kind) {
      case "s64":
      case "u64":
        return integerJson(value as bigint);
      case "f32":
      case "f64":
        return Number.isFinite(value) ? (value as number) : null;
      case "record":
        return Object.fromEntries(
          type.fields.map((field) => [
            jsonName(field.name),
            this.value(field.type, (value as Readonly<Record<string, unknown>>)[fieldName(field.name)]),
          ]),
        );
      case "tuple":
        return type.items.map((item, index) => this.value(item, (value as readonly unknown[])[index]));
      case "list":
        if (type.element.kind === "u8") return Buffer.from(value as Uint8Array).toString("base64");
        return Array.from(value as ArrayLike<unknown>, (item) => this.value(type.element, item));
      case "flags":
        return type.names.filter((name) => (value as Readonly<Record<string, boolean>>)[fieldName(name)] === true);
      case "option":
        return this.#option(type.some, value);
      case "result":
        return this.#tagged((value as Tagged).tag === "ok" ? type.ok : type.err, value as Tagged, true);
      case "variant":
        return this.#tagged(
          type.cases.find(({ name }) => name === (value as Tagged).tag)?.type ?? null,
          value as Tagged,
        );
      case "own":
      case "borrow":
        throw new GreenticError("COMPONENT_OUTPUT_INVALID", "Read a component's answer: a resource has no JSON");
      default:
        // Booleans, small integers, characters, texts and cases of enums are JSON as they are.
        return value as JsonValue;
    }
  }

  #option(some: ValueType, value: unknown): JsonValue {
    if (some.kind !== "option") return value === undefined ? null : this.value(some, value);
    return (value as Tagged).tag === "none" ? null : { some: this.value(some, (value as Tagged).val) };
  }

  #tagged(type: ValueType | null, { tag, val }: Tagged, isResult = false): JsonValue {
    if (type === null) return isResult ? { [tag]: null } : tag;
    return { [tag]: this.value(type, val) };
  }
}

interface Tagged {
  readonly tag: string;
  readonly val?: unknown;
}

function integerJson(value: bigint): JsonValue {
  const exact = Number(value);
  return Number.isSafeInteger(exact) ? exact : value.toString();
}
