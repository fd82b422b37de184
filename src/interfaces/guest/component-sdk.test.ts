import { Ajv2020 } from "ajv/dist/2020.js";
import { decode, encode, rfc8949EncodeOptions } from "cborg";
import {
  anything,
  array,
  assert,
  constantFrom,
  double,
  integer,
  jsonValue,
  property,
  record,
  string,
} from "fast-check";
import { describe, expect, test } from "vitest";
import { checkValue } from "./check-value.ts";
import { decodeCbor, encodeCbor } from "./cbor.ts";
import { ComponentError, defineComponent, s } from "./component-sdk.ts";
import type { NodeExport, WitEnvelope } from "./node-export.ts";

const ENVELOPE: Omit<WitEnvelope, "payloadCbor"> = {
  ctx: {
    tenantId: "acme",
    teamId: null,
    userId: "u1",
    envId: "dev",
    traceId: "t",
    correlationId: "c",
    deadlineMs: 1,
    attempt: 2,
    idempotencyKey: null,
    i18nId: "pt-BR",
  },
  flowId: "flow",
  stepId: "node",
  componentId: "component",
  attempt: 2,
  metadataCbor: encodeCbor({ config: { units: "fahrenheit" } }),
};

const component = defineComponent({
  name: "forecast",
  version: "1.2.0",
  summary: "Forecasts",
  config: s.object({ units: s.optional(s.choice(["celsius", "fahrenheit"], { default: "celsius" })) }),
  operations: {
    forecast: {
      summary: "One day",
      input: s.object({ city: s.string({ minLength: 1 }), days: s.optional(s.integer({ minimum: 1, default: 3 })) }),
      output: s.object({ text: s.string(), note: s.optional(s.string()) }),
      run: ({ city, days }, { config, t, tenant, http, ...ctx }) => {
        if (city === "http") http.fetch("https://x.test");
        if (city === "busy") throw new ComponentError("BUSY", "later", { retryable: true, backoffMs: 250 });
        if (city === "bug") throw new TypeError("not so");
        if (city === "wrong") return { text: 5 as unknown as string };
        return { text: `${t("in", { city })} ${days} ${config.units} ${tenant} ${ctx.user} ${ctx.attempt}` };
      },
    },
  },
  setup: {
    questions: [{ id: "units", label: "q.units", kind: "choice", options: [{ value: "celsius", label: "q.c" }] }],
  },
  i18n: { en: { in: "in {{city}}", bye: "bye" }, pt: { in: "em {{city}}" } },
});
const { node, componentQa, componentI18n }: NodeExport = component.bind({});

function call(input: unknown, more: Partial<WitEnvelope> = {}, operation = "forecast"): unknown {
  try {
    return decode(node.invoke(operation, { ...ENVELOPE, payloadCbor: encodeCbor(input), ...more }).outputCbor);
  } catch (error) {
    const { code, message, retryable, backoffMs, details } = error as Record<string, unknown>;
    return { code, message, retryable, backoffMs, details: details === null ? null : decode(details as Uint8Array) };
  }
}

describe("defineComponent()", () => {
  test("calls an operation with checked input, defaults, configuration, texts and who asks", () => {
    expect(call({ city: "Lima" })).toEqual({ text: "em Lima 3 fahrenheit acme u1 2" });
    expect(call({ city: "Lima", days: 1 }, { metadataCbor: null })).toEqual({ text: "em Lima 1 celsius acme u1 2" });
  });

  test.each([
    [{ city: "" }, "INPUT_INVALID", "/city", "a text of at least 1 characters"],
    [{ city: 5 }, "INPUT_INVALID", "/city", "a text"],
    [{}, "INPUT_INVALID", "/city", "a value"],
    [{ city: "a", more: 1 }, "INPUT_INVALID", "/more", "no such property"],
    [{ city: "a", days: 0.5 }, "INPUT_INVALID", "/days", "a whole number"],
    [{ city: "wrong" }, "OUTPUT_INVALID", "/text", "a text"],
  ])("names what is wrong with %j", (input, code, path, expected) => {
    expect(call(input)).toMatchObject({ code, details: { path, expected }, retryable: false });
  });

  test("turns what is thrown into the flow's error, with the place in the source", () => {
    expect(call({ city: "busy" })).toMatchObject({ code: "BUSY", message: "later", retryable: true, backoffMs: 250 });
    expect(call({ city: "bug" })).toMatchObject({
      code: "COMPONENT_FAILED",
      message: "TypeError: not so",
      details: { at: { file: expect.stringContaining("component-sdk.test.ts"), line: expect.any(Number) } },
    });
    expect(call({ city: "http" })).toMatchObject({
      code: "HTTP_DENIED",
      message: "component.toml grants no http in [grants]",
    });
    expect(call({ city: "a" }, { metadataCbor: encodeCbor({ config: { units: "kelvin" } }) })).toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining('config.units: expected one of "celsius", "fahrenheit"'),
    });
    expect(call({}, {}, "other")).toMatchObject({ code: "OPERATION_UNKNOWN" });
  });

  test("describes itself with JSON Schema that a validator takes", () => {
    const { name, version, ops, schemas, setup } = node.describe();
    expect({ name, version, ops: ops.map((op) => op.name) }).toEqual({
      name: "forecast",
      version: "1.2.0",
      ops: ["forecast"],
    });
    const [op] = ops;
    const validate = new Ajv2020().compile(decode(op?.input.schema.val ?? new Uint8Array()) as object);
    expect([validate({ city: "a" }), validate({ city: "" }), validate({})]).toEqual([true, false, false]);
    expect(schemas).toMatchObject([{ id: "config", contentType: "application/schema+json" }]);
    expect(decode(setup?.qaSpec.val ?? new Uint8Array())).toMatchObject({
      mode: "setup",
      questions: [{ id: "units", label: { key: "q.units" }, kind: { type: "choice" }, required: true }],
    });
    expect(componentI18n.i18nKeys()).toEqual(["bye", "in", "q.c", "q.units", "setup.title"]);
  });

  test("makes configuration of answers, and says which answer is wrong", () => {
    const answer = (answers: unknown): unknown =>
      decode(componentQa.applyAnswers("setup", encodeCbor({}), encodeCbor(answers)));
    expect(answer({ units: "celsius" })).toEqual({ ok: true, config: { units: "celsius" }, warnings: [], errors: [] });
    expect(answer({ units: "kelvin" })).toMatchObject({ ok: false, errors: [{ fields: ["units"] }] });
    expect(decode(componentQa.qaSpec("remove"))).toMatchObject({ questions: [] });
  });
});

test("encodeCbor() writes what the reference encoder writes, and decodeCbor() reads it", () => {
  assert(
    property(jsonValue(), (value) => {
      const bytes = encodeCbor(value);
      expect(bytes).toEqual(new Uint8Array(encode(JSON.parse(JSON.stringify(value)), rfc8949EncodeOptions)));
      expect(decodeCbor(bytes)).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test("decodeCbor() ends in a RangeError on any other bytes", () => {
  assert(
    property(array(integer({ min: 0, max: 255 }), { maxLength: 40 }), (bytes) => {
      try {
        decodeCbor(Uint8Array.from(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }),
  );
});

test("checkValue() agrees with a validator on what s makes", () => {
  const schema = s.object({
    a: s.string({ minLength: 2, maxLength: 4, pattern: "^[a-z]*$" }),
    b: s.optional(s.integer({ minimum: -2, maximum: 2 })),
    c: s.nullable(s.list(s.number({ minimum: 0 }), { minItems: 1, maxItems: 2 })),
    d: s.optional(s.map(s.boolean())),
    e: s.optional(s.choice(["x", "y"])),
  });
  const validate = new Ajv2020({ strict: false }).compile(schema);
  const some = record(
    {
      a: constantFrom<unknown>("ab", "abc", "", "abcde", "AB", 5),
      b: constantFrom<unknown>(-3, -2, 0, 1.5, 2, "2"),
      c: constantFrom<unknown>(null, [], [0], [0, -1], [1, 2, 3], "c"),
      d: constantFrom<unknown>({}, { k: true }, { k: 1 }, []),
      e: constantFrom<unknown>("x", "z"),
      f: constantFrom<unknown>(1),
    },
    { requiredKeys: [] },
  );
  assert(
    property(some, (value) => {
      expect("value" in checkValue(schema, value)).toBe(validate(value));
    }),
    { numRuns: 2000 },
  );
  assert(
    property(anything({ values: [string(), double(), integer()] }), (value) => {
      const plain: unknown = JSON.parse(JSON.stringify(value) ?? "null");
      expect("value" in checkValue(schema, plain)).toBe(validate(plain));
    }),
  );
});
