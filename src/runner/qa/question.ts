import { print } from "../kinds/kind.ts";
import { GreenticError, isJsonObject, quote } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";

const TYPES = ["string", "number", "integer", "boolean", "date", "choice"] as const;
type QuestionType = (typeof TYPES)[number];

export interface Choice {
  readonly value: JsonValue;
  readonly title: string;
}

/** One question of a `qa` node, its texts rendered. */
export interface Question {
  readonly id: string;
  readonly type: QuestionType;
  readonly prompt: string;
  /** False where skipping it is an answer: null. */
  readonly required: boolean;
  readonly default: JsonValue | undefined;
  readonly choices: readonly Choice[];
  /** Whether a choice takes several of them; the answer is a list then. */
  readonly isMultiple: boolean;
  readonly validate: JsonObject;
  /** Replies to offer beside the type's own. */
  readonly suggestions: readonly Choice[];
  /** What to say instead of the built-in reason. */
  readonly error: string | undefined;
  /** Keywords for its field where it is asked in a form. */
  readonly schema: JsonObject;
}

/** JSON Schema of one question. */
export const QUESTION_SCHEMA: JsonObject = {
  type: "object",
  properties: {
    id: { type: "string", pattern: "^[A-Za-z_][A-Za-z0-9_-]*$" },
    prompt: { type: "string" },
    type: { enum: [...TYPES], default: "string" },
    required: { type: "boolean", default: true },
    default: { description: "The answer when the person skips the question or sends it empty" },
    choices: {
      type: "array",
      minItems: 1,
      maxItems: 100,
      items: {
        anyOf: [
          { type: ["string", "number", "boolean"] },
          {
            type: "object",
            properties: { value: {}, title: { type: "string" }, label: { type: "string" } },
            required: ["value"],
          },
        ],
      },
    },
    multiple: {
      type: "boolean",
      default: false,
      description: "A choice takes several of its choices, in a text separated by commas; the answer is a list",
    },
    suggestions: {
      type: "array",
      maxItems: 20,
      description: "Replies to offer, as texts or { value, title }; other answers stay welcome",
      items: {
        anyOf: [
          { type: ["string", "number"] },
          {
            type: "object",
            properties: { value: {}, title: { type: "string" }, label: { type: "string" } },
            required: ["value"],
          },
        ],
      },
    },
    validate: {
      type: "object",
      properties: {
        min_length: { type: "integer", minimum: 0 },
        max_length: { type: "integer", minimum: 1 },
        pattern: {
          type: "string",
          description: "Matches anywhere unless anchored; no look-around, no back-references",
        },
        min: { type: ["number", "string"], description: "Least number, or earliest date" },
        max: { type: ["number", "string"], description: "Greatest number, or latest date" },
      },
      additionalProperties: false,
    },
    schema: {
      type: "object",
      description:
        "JSON Schema keywords beside those of type, choices and validate, where it is asked in a form: format, title, …",
    },
    error: { type: "string", description: "What to say when the answer isn't valid, instead of the built-in reason" },
  },
  required: ["id", "prompt"],
  additionalProperties: false,
};

/** Reads the questions of a `qa` node. @throws RUNNER_INPUT_INVALID */
export function readQuestions(value: JsonValue | undefined): readonly Question[] {
  if (!Array.isArray(value) || value.length === 0) throw invalid("questions", "a list of at least one question");
  return (value as readonly JsonValue[]).map(readQuestion);
}

function readQuestion(value: JsonValue): Question {
  if (!isJsonObject(value)) throw invalid("questions", "objects");
  const { id, type = "string", prompt, choices, validate, suggestions, error, schema } = value;
  if (typeof id !== "string" || id === "") throw invalid("id", "a text");
  const known = TYPES.find((name) => name === type);
  if (known === undefined) throw invalid(`type of ${quote(id)}`, `one of ${TYPES.join(", ")}`);
  if (known === "choice" && (!Array.isArray(choices) || choices.length === 0))
    throw invalid(`choices of ${quote(id)}`, "a list");
  return {
    id,
    type: known,
    prompt: typeof prompt === "string" && prompt !== "" ? prompt : id,
    required: value["required"] !== false,
    default: value["default"] ?? undefined,
    choices: Array.isArray(choices) ? (choices as readonly JsonValue[]).map(readChoice) : [],
    isMultiple: value["multiple"] === true,
    validate: isJsonObject(validate) ? validate : {},
    suggestions: Array.isArray(suggestions) ? (suggestions as readonly JsonValue[]).map(readChoice) : [],
    error: typeof error === "string" && error !== "" ? error : undefined,
    schema: schema !== undefined && isJsonObject(schema) ? schema : {},
  };
}

function readChoice(value: JsonValue): Choice {
  if (!isJsonObject(value)) return { value, title: print(value) };
  const title = value["title"] ?? value["label"] ?? value["value"];
  return { value: value["value"] ?? null, title: print(title) };
}

function invalid(what: string, expected: string): GreenticError {
  return new GreenticError("RUNNER_INPUT_INVALID", `Read qa ${what}: expected ${expected}`);
}
