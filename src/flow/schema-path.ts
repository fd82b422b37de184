import type { JsonObject, JsonValue } from "../types/index.ts";
import { isJsonObject } from "../types/index.ts";
import type { Path } from "./path.ts";

/** What a schema says about a path: it may be there, its schema doesn't list it, or it can't be there. */
export type PathVerdict =
  | { readonly kind: "possible" }
  | { readonly kind: "unlisted" | "impossible"; readonly step: string; readonly known: readonly string[] };

const POSSIBLE: PathVerdict = { kind: "possible" };
const OPAQUE = ["$ref", "$dynamicRef", "anyOf", "oneOf", "allOf", "if", "patternProperties", "not"];

/** Follows a path through a JSON Schema; what the schema leaves open is possible. */
export function checkPath(schema: JsonValue | undefined, path: Path): PathVerdict {
  let current = schema;
  for (const step of path) {
    if (!isJsonObject(current ?? null)) return POSSIBLE;
    const at = current as JsonObject;
    if (OPAQUE.some((keyword) => at[keyword] !== undefined)) return POSSIBLE;
    const type = at["type"];
    if (typeof type === "string" && type !== "object" && type !== "array")
      return { kind: "impossible", step, known: [] };
    if (type === "array") {
      if (step === "length") return POSSIBLE;
      if (!/^\d+$/.test(step)) return { kind: "impossible", step, known: [] };
      current = at["items"];
      continue;
    }
    const properties = at["properties"];
    if (!isJsonObject(properties ?? null)) return POSSIBLE;
    const known = Object.keys(properties as JsonObject);
    if (known.includes(step)) {
      current = (properties as JsonObject)[step];
      continue;
    }
    const rest = at["additionalProperties"];
    if (rest === false) return { kind: "impossible", step, known };
    if (rest !== undefined || known.length === 0) return POSSIBLE;
    return { kind: "unlisted", step, known };
  }
  return POSSIBLE;
}
