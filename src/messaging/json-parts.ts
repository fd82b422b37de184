import type { JsonObject, JsonValue } from "../types/index.ts";
import { isJsonObject } from "../types/index.ts";

/** The value where it is an object. */
export function objectIn(value: JsonValue | undefined): JsonObject | undefined {
  return value !== undefined && isJsonObject(value) ? value : undefined;
}

/** The objects of a list; none where the value is no list. */
export function objectsIn(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]).filter(isJsonObject) : [];
}

/** The value where it is a text that says something. */
export function textIn(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The first of texts, numbers and yes or no with something in it, as text; empty where none has: blank ones stand in nobody's way. */
export function firstSaid(...values: readonly (JsonValue | undefined)[]): string {
  const texts = values.map((value) =>
    typeof value === "number" || typeof value === "boolean" ? String(value) : value,
  );
  return texts.find((text): text is string => typeof text === "string" && text.trim() !== "") ?? "";
}
