import type { ErrorObject, SchemaObject, ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { GreenticError, quote } from "../types/index.ts";
import type { SourceDocument } from "./source-document.ts";

const ajv = new Ajv2020({ allErrors: false, verbose: true, strict: true, allowUnionTypes: true, useDefaults: false });
const compiled = new WeakMap<SchemaObject, ValidateFunction>();

/**
 * Checks a document against a JSON Schema; the error stands at the key that is wrong.
 * @throws the document's code for unknown keys (with the nearest known one), CONFIG_VALUE_INVALID
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
    return document.unknownKey([...path, key], known);
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
