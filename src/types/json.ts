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
  checkJsonSize(typeof source === "string" ? Buffer.byteLength(source) : source.byteLength, limits);
  let text: string;
  try {
    text = typeof source === "string" ? source : utf8.decode(source);
  } catch (error) {
    throw new GreenticError("TYPES_JSON_INVALID", "Read JSON: not UTF-8", { cause: error });
  }
  checkDepth(text, limits.maxDepth ?? MAX_JSON_DEPTH);
  return parseBounded(text);
}

/** How deep JSON from outside may be nested where nothing else is said. */
export const MAX_JSON_DEPTH = 64;

/** @throws TYPES_JSON_TOO_LARGE */
export function checkJsonSize(sizeBytes: number, limits: JsonLimits): void {
  const maxBytes = limits.maxBytes ?? 1 << 20;
  if (sizeBytes > maxBytes)
    throw new GreenticError("TYPES_JSON_TOO_LARGE", `Read JSON: expected at most ${maxBytes} bytes, got ${sizeBytes}`);
}

/** Parses a part of a text that begins at `offset` of the whole. @throws TYPES_JSON_TOO_DEEP, TYPES_JSON_INVALID */
export function parseJsonPart(text: string, { offset, maxDepth }: { offset: number; maxDepth: number }): JsonValue {
  checkDepth(text, maxDepth);
  return parseBounded(text, offset);
}

function parseBounded(text: string, offset = 0): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    // V8's message quotes the input, which may hold a secret or a message text: only the position is kept.
    const said = error instanceof Error ? error.message : "";
    const at = /position (\d+)/.exec(said)?.[1] ?? (said.includes("Unexpected end") ? text.length : undefined);
    throw new GreenticError(
      "TYPES_JSON_INVALID",
      `Read JSON: malformed${at === undefined ? "" : ` at offset ${offset + Number(at)}`}`,
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
