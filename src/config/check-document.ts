import type { ErrorObject, SchemaObject, ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { GreenticError, quote } from "../types/index.ts";
import type { ErrorCode } from "../types/index.ts";
import type { SourceDocument } from "./source-document.ts";

const ajv = new Ajv2020({ allErrors: false, verbose: true, strict: true, allowUnionTypes: true, useDefaults: false });
const compiled = new WeakMap<SchemaObject, ValidateFunction>();

/** How the layer of a document calls values that its schema doesn't allow. */
interface ValueRules {
  readonly doing: string;
  readonly valueInvalid: ErrorCode;
}

const CONFIG_VALUES: ValueRules = { doing: "Read configuration", valueInvalid: "CONFIG_VALUE_INVALID" };

/**
 * Checks a document against a JSON Schema; the error stands at the key that is wrong.
 * @throws the document's code for unknown keys (with the nearest known one), the rules' code for everything else
 */
export function checkDocument(document: SourceDocument, schema: SchemaObject, rules = CONFIG_VALUES): void {
  let validate = compiled.get(schema);
  if (!validate) compiled.set(schema, (validate = ajv.compile(schema)));
  if (validate(document.value)) return;
  // Alternatives fail one by one before they fail together.
  const error = validate.errors?.find((one) => keySetsOf(one) !== undefined) ?? validate.errors?.[0];
  if (error) throw toError(error, document, rules);
}

function toError(error: ErrorObject, document: SourceDocument, { doing, valueInvalid }: ValueRules): GreenticError {
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
      valueInvalid,
      `${doing}: ${name} lacks ${quote(String(error.params["missingProperty"]))}`,
      { at: document.positionOf(path) },
    );
  }
  const keySets = keySetsOf(error);
  if (keySets !== undefined) {
    const choices = keySets.map((keys) => keys.map(quote).join(" with ")).join(" or ");
    return new GreenticError(valueInvalid, `${doing}: ${name} needs ${choices}, and only one of them`, {
      at: document.positionOf(path),
    });
  }
  const expected =
    error.keyword === "enum"
      ? `one of ${(error.params["allowedValues"] as unknown[]).map(String).join(", ")}`
      : (error.message ?? "another value").replace(/^must /, "to ");
  return new GreenticError(
    valueInvalid,
    `${doing}: expected ${name} ${expected.startsWith("one of") ? `to be ${expected}` : expected}`,
    { at: document.positionOf(path) },
  );
}

/** The sets of keys of which a schema wants exactly one. */
function keySetsOf({ keyword, schema }: ErrorObject): readonly (readonly string[])[] | undefined {
  if (keyword !== "oneOf") return undefined;
  const sets = (schema as readonly SchemaObject[]).map((one) => (one["required"] as string[] | undefined) ?? []);
  return sets.every((keys) => keys.length > 0) ? sets : undefined;
}
