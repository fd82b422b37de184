import { createHash } from "node:crypto";

/** Whether a condition takes a value for true, as text/template does: zero, empty and absent things are false. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** Shows a value as `{{ value }}` does. @throws Error for what charts don't show */
export function shown(value: unknown): string {
  if (value === undefined) return "<no value>";
  if (typeof value === "string" || typeof value === "boolean") return String(value);
  // Floats of a million and more would be shown with an exponent; no bound of a value is that high.
  if (typeof value === "number" && Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
  throw new Error(`can't show ${JSON.stringify(value)}`);
}

const SHORT: Readonly<Record<string, string>> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
  '"': '\\"',
};

/** Quotes as Go's `%q` does, which is a double-quoted text of YAML, too. */
function goQuote(text: string): string {
  const quoted = Array.from(text, (rune) => {
    const short = SHORT[rune];
    if (short !== undefined) return short;
    if (/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(rune)) return rune;
    const code = rune.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    if (code < 0x20 || code === 0x7f) return `\\x${hex.padStart(2, "0")}`;
    return code < 0x1_00_00 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
  });
  return `"${quoted.join("")}"`;
}

function printf(format: string, values: readonly unknown[]): string {
  let taken = 0;
  const text = format.replace(/%\d*./g, (verb) => {
    const value = values[taken++];
    if (verb === "%q" && typeof value === "string") return goQuote(value);
    if (verb === "%s" && typeof value === "string") return value;
    if (verb === "%d" && typeof value === "number") return String(value);
    if (verb === "%05v" && typeof value === "number") return shown(value).padStart(5, "0");
    throw new Error(`can't print ${JSON.stringify(value)} by ${verb}`);
  });
  if (taken !== values.length) throw new Error(`${format} has ${values.length} values`);
  return text;
}

function sameKinds([a, b]: readonly unknown[]): void {
  if (typeof a !== typeof b || typeof a === "object") throw new Error("incompatible types for comparison");
}

const text = (value: unknown): string => {
  if (typeof value !== "string") throw new Error(`${JSON.stringify(value)} is no text`);
  return value;
};

/** The functions that the chart uses; the last two are Helm's, the others the language's own. */
export const FUNCTIONS: Readonly<Record<string, (...values: readonly unknown[]) => unknown>> = {
  and: (...values) => values.find((value) => !isTrue(value)) ?? values.at(-1),
  or: (...values) => values.find(isTrue) ?? values.at(-1),
  not: (value) => !isTrue(value),
  eq: (...values) => (sameKinds(values), values[0] === values[1]),
  ne: (...values) => (sameKinds(values), values[0] !== values[1]),
  gt: (...values) => (sameKinds(values), text(values[0]) > text(values[1])),
  len: (value) => Buffer.byteLength(text(value)),
  printf: (format, ...values) => printf(text(format), values),
  replace: (from, to, value) => text(value).replaceAll(text(from), text(to)),
  sha256sum: (value) => createHash("sha256").update(text(value)).digest("hex"),
};
