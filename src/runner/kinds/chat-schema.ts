import { findDifference } from "../../mcp/index.ts";
import type { Difference } from "../../mcp/index.ts";
import type { JsonValue } from "../../types/index.ts";
import { GreenticError, isGreenticError, isJsonObject, parseJson, quote } from "../../types/index.ts";
import { compilePattern } from "../qa/pattern.ts";

/** Keywords that are checked, and those that say nothing of what fits. `format` is the model's to read: JSON Schema leaves it open too. */
const KEYWORDS: ReadonlySet<string> = new Set(
  (
    "$schema $id $comment $defs definitions $ref title description default examples deprecated format type enum const properties " +
    "required additionalProperties minProperties maxProperties items prefixItems minItems maxItems minLength maxLength pattern " +
    "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf allOf anyOf oneOf not"
  ).split(" "),
);
const SCHEMAS_BY_NAME: ReadonlySet<string> = new Set(["properties", "$defs", "definitions"]);
const DATA: ReadonlySet<string> = new Set(["enum", "const", "default", "examples", "required", "type"]);
const MAX_DEPTH = 64;

/** What came of reading an answer. */
export type ReadOutput =
  | { readonly kind: "ok"; readonly value: JsonValue }
  /** `problem` quotes what the model wrote: it is for the model alone. */
  | { readonly kind: "unfit"; readonly problem: string };

/** Refuses a schema of which a part would go unchecked. @throws LLM_SCHEMA_INVALID */
export function checkSchema(schema: JsonValue, depth = 0): void {
  if (depth > MAX_DEPTH) throw unusable("it is too deep");
  if (Array.isArray(schema)) for (const item of schema as readonly JsonValue[]) checkSchema(item, depth + 1);
  if (!isJsonObject(schema)) return;
  for (const [key, value] of Object.entries(schema)) {
    if (!KEYWORDS.has(key)) throw unusable(`${quote(key)} isn't checked here`);
    if (DATA.has(key)) continue;
    if (SCHEMAS_BY_NAME.has(key) && isJsonObject(value))
      for (const inner of Object.values(value)) checkSchema(inner, depth + 1);
    else checkSchema(value, depth + 1);
  }
}

/** Reads an answer as JSON and compares it with the schema. @throws LLM_SCHEMA_INVALID */
export function readOutput(text: string, schema: JsonValue): ReadOutput {
  let value: JsonValue;
  try {
    value = parseJson(Buffer.from(withoutFence(text)));
  } catch {
    return { kind: "unfit", problem: "it isn't JSON alone" };
  }
  const difference = compare(schema, value);
  if (difference === undefined) return { kind: "ok", value };
  return {
    kind: "unfit",
    problem: `${difference.path === "" ? "the whole of it" : difference.path} ${difference.problem}`,
  };
}

function compare(schema: JsonValue, value: JsonValue): Difference | undefined {
  try {
    return findDifference(schema, value, (pattern, text) => compilePattern(pattern).test(text));
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    throw new GreenticError("LLM_SCHEMA_INVALID", `Read the answer's schema: ${error.message}`, { cause: error });
  }
}

/** Models that are told in words like to put JSON into a fence. */
function withoutFence(text: string): string {
  return /^\s*```(?:json)?\s*\n([^]*?)\n?\s*```\s*$/.exec(text)?.[1] ?? text;
}

function unusable(problem: string): GreenticError {
  return new GreenticError("LLM_SCHEMA_INVALID", `Read the answer's schema: ${problem}`);
}
