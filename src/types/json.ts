import { GreenticError } from "./errors.ts";

/** Any JSON value. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Bounds of a JSON text from outside. */
export interface JsonLimits {
  /** Default 1 MiB. */
  readonly maxBytes?: number;
  /** Default 64. */
  readonly maxDepth?: number;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Parses JSON from outside within bounds. Depth is counted on the text, before anything is built, and `__proto__` keys stay
 * plain data since `JSON.parse` defines own properties.
 * @throws TYPES_JSON_TOO_LARGE, TYPES_JSON_TOO_DEEP, TYPES_JSON_INVALID
 */
export function parseJson(source: Uint8Array | string, limits: JsonLimits = {}): JsonValue {
  const maxBytes = limits.maxBytes ?? 1 << 20;
  const maxDepth = limits.maxDepth ?? 64;
  const size = typeof source === "string" ? Buffer.byteLength(source) : source.byteLength;
  if (size > maxBytes) {
    throw new GreenticError("TYPES_JSON_TOO_LARGE", `Read JSON: expected at most ${maxBytes} bytes, got ${size}`);
  }
  let text: string;
  try {
    text = typeof source === "string" ? source : utf8.decode(source);
  } catch (error) {
    throw new GreenticError("TYPES_JSON_INVALID", "Read JSON: not UTF-8", { cause: error });
  }
  checkDepth(text, maxDepth);
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    // V8's message quotes the input, which may hold a secret or a message text: only the position is kept.
    const said = error instanceof Error ? error.message : "";
    const offset =
      /position (\d+)/.exec(said)?.[1] ?? (said.includes("Unexpected end") ? String(text.length) : undefined);
    throw new GreenticError(
      "TYPES_JSON_INVALID",
      `Read JSON: malformed${offset === undefined ? "" : ` at offset ${offset}`}`,
    );
  }
}

function checkDepth(text: string, maxDepth: number): void {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (inString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inString = false;
    } else if (c === 0x22) inString = true;
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > maxDepth)
        throw new GreenticError(
          "TYPES_JSON_TOO_DEEP",
          `Read JSON: expected at most ${maxDepth} levels, got more at offset ${i}`,
        );
    } else if (c === 0x7d || c === 0x5d) depth--;
  }
}

/** Tells whether a value is a JSON object (not an array, not null). */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
