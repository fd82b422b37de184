import type { SchemaObject } from "ajv";

const text = { type: "string", minLength: 1, maxLength: 100_000 } as const;

const textExpectation: SchemaObject = {
  anyOf: [
    { type: "string" },
    {
      type: "object",
      properties: {
        equals: { type: "string" },
        contains: text,
        matches: { type: "string", minLength: 1, maxLength: 1_000 },
      },
      minProperties: 1,
      additionalProperties: false,
    },
  ],
};

const stubCase: SchemaObject = {
  type: "object",
  properties: {
    when: {},
    result: {},
    error: {
      type: "object",
      properties: { code: text, message: { type: "string" }, retryable: { type: "boolean" } },
      required: ["code"],
      additionalProperties: false,
    },
  },
  oneOf: ["result", "error"].map((key) => ({ properties: { [key]: true }, required: [key] })),
  additionalProperties: false,
};

/** The JSON Schema (2020-12) of conversation tests. */
export const CONVERSATION_SCHEMA: SchemaObject = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Greentic conversation test",
  type: "object",
  properties: {
    name: text,
    flow: text,
    entry: text,
    tenant: text,
    team: text,
    locale: text,
    clock: { ...text, description: "When the conversation begins, ISO 8601 with a time zone" },
    stubs: {
      type: "object",
      description: "What tools and components answer, by tool name, component or component.operation",
      additionalProperties: { anyOf: [{ type: "array", items: stubCase, minItems: 1, maxItems: 100 }] },
    },
    steps: {
      type: "array",
      minItems: 1,
      maxItems: 200,
      items: {
        type: "object",
        properties: {
          says: { type: "string", maxLength: 100_000 },
          submits: { type: "object", description: "A card's or form's values" },
          locale: text,
          expects: {
            type: "object",
            properties: {
              text: {
                anyOf: [...(textExpectation["anyOf"] as SchemaObject[]), { type: "array", items: textExpectation }],
              },
              card: { type: ["boolean", "string", "object"] },
              status: { enum: ["done", "waiting", "error"] },
              waiting: text,
              output: {},
              messages: { type: "integer", minimum: 0 },
              error: text,
            },
            additionalProperties: false,
          },
        },
        oneOf: ["says", "submits"].map((key) => ({ properties: { [key]: true }, required: [key] })),
        additionalProperties: false,
      },
    },
  },
  required: ["steps"],
  additionalProperties: false,
};
