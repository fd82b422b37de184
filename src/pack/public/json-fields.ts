import { GreenticError, isJsonObject, quote } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";

/** The value as an object, an empty one where it is something else. */
export function objectOf(value: JsonValue | undefined): JsonObject {
  return value !== undefined && isJsonObject(value) ? value : {};
}

/** The value as a list, an empty one where it is something else. */
export function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

/** The objects of a list. */
export function objectsOf(value: JsonValue | undefined): readonly JsonObject[] {
  return listOf(value).filter(isJsonObject);
}

/** The texts of a list. */
export function textsOf(value: JsonValue | undefined): readonly string[] {
  return listOf(value).filter((item) => typeof item === "string");
}

/** The value where it is a text. */
export function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The value, which must be a text. @throws PACK_MANIFEST_INVALID */
export function neededText(value: JsonValue | undefined, where: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw invalidField(where, value === undefined ? "missing" : "expected a text");
}

export function invalidField(where: string, state: string): GreenticError {
  return new GreenticError("PACK_MANIFEST_INVALID", `Read public manifest field ${quote(where)}: ${state}`);
}
