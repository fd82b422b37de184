import { encode, rfc8949EncodeOptions } from "cborg";
import { array, assert, dictionary, jsonValue, property, string, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeCborJson, encodeCborJson } from "./cbor-json.ts";
import { GreenticError } from "./errors.ts";
import type { JsonValue } from "./json.ts";

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text);
const json = jsonValue({ maxDepth: 5 }).map((value) => JSON.parse(JSON.stringify(value)) as JsonValue);

test("decodeCborJson() reverses encodeCborJson() for any JSON", () => {
  assert(
    property(json, (value) => {
      expect(decodeCborJson(encodeCborJson(value))).toEqual(value);
    }),
  );
});

test("encodeCborJson() writes the bytes that cborg writes", () => {
  assert(
    property(json, array(dictionary(string(), json)), (value, records) => {
      for (const one of [value, ...records]) {
        expect(Buffer.from(encodeCborJson(one))).toEqual(Buffer.from(encode(one, rfc8949EncodeOptions)));
      }
    }),
  );
});

test("decodeCborJson() ends any bytes in a value or its typed error", () => {
  assert(
    property(uint8Array({ maxLength: 80 }), (bytes) => {
      try {
        JSON.stringify(decodeCborJson(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(GreenticError);
      }
    }),
    { numRuns: 3000 },
  );
});

test.each([
  ["an indefinite list", "9f0102ff", [1, 2]],
  ["an indefinite map", "bf616101ff", { a: 1 }],
  ["text in chunks", "7f61616162ff", "ab"],
  ["bytes as base64", "43010203", "AQID"],
  ["bytes in chunks", "5f41014102ff", "AQI="],
  ["undefined", "f7", null],
  ["another simple value", "f8ff", null],
  ["half, single and double floats", "83f93e00fa47c35000fb3ff199999999999a", [1.5, 100_000, 1.1]],
  ["floats that aren't finite", "83f97e00f97c00f9fc00", [null, null, null]],
  ["2^53 - 1", "1b001fffffffffffff", Number.MAX_SAFE_INTEGER],
  ["2^64 - 1 as text", "1bffffffffffffffff", "18446744073709551615"],
  ["-2^64 as text", "3bffffffffffffffff", "-18446744073709551616"],
  ["big numbers", "82c249010000000000000000c3410a", ["18446744073709551616", -11]],
  ["an empty big number", "c240", 0],
  ["tags", "d9d9f7c074323031332d30332d32315432303a30343a30305a", "2013-03-21T20:04:00Z"],
  ["keys that are numbers and booleans", "a301616120616203f4", { "1": "a", "-1": "b", "3": false }],
  ["long heads", "98021800190000", [0, 0]],
])("decodeCborJson() takes %s", (_what, text, value) => {
  expect(decodeCborJson(hex(text))).toEqual(value);
});

test.each([
  ["nothing", "", "TYPES_CBOR_INVALID"],
  ["bytes behind the value", "0000", "TYPES_CBOR_INVALID"],
  ["a cut head", "1b00", "TYPES_CBOR_INVALID"],
  ["a cut string", "6261", "TYPES_CBOR_INVALID"],
  ["a huge list", "9b00ffffffffffffff", "TYPES_CBOR_INVALID"],
  ["a huge map", "bbffffffffffffffff", "TYPES_CBOR_INVALID"],
  ["a huge string", "7bffffffffffffffff", "TYPES_CBOR_INVALID"],
  ["an endless list", "9f01", "TYPES_CBOR_INVALID"],
  ["an endless string", "7f6161", "TYPES_CBOR_INVALID"],
  ["a chunk of another type", "7f4161ff", "TYPES_CBOR_INVALID"],
  ["half a letter in a chunk", "7f61c361bcff", "TYPES_CBOR_INVALID"],
  ["text that isn't UTF-8", "61ff", "TYPES_CBOR_INVALID"],
  ["a break alone", "ff", "TYPES_CBOR_INVALID"],
  ["a break for a value", "bf6161ff", "TYPES_CBOR_INVALID"],
  ["a reserved head", "1c", "TYPES_CBOR_INVALID"],
  ["a list as a key", "a18001", "TYPES_CBOR_INVALID"],
  ["a key twice", "a2616101616102", "TYPES_CBOR_INVALID"],
  ["a key twice in two types", "a26131010102", "TYPES_CBOR_INVALID"],
  ["an endless integer", "1f", "TYPES_CBOR_INVALID"],
  ["a simple value in two bytes", "f814", "TYPES_CBOR_INVALID"],
  ["a big number that is text", "c26131", "TYPES_CBOR_INVALID"],
])("decodeCborJson() refuses %s", (_what, text, code) => {
  expect(() => decodeCborJson(hex(text))).toThrow(expect.objectContaining({ code }));
});

describe("bounds", () => {
  const nested = (byte: number, depth: number): Uint8Array => Buffer.concat([Buffer.alloc(depth, byte), hex("00")]);
  test.each([0x81, 0xc1, 0x9f])("depth, of head %i", (byte) => {
    expect(() => decodeCborJson(nested(byte, 100_000))).toThrow(
      expect.objectContaining({ code: "TYPES_CBOR_TOO_DEEP" }),
    );
  });
  test("64 levels are fine, 65 are not", () => {
    expect(() => decodeCborJson(nested(0x81, 64))).not.toThrow();
    expect(() => decodeCborJson(nested(0x81, 65))).toThrow(expect.objectContaining({ code: "TYPES_CBOR_TOO_DEEP" }));
  });
  test("items, bytes and the size of a number", () => {
    const code = "TYPES_CBOR_TOO_LARGE";
    const list = Buffer.concat([hex("9a00100000"), Buffer.alloc(1 << 20, 0x80)]);
    expect(() => decodeCborJson(list)).toThrow(expect.objectContaining({ code }));
    const chunks = Buffer.concat([hex("7f"), Buffer.alloc(1 << 20, 0x60), hex("ff")]);
    expect(() => decodeCborJson(chunks)).toThrow(expect.objectContaining({ code }));
    expect(() => decodeCborJson(hex("820102"), { maxBytes: 2 })).toThrow(expect.objectContaining({ code }));
    const number = Buffer.concat([hex("c2590800"), Buffer.alloc(0x800, 0xff)]);
    expect(() => decodeCborJson(number)).toThrow(expect.objectContaining({ code }));
  });
});

test("decodeCborJson() keeps __proto__ a name like any other", () => {
  const value = decodeCborJson(hex("a1695f5f70726f746f5f5fa168706f6c6c75746564f5"));
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect(Object.keys(value as object)).toEqual(["__proto__"]);
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  expect(Buffer.from(encodeCborJson(value)).toString("hex")).toBe("a1695f5f70726f746f5f5fa168706f6c6c75746564f5");
});
