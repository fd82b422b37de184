import base from "handlebars/dist/cjs/handlebars/compiler/base.js";
import type { JsonObject, SourcePosition } from "../types/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import type { AstProgram } from "./template-ast.ts";

const EXACT = /^\{\{\{?([^{}]*)\}?\}\}$/;
const TAG = /\{\{[^{}]*\}\}/g;
const WORD = /"[^"]*"|'[^']*'|[A-Za-z_$][\w$-]*(?:\.\[[^\]]*\]|\.[\w$-]+|\[(?:\d+|"[^"\]]*"|'[^'\]]*')\])+/g;

/** Gives the inside of a text that is one tag and nothing else; undefined for every other text. */
export function onlyTag(text: string): string | undefined {
  return EXACT.exec(text)?.[1]?.trim();
}

/** Parses a template's text. @throws FLOW_TEMPLATE_INVALID at the place of the value that holds it */
export function parseTemplate(source: string, at: SourcePosition | undefined): AstProgram {
  try {
    return base.parse(source.replace(TAG, writeIndexes)) as AstProgram;
  } catch (error) {
    throw invalidTemplate(describe(error), { source, at, cause: error });
  }
}

const PARTIAL = /\{\{>\s*([\w.-]+)\s*\}\}/g;
const MAX_PARTIAL_DEPTH = 8;
const MAX_PARTIAL_CHARS = 256 * 1024;

/** Puts the named parts of a template in their places; names that nobody gave stay, and fail to compile. */
export function inlinePartials(source: string, partials: JsonObject): string {
  let text = source;
  for (let depth = 0; depth < MAX_PARTIAL_DEPTH && text.includes("{{>"); depth++) {
    text = text.replace(PARTIAL, (tag, name: string) => {
      const part = Object.hasOwn(partials, name) ? partials[name] : undefined;
      return typeof part === "string" ? part : tag;
    });
    if (text.length > MAX_PARTIAL_CHARS)
      throw invalidTemplate("its parts make too much text", { source, at: undefined });
  }
  return text;
}

/** Makes the error for a template that can't be compiled. */
export function invalidTemplate(
  problem: string,
  where: { readonly source: string; readonly at: SourcePosition | undefined; readonly cause?: unknown },
): GreenticError {
  return new GreenticError("FLOW_TEMPLATE_INVALID", `Compile template ${quote(where.source)}: ${problem}`, {
    at: where.at,
    cause: where.cause,
  });
}

/** Flows write `a.0.b`, `a[0]` and `a["k"]`; Handlebars wants `a.[0].b` and `a.[k]`. */
function writeIndexes(tag: string): string {
  return tag.replace(WORD, (word) => {
    if (word.startsWith('"') || word.startsWith("'")) return word;
    return word.replace(/\.\[[^\]]*\]|\.(\d+)(?![\w$-])|\[["']?([^\]"']*)["']?\]/g, (step, index, key) =>
      step.startsWith(".[") ? step : `.[${String(index ?? key)}]`,
    );
  });
}

/** Keeps "line N" and what was expected from the parser's message, whose excerpt would repeat the template. */
function describe(error: unknown): string {
  if (error instanceof RangeError) return "nested too deep";
  const message = error instanceof Error ? error.message : "";
  const line = /on line (\d+)/.exec(message)?.[1] ?? /(\d+):\d+$/.exec(message)?.[1] ?? "1";
  const got = /got '([A-Z_]+)'/.exec(message)?.[1];
  const mismatch = /^(\S+) doesn't match (\S+)/.exec(message);
  if (mismatch !== null)
    return `line ${line}, block ${quote(mismatch[1] ?? "")} is closed by ${quote(mismatch[2] ?? "")}`;
  return got === undefined ? `line ${line}, malformed tag` : `line ${line}, unexpected ${got.toLowerCase()} in a tag`;
}
