import type { JsonObject } from "../../types/index.ts";
import { GreenticError, isJsonObject, parseJson } from "../../types/index.ts";

/**
 * Takes fields from a client in, within the bounds that all JSON from outside has; anything but an object has no fields.
 * @throws TYPES_JSON_TOO_LARGE, TYPES_JSON_TOO_DEEP
 */
export function readFields(value: unknown): JsonObject {
  if (typeof value !== "object" || value === null) return {};
  let text: string;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new GreenticError("TYPES_JSON_TOO_DEEP", "Read a call's fields: they can't be written as JSON", {
      cause: error,
    });
  }
  const fields = parseJson(text);
  return isJsonObject(fields) ? fields : {};
}
