import { describe, expect, test } from "vitest";
import { jsonSchemaOf } from "./schema-ir.ts";

describe("jsonSchemaOf()", () => {
  test("leaves JSON Schema alone", () => {
    const schema = { type: "object", properties: { kind: { type: "string" } }, additionalProperties: false };
    expect(jsonSchemaOf(schema)).toBe(schema);
    expect(jsonSchemaOf(true)).toBe(true);
  });

  test("reads the form of 0.6.0", () => {
    expect(
      jsonSchemaOf({
        type: "object",
        required: ["a"],
        additional: { type: "forbid" },
        properties: {
          a: { type: "string", regex: "^x", format: null, max_len: 9, min_len: 1 },
          b: {
            type: "array",
            items: { type: "int", min: "-9223372036854775808", max: 7 },
            min_items: 1,
            max_items: null,
          },
          c: { type: "one_of", variants: [{ type: "null" }, { type: "float", min: 0.5, max: null }, { type: "bool" }] },
          d: { type: "object", required: [], additional: { type: "allow" }, properties: {} },
          e: { type: "enum", values: ["x"] },
          f: { type: "ref", id: "elsewhere" },
        },
      }),
    ).toEqual({
      type: "object",
      required: ["a"],
      additionalProperties: false,
      properties: {
        a: { type: "string", pattern: "^x", maxLength: 9, minLength: 1 },
        b: { type: "array", items: { type: "integer", maximum: 7 }, minItems: 1 },
        c: { anyOf: [{ type: "null" }, { type: "number", minimum: 0.5 }, { type: "boolean" }] },
        d: { type: "object", properties: {} },
        e: { enum: ["x"] },
        f: true,
      },
    });
  });

  test("reads the form of 0.6.1, and marks secrets", () => {
    expect(
      jsonSchemaOf({
        kind: "object",
        additional_properties: false,
        fields: {
          token: { required: true, schema: { kind: "string", secret: true, format: null } },
          on: { required: false, schema: { kind: "bool" } },
        },
      }),
    ).toEqual({
      type: "object",
      required: ["token"],
      additionalProperties: false,
      properties: { token: { type: "string", writeOnly: true }, on: { type: "boolean" } },
    });
  });

  test("stops where a schema is nested beyond reason", () => {
    let schema: object = { type: "bool" };
    for (let depth = 0; depth < 100; depth++) schema = { type: "array", items: schema, min_items: 0 };
    expect(JSON.stringify(jsonSchemaOf(schema as never)).match(/"items"/g)?.length).toBeLessThan(40);
  });
});
