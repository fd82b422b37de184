import type { JsonValue } from "../../types/index.ts";
import { decodeCborJson, GreenticError, parseJson } from "../../types/index.ts";

const MAX_JSON_BYTES = 4 << 20;
const MAX_TEXT = 500;

/** Makes a guest's text safe for people and logs: no control or direction characters, at most 500 characters. */
export function plainText(text: string): string {
  const plain = text
    .slice(0, MAX_TEXT * 2)
    .replaceAll(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]+/g, " ")
    .trim();
  return plain.length > MAX_TEXT ? `${plain.slice(0, MAX_TEXT - 3)}...` : plain;
}

/** Reads JSON that a guest must give, as text or its bytes, of which none are null. @throws COMPONENT_OUTPUT_INVALID */
export function guestJson(text: string | Uint8Array): JsonValue {
  if (typeof text !== "string" && text.length === 0) return null;
  try {
    return parseJson(text, { maxBytes: MAX_JSON_BYTES });
  } catch (error) {
    throw unreadable("no JSON within bounds", error);
  }
}

/**
 * Reads CBOR that a guest must give; no bytes are null, and JSON is taken where it stands instead: its braces and brackets would
 * begin strings of more than 2^56 bytes. @throws COMPONENT_OUTPUT_INVALID
 */
export function guestCbor(bytes: Uint8Array): JsonValue {
  if (bytes.length === 0) return null;
  if (bytes[0] === 0x7b || bytes[0] === 0x5b) return guestJson(bytes);
  try {
    return decodeCborJson(bytes, { maxBytes: MAX_JSON_BYTES });
  } catch (error) {
    throw unreadable("no CBOR within bounds", error);
  }
}

function unreadable(state: string, cause: unknown): GreenticError {
  return new GreenticError("COMPONENT_OUTPUT_INVALID", `Read a component's answer: ${state}`, { cause });
}

/** Reads text that may be JSON: a document that looks like it and is, or the text itself. */
export function guestValue(text: string): JsonValue {
  if (!/^\s*(?:[[{"\d-]|true|false|null)/.test(text)) return text;
  try {
    return parseJson(text, { maxBytes: MAX_JSON_BYTES });
  } catch {
    return text;
  }
}
