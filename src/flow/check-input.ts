import { Ajv2020 } from "ajv/dist/2020.js";
import type { ErrorObject, ValidateFunction } from "ajv/dist/2020.js";
import type { JsonObject, JsonValue, SourcePosition } from "../types/index.ts";
import { didYouMean, isJsonObject, quote } from "../types/index.ts";
import { escapePointer } from "./json-template.ts";
import { stepInto } from "./path.ts";

/** One way in which an input breaks its schema. */
export interface InputProblem {
  readonly message: string;
  readonly at: SourcePosition;
}

const ajv = new Ajv2020({ allErrors: true, verbose: true, strict: false, validateFormats: false, logger: false });
const validators = new WeakMap<JsonObject, ValidateFunction>();
const MAX_PROBLEMS = 10;

/**
 * Validates a node's raw input. A text with a template may become anything, so it passes wherever it stands, and so does a
 * choice (`anyOf`, `enum`, …) that can't be made before it is rendered.
 */
export function checkInput(
  input: JsonValue,
  from: { readonly schema: JsonObject; readonly locate: (pointer: string) => SourcePosition },
): readonly InputProblem[] {
  let validate = validators.get(from.schema);
  if (validate === undefined) validators.set(from.schema, (validate = ajv.compile(from.schema)));
  if (validate(input)) return [];
  const errors = validate.errors ?? [];
  const choices = errors.filter((error) => error.keyword === "anyOf" || error.keyword === "oneOf");
  return errors
    .filter(
      (error) => !choices.some((choice) => error !== choice && error.schemaPath.startsWith(`${choice.schemaPath}/`)),
    )
    .filter((error) => !mayPassRendered(error))
    .slice(0, MAX_PROBLEMS)
    .map((error) => describe(error, from.locate));
}

const WHOLE: ReadonlySet<string> = new Set(["anyOf", "oneOf", "not", "if", "const", "enum", "contains", "uniqueItems"]);

function mayPassRendered(error: ErrorObject): boolean {
  const value = error.data as JsonValue;
  return isTemplate(value) || (WHOLE.has(error.keyword) && holdsTemplate(value));
}

function isTemplate(value: JsonValue): boolean {
  return typeof value === "string" && value.includes("{{");
}

function holdsTemplate(value: JsonValue): boolean {
  if (typeof value !== "object" || value === null) return isTemplate(value);
  return Object.values(value).some((item) => holdsTemplate(item));
}

function describe(error: ErrorObject, locate: (pointer: string) => SourcePosition): InputProblem {
  const name = error.instancePath === "" ? "input" : quote(error.instancePath.slice(1).replaceAll("/", "."));
  const extra: unknown = error.params["additionalProperty"] ?? error.params["unevaluatedProperty"];
  if (typeof extra === "string") {
    const properties = stepInto(error.parentSchema, "properties") ?? null;
    const known = isJsonObject(properties) ? Object.keys(properties) : [];
    return {
      message: `${name} has no member ${quote(extra)}${didYouMean(extra, known)}`,
      at: locate(`${error.instancePath}/${escapePointer(extra)}`),
    };
  }
  const at = locate(error.instancePath);
  if (error.keyword === "required")
    return { message: `${name} lacks ${quote(String(error.params["missingProperty"]))}`, at };
  if (error.keyword === "enum") {
    const allowed = (error.params["allowedValues"] as readonly JsonValue[])
      .map((value) => JSON.stringify(value))
      .join(", ");
    const given = typeof error.data === "string" ? error.data : "";
    const hint = didYouMean(
      given,
      (error.params["allowedValues"] as readonly JsonValue[]).filter((value) => typeof value === "string"),
    );
    return { message: `${name} must be one of ${allowed}${hint}`, at };
  }
  return { message: `${name} ${error.message ?? "is invalid"}`, at };
}
