import type { JsonObject, JsonValue } from "../../types/index.ts";
import { print } from "../kinds/kind.ts";
import type { Ask } from "../runtime.ts";
import type { Question } from "./question.ts";

/** What the form of a question's field can say of numbers, texts and dates. */
const BOUNDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  string: { min_length: "minLength", max_length: "maxLength" },
  number: { min: "minimum", max: "maximum" },
  integer: { min: "minimum", max: "maximum" },
};

/**
 * Makes the form that asks all of these questions at once, for channels that show forms: a JSON Schema with primitive fields only.
 * @see MCP 2025-11-25, elicitation: the restricted schema
 */
export function formOf(questions: readonly Question[]): Ask {
  const properties: Record<string, JsonValue> = {};
  for (const question of questions) properties[question.id] = fieldOf(question);
  const required = questions.filter((question) => question.required && question.default === undefined);
  return {
    kind: "form",
    schema: { type: "object", properties, required: required.map(({ id }) => id) },
  };
}

function fieldOf(question: Question): JsonObject {
  return {
    ...typeOf(question),
    description: question.prompt,
    ...(question.default === undefined ? {} : { default: question.default }),
    ...boundsOf(question),
    ...question.schema,
  };
}

function typeOf(question: Question): JsonObject {
  switch (question.type) {
    case "choice": {
      const { choices, isMultiple } = question;
      const values = choices.map(({ value }) => print(value));
      // A form's choices are texts; the answer finds its choice by its text again.
      const isTitled = choices.some(({ title }, index) => title !== values[index]);
      const titled = choices.map(({ title }, index) => ({ const: values[index] ?? "", title }));
      if (isMultiple) return { type: "array", items: isTitled ? { anyOf: titled } : { type: "string", enum: values } };
      return isTitled ? { type: "string", oneOf: titled } : { type: "string", enum: values };
    }
    case "date":
      // Not `format: date`: people may answer "tomorrow", and the question reads it.
      return { type: "string" };
    default:
      return { type: question.type };
  }
}

function boundsOf({ type, validate }: Question): JsonObject {
  const bounds: Record<string, JsonValue> = {};
  for (const [key, keyword] of Object.entries(BOUNDS[type] ?? {})) {
    const limit = validate[key];
    if (typeof limit === "number") bounds[keyword] = limit;
  }
  return bounds;
}
