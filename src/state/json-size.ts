import type { JsonValue } from "../types/index.ts";

/** Bounds for {@link isJsonWithin}. */
export interface JsonBounds {
  readonly maxBytes: number;
  readonly maxDepth: number;
}

/**
 * Tells whether a value's JSON text stays within bounds. Most values are judged by a count from above that makes no text; only one
 * that might be too large is formatted to be measured.
 */
export function isJsonWithin(value: JsonValue, bounds: JsonBounds): boolean {
  const upper = upperBytes(value, bounds.maxDepth);
  if (upper <= bounds.maxBytes) return true;
  return upper !== Number.POSITIVE_INFINITY && Buffer.byteLength(JSON.stringify(value)) <= bounds.maxBytes;
}

/** At least the bytes of the JSON text; infinite above `depth` levels. */
function upperBytes(value: JsonValue, depth: number): number {
  switch (typeof value) {
    case "string":
      // The longest form of one UTF-16 unit is \uXXXX.
      return 2 + 6 * value.length;
    case "number":
      return 25;
    case "boolean":
      return 5;
    default:
  }
  if (value === null) return 4;
  if (depth === 0) return Number.POSITIVE_INFINITY;
  let bytes = 2;
  if (Array.isArray(value)) {
    for (const item of value as readonly JsonValue[]) bytes += 1 + upperBytes(item, depth - 1);
    return bytes;
  }
  const object = value as { readonly [key: string]: JsonValue };
  for (const key in object) {
    const member = object[key];
    if (member !== undefined) bytes += 4 + 6 * key.length + upperBytes(member, depth - 1);
  }
  return bytes;
}
