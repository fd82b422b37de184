import type { ErrorObject, SchemaObject, ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { GreenticError, quote } from "../types/index.ts";
import type { SourceDocument } from "./source-document.ts";

const ajv = new Ajv2020({ allErrors: false, verbose: true, strict: true, allowUnionTypes: true, useDefaults: false });
const compiled = new WeakMap<SchemaObject, ValidateFunction>();

/**
 * Checks a document against a JSON Schema; the error stands at the key that is wrong.
 * @throws CONFIG_KEY_UNKNOWN (with the nearest known key), CONFIG_VALUE_INVALID
 */
export function checkDocument(document: SourceDocument, schema: SchemaObject): void {
  let validate = compiled.get(schema);
  if (!validate) compiled.set(schema, (validate = ajv.compile(schema)));
  if (validate(document.value)) return;
  const error = validate.errors?.[0];
  if (error) throw toError(error, document);
}

function toError(error: ErrorObject, document: SourceDocument): GreenticError {
  const path = error.instancePath
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  const name = path.join(".") || "the file";
  if (error.keyword === "additionalProperties") {
    const key = String(error.params["additionalProperty"]);
    const known = Object.keys((error.parentSchema?.["properties"] as object | undefined) ?? {});
    const near = nearest(key, known);
    return new GreenticError(
      "CONFIG_KEY_UNKNOWN",
      `Read configuration: unknown key ${quote(key)} in ${name}${near === undefined ? "" : `, did you mean ${quote(near)}?`}`,
      {
        at: document.positionOf([...path, key]),
      },
    );
  }
  if (error.keyword === "required") {
    return new GreenticError(
      "CONFIG_VALUE_INVALID",
      `Read configuration: ${name} lacks ${quote(String(error.params["missingProperty"]))}`,
      { at: document.positionOf(path) },
    );
  }
  const expected =
    error.keyword === "enum"
      ? `one of ${(error.params["allowedValues"] as unknown[]).map(String).join(", ")}`
      : (error.message ?? "another value").replace(/^must /, "to ");
  return new GreenticError(
    "CONFIG_VALUE_INVALID",
    `Read configuration: expected ${name} ${expected.startsWith("one of") ? `to be ${expected}` : expected}`,
    { at: document.positionOf(path) },
  );
}

/** Finds the known word that is nearest by edits; undefined where none is near enough to be a slip. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const limit = word.length <= 3 ? 1 : Math.max(2, Math.floor(word.length / 3));
  let best: { word: string; edits: number } | undefined;
  for (const candidate of known) {
    const edits = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (edits <= limit && (best === undefined || edits < best.edits)) best = { word: candidate, edits };
  }
  return best?.word;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(
        (next[j - 1] ?? 0) + 1,
        (row[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
