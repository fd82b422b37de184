import { GreenticError } from "./errors.ts";
import { quote } from "./ids.ts";

/**
 * The injective encoding of a foreign id as one key segment: characters of `[A-Za-z0-9_-]` stand for themselves, every other
 * byte of the UTF-8 form is `~` and two lower-case hex digits. The result never holds a separator (`:`), a subject token
 * separator (`.`), a wildcard (`*`, `>`), a slash or a space, so it is safe in Redis keys, NATS subjects and paths.
 */
export function encodeKeyToken(value: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(value)) return value;
  let out = "";
  for (const byte of Buffer.from(value, "utf8")) {
    const isPlain =
      (byte >= 0x30 && byte <= 0x39) ||
      (byte >= 0x41 && byte <= 0x5a) ||
      (byte >= 0x61 && byte <= 0x7a) ||
      byte === 0x5f ||
      byte === 0x2d;
    out += isPlain ? String.fromCharCode(byte) : `~${byte.toString(16).padStart(2, "0")}`;
  }
  return out;
}

/** Reverses {@link encodeKeyToken}. @throws TYPES_KEY_INVALID when the text is not such an encoding */
export function decodeKeyToken(text: string): string {
  if (!/^(?:[A-Za-z0-9_-]|~[0-9a-f]{2})+$/.test(text)) {
    throw new GreenticError("TYPES_KEY_INVALID", `Decode key token: not an encoded token, got ${quote(text)}`);
  }
  if (!text.includes("~")) return text;
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "~") {
      bytes.push(Number.parseInt(text.slice(i + 1, i + 3), 16));
      i += 2;
    } else bytes.push(text.charCodeAt(i));
  }
  const decoded = new TextDecoder("utf-8", { fatal: false }).decode(Uint8Array.from(bytes));
  if (encodeKeyToken(decoded) !== text) {
    throw new GreenticError("TYPES_KEY_INVALID", `Decode key token: not canonical, got ${quote(text)}`);
  }
  return decoded;
}
