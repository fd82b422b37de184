import type { JsonObject, JsonValue } from "../../types/index.ts";
import type { NamedType, ValueType } from "../linker/component-types.ts";
import { jsonName } from "./wit-json.ts";

const MAX_NODES = 2000;

/** Describes in JSON Schema what {@link toWit} takes for a type; beyond 2,000 parts the rest is left open. */
export function schemaOfType(type: ValueType | null): JsonValue {
  return new SchemaWriter().of(type);
}

/** Describes the parameters of a function as one object. */
export function schemaOfParams(params: readonly NamedType[]): JsonValue {
  return new SchemaWriter().of({ kind: "record", fields: params });
}

class SchemaWriter {
  #left = MAX_NODES;

  of(type: ValueType | null): JsonValue {
    if (type === null) return { type: "null" };
    if (--this.#left < 0) return true;
    switch (type.kind) {
      case "bool":
        return { type: "boolean" };
      case "s8":
      case "u8":
      case "s16":
      case "u16":
      case "s32":
      case "u32": {
        const bits = Number(type.kind.slice(1));
        const isSigned = type.kind.startsWith("s");
        return {
          type: "integer",
          minimum: isSigned ? -(2 ** (bits - 1)) : 0,
          maximum: 2 ** (isSigned ? bits - 1 : bits) - 1,
        };
      }
      case "s64":
        return { type: ["integer", "string"], pattern: "^-?\\d{1,19}$" };
      case "u64":
        return { type: ["integer", "string"], pattern: "^\\d{1,20}$", minimum: 0 };
      case "f32":
      case "f64":
        return { type: "number" };
      case "char":
        return { type: "string", minLength: 1, maxLength: 1 };
      case "string":
        return { type: "string" };
      case "record":
        return this.#record(type.fields);
      case "tuple":
        return {
          type: "array",
          ...(type.items.length === 0 ? {} : { prefixItems: type.items.map((item) => this.of(item)) }),
          minItems: type.items.length,
          maxItems: type.items.length,
        };
      case "list":
        return type.element.kind === "u8"
          ? { type: "string", contentEncoding: "base64" }
          : { type: "array", items: this.of(type.element) };
      case "flags":
        return { type: "array", items: { enum: type.names }, uniqueItems: true };
      case "enum":
        return { enum: type.names };
      case "option":
        return type.some.kind === "option"
          ? { anyOf: [{ type: "null" }, this.#case("some", type.some)] }
          : { anyOf: [{ type: "null" }, this.of(type.some)] };
      case "result":
        return { anyOf: [this.#case("ok", type.ok), this.#case("err", type.err)] };
      case "variant":
        return {
          anyOf: type.cases.map((item) =>
            item.type === null ? { const: item.name } : this.#case(item.name, item.type),
          ),
        };
      default:
        return false;
    }
  }

  #record(fields: readonly NamedType[]): JsonObject {
    return {
      type: "object",
      properties: Object.fromEntries(fields.map(({ name, type }) => [jsonName(name), this.#field({ name, type })])),
      required: fields.filter(({ type }) => type.kind !== "option").map(({ name }) => jsonName(name)),
      additionalProperties: false,
    };
  }

  /** A text that is named for JSON is marked as such. */
  #field({ name, type }: NamedType): JsonValue {
    const schema = this.of(type);
    const isJson = type.kind === "string" && name.endsWith("-json");
    return isJson ? { type: "string", contentMediaType: "application/json" } : schema;
  }

  #case(name: string, type: ValueType | null): JsonObject {
    return {
      type: "object",
      properties: { [name]: this.of(type) },
      required: [name],
      additionalProperties: false,
    };
  }
}
