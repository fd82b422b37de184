import {
  array,
  assert,
  bigInt,
  boolean,
  constant,
  constantFrom,
  double,
  integer,
  jsonValue,
  oneof,
  option as maybe,
  property,
  string,
  tuple as tupleOf,
  uint8Array,
  uniqueArray,
} from "fast-check";
import type { Arbitrary } from "fast-check";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import type { JsonValue } from "../../types/index.ts";
import { isGreenticError } from "../../types/index.ts";
import type { ValueType } from "../linker/component-types.ts";
import { fieldName } from "../linker/names.ts";
import { fromWit, hasJson, toWit } from "./wit-json.ts";
import { schemaOfType } from "./wit-schema.ts";
import { list, option, record, result, T } from "./testing/fake-instance.ts";

/** A type and a value that a guest could give of it. */
interface Sample {
  readonly type: ValueType;
  readonly value: unknown;
}

const integers = (kind: "s8" | "u8" | "s16" | "u16" | "s32" | "u32", min: number, max: number): Arbitrary<Sample> =>
  integer({ min, max }).map((value) => ({ type: { kind }, value }));
const leaf: Arbitrary<Sample> = oneof(
  boolean().map((value) => ({ type: T.bool, value })),
  integers("s8", -128, 127),
  integers("u16", 0, 65_535),
  integers("s32", -(2 ** 31), 2 ** 31 - 1),
  integers("u32", 0, 2 ** 32 - 1),
  bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => ({ type: T.u64, value })),
  bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => ({ type: T.s64, value })),
  // JSON text has no negative zero.
  double({ noNaN: true, noDefaultInfinity: true }).map((value) => ({ type: T.f64, value: value + 0 })),
  string().map((value) => ({ type: T.string, value })),
  constantFrom("a", "ß", "🌍").map((value) => ({ type: T.char, value })),
  uint8Array({ maxLength: 9 }).map((value) => ({ type: T.bytes, value })),
  constantFrom("one", "two-words").map((value) => ({
    type: { kind: "enum", names: ["one", "two-words"] } as const,
    value,
  })),
  boolean().map((first) => ({
    type: { kind: "flags", names: ["can-read", "b"] } as const,
    value: { canRead: first, b: !first },
  })),
);
const NAMES = ["a", "b-c", "constructor", "to-string", "proto", "has-own-property", "x9"];

function sample(depth: number): Arbitrary<Sample> {
  if (depth === 0) return leaf;
  const inner = sample(depth - 1);
  const parts: Arbitrary<Sample>[] = [
    leaf,
    tupleOf(
      uniqueArray(constantFrom(...NAMES), { minLength: 1, maxLength: 4 }),
      array(inner, { minLength: 4, maxLength: 4 }),
    ).map(([names, parts]) => ({
      type: record(Object.fromEntries(names.map((name, index) => [name, parts[index]?.type ?? T.bool]))),
      value: Object.fromEntries(names.map((name, index) => [fieldName(name), parts[index]?.value])),
    })),
    array(inner, { minLength: 1, maxLength: 3 }).map((parts) => ({
      type: { kind: "tuple", items: parts.map(({ type }) => type) } as const,
      value: parts.map(({ value }) => value),
    })),
    inner.chain(({ type, value }): Arbitrary<Sample> =>
      type.kind === "u8"
        ? constant({ type, value })
        : array(constant(value), { maxLength: 3 }).map((items) => ({ type: list(type), value: items })),
    ),
    tupleOf(inner, boolean()).map(([{ type, value }, isThere]) =>
      type.kind === "option"
        ? { type: option(type), value: isThere ? { tag: "some", val: value } : { tag: "none" } }
        : { type: option(type), value: isThere ? value : undefined },
    ),
    tupleOf(inner, maybe(inner)).map(([ok, err]) => ({
      type: result(ok.type, err?.type ?? null),
      value: err === null ? { tag: "ok", val: ok.value } : { tag: "err", val: err.value },
    })),
    tupleOf(inner, boolean()).map(([{ type, value }, isBare]) => ({
      type: {
        kind: "variant",
        cases: [
          { name: "bare-one", type: null },
          { name: "with", type },
        ],
      } as const,
      value: isBare ? { tag: "bare-one" } : { tag: "with", val: value },
    })),
  ];
  return oneof(...parts);
}

test("toWit() reverses fromWit() for values of any type, by way of JSON text", () => {
  assert(
    property(sample(3), ({ type, value }) => {
      expect(hasJson(type)).toBe(true);
      const json = JSON.parse(JSON.stringify(fromWit(type, value))) as JsonValue;
      expect(toWit(type, json, "")).toEqual(value);
    }),
    { numRuns: 500 },
  );
});

test("schemaOfType() admits what fromWit() gives", () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  assert(
    property(sample(2), ({ type, value }) => {
      const check = ajv.compile(schemaOfType(type) as object | boolean);
      expect(check(JSON.parse(JSON.stringify(fromWit(type, value)))), JSON.stringify(check.errors)).toBe(true);
    }),
    { numRuns: 150 },
  );
});

test("toWit() makes a value of any JSON or says where it doesn't fit", () => {
  assert(
    property(sample(2), jsonValue({ maxDepth: 4 }), ({ type }, json) => {
      try {
        toWit(type, json as JsonValue, "");
      } catch (error) {
        expect(isGreenticError(error, "COMPONENT_INPUT_INVALID")).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});

describe("toWit()", () => {
  const person = record({ "first-name": T.string, age: option({ kind: "u8" }) });
  test.each([
    [person, { first_name: "A" }, { firstName: "A", age: undefined }],
    [person, { "first-name": "A", age: 3 }, { firstName: "A", age: 3 }],
    [person, { firstName: "A", age: null }, { firstName: "A", age: undefined }],
    [T.u64, "18446744073709551615", 2n ** 64n - 1n],
    [T.bytes, [1, 2], [1, 2]],
    [T.bytes, "AQI", Uint8Array.of(1, 2)],
    [option(option(T.bool)), { some: null }, { tag: "some", val: undefined }],
  ] as const)("takes every spelling: %j of %j", (type, json, value) => {
    expect(toWit(type, json, "")).toEqual(value);
  });

  test.each([
    [person, {}, 'Call component: "/first_name" wants a value, got nothing'],
    [person, { first_name: 1 }, 'Call component: "/first_name" wants a text, got number'],
    [person, { first_name: "A", agee: 1 }, 'Call component: the input has no field "agee"; did you mean "age"?'],
    [person, { first_name: "A", age: 256 }, 'Call component: "/age" wants a number from 0 to 255, got number'],
    [list(person), [{ first_name: "A" }, null], 'Call component: "/1" wants an object, got null'],
    [T.u64, -1, "Call component: the input wants a number from 0 to 18446744073709551615, got number"],
    [T.u64, 0.5, "Call component: the input wants a whole number, got number"],
    [T.bytes, "?", "Call component: the input wants base64, got string"],
    [T.char, "ab", "Call component: the input wants one character, got string"],
    [{ kind: "enum", names: ["a-b"] }, "c", 'Call component: the input wants one of "a-b", got string'],
    [result(null, null), { ok: null, err: null }, "Call component: the input wants an object of one case, got object"],
  ] as const)("names the place: %#", (type, json, message) => {
    expect(() => toWit(type, json, "")).toThrow(expect.objectContaining({ code: "COMPONENT_INPUT_INVALID", message }));
  });
});

test("fromWit() keeps what JSON can't say, as text or null, and bounds what it makes", () => {
  expect(fromWit(T.f64, Number.NaN)).toBe(null);
  expect(fromWit(T.u64, 2n ** 60n)).toBe("1152921504606846976");
  const many = Array.from({ length: 600_000 }, () => true);
  expect(() => fromWit(list(T.bool), many)).toThrow(expect.objectContaining({ code: "COMPONENT_OUTPUT_INVALID" }));
});
