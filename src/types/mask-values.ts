import type { JsonValue } from "./json.ts";

/** Shorter values stand in too many texts by chance. */
const MIN_LENGTH = 4;
/** More than these, the longest first, aren't looked for. */
const MAX_VALUES = 1_000;

/**
 * Takes every text of a value, as it is and as JSON writes it, out of a line: what people said goes by inputs, and whoever writes a log
 * line about an input must not make the log tell it.
 */
export function maskValues(line: string, value: JsonValue): string {
  const texts = new Set<string>();
  collect(value, texts);
  let masked = line;
  for (const text of [...texts].sort((a, b) => b.length - a.length).slice(0, MAX_VALUES)) {
    masked = masked.replaceAll(text, "[…]");
    const written = JSON.stringify(text).slice(1, -1);
    if (written !== text) masked = masked.replaceAll(written, "[…]");
  }
  return masked;
}

function collect(value: JsonValue, texts: Set<string>): void {
  if (typeof value === "string") {
    const text = value.trim();
    if (text.length >= MIN_LENGTH) texts.add(text);
  } else if (Array.isArray(value)) for (const one of value) collect(one, texts);
  else if (typeof value === "object" && value !== null) for (const one of Object.values(value)) collect(one, texts);
}
