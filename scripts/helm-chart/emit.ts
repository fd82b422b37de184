import { stringify } from "yaml";
import type { Node, Part } from "./merge.ts";
import { EXPRESSIONS, RANGES } from "./placeholders.ts";

const PLACEHOLDER = new RegExp(
  [...EXPRESSIONS.keys()]
    .filter((key) => !/^\d+$/.test(key))
    .map((key) => key.replaceAll(".", "\\."))
    .join("|"),
  "g",
);

/** Writes the objects of one file as a template. */
export function emitFile(objects: readonly Part[]): string {
  const text = objects.flatMap((part) => guarded(part, ["---", ...linesOf(part.node)]));
  return `${text.join("\n")}\n`;
}

function guarded({ guard }: Part, lines: readonly string[]): readonly string[] {
  return guard === true ? lines : [`{{- if ${guard} }}`, ...lines, "{{- end }}"];
}

function linesOf(node: Node): readonly string[] {
  if (node.kind === "scalar") return [scalar(node.value)];
  if (node.parts.length === 0) return [node.kind === "map" ? "{}" : "[]"];
  return node.parts.flatMap((part) => guarded(part, repeated(part, node.kind === "map" ? entry(part) : item(part))));
}

/** A part that is there once for each of several values; what has such parts in a list of its own isn't one. */
function repeated({ id }: Part, lines: readonly string[]): readonly string[] {
  const [, range] = RANGES.find(([placeholder]) => id.includes(placeholder) && !id.includes(":[")) ?? [];
  return range === undefined ? lines : [`{{- ${range} }}`, ...lines, "{{- end }}"];
}

function entry({ id, node }: Part): readonly string[] {
  const key = EXPRESSIONS.has(id) ? scalar(id) : stringify(id).trimEnd();
  const lines = linesOf(node);
  if (node.kind === "scalar" || node.parts.length === 0) return [`${key}: ${lines.join("")}`];
  return [`${key}:`, ...indented(lines)];
}

function item({ node }: Part): readonly string[] {
  const [first = "", ...rest] = linesOf(node);
  // What begins with a condition begins below the dash.
  if (first.startsWith("{{-")) return ["-", ...indented([first, ...rest])];
  return [`- ${first}`, ...indented(rest)];
}

/** Actions trim what stands before them, wherever they stand. */
function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => (line.startsWith("{{-") ? line : `  ${line}`));
}

function scalar(value: string | number | boolean | null): string {
  const whole = EXPRESSIONS.get(String(value));
  if (whole !== undefined && (typeof value === "number" || /^\d+$/.test(String(value))))
    return typeof value === "number" ? `{{ ${whole} }}` : `"{{ ${whole} }}"`;
  if (whole !== undefined) return `{{ ${whole} | printf "%q" }}`;
  const text = stringify(value, { version: "1.1", lineWidth: 0 }).trimEnd();
  if (typeof value !== "string" || value.search(PLACEHOLDER) < 0) return text;
  return `"${value.replace(PLACEHOLDER, (key) => `{{ ${EXPRESSIONS.get(key)} }}`)}"`;
}
