import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { decodeCbor, encodeCbor } from "./cbor.ts";

const VECTORS = resolve(import.meta.dirname, "../../../shared/vectors/cbor_appendix_a.json");
const hex = (text: string): Uint8Array => Uint8Array.fromHex(text);

test.skipIf(!existsSync(VECTORS))("decodeCbor() accepts exactly the canonical examples of RFC 8949 appendix A", () => {
  const examples = JSON.parse(readFileSync(VECTORS, "utf8")) as readonly {
    readonly hex: string;
    readonly decoded?: unknown;
  }[];
  const accepted = examples.filter((example) => {
    try {
      const value = decodeCbor(hex(example.hex));
      expect(encodeCbor(value)).toEqual(hex(example.hex));
      return true;
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^PACK_CBOR_/) as string });
      return false;
    }
  });
  const excluded = /^(?:c|d|f[^456]|[579b]f)|^8.*[9b]f.*ff/;
  expect(accepted.map((e) => e.hex)).toEqual(examples.filter((e) => !excluded.test(e.hex)).map((e) => e.hex));
  expect(accepted.length).toBeGreaterThan(30);
});

test.each([
  ["nothing", "", "PACK_CBOR_INVALID"],
  ["bytes after the value", "0000", "PACK_CBOR_INVALID"],
  ["a head that is cut", "19ff", "PACK_CBOR_INVALID"],
  ["a string that is cut", "6261", "PACK_CBOR_INVALID"],
  ["a list that is cut", "8201", "PACK_CBOR_INVALID"],
  ["a map without its value", "a161", "PACK_CBOR_INVALID"],
  ["a huge announced length", "5b7fffffffffffffff", "PACK_CBOR_INVALID"],
  ["a huge announced list", "9b00ffffffffffffff", "PACK_CBOR_INVALID"],
  ["a huge announced map", "bbffffffffffffffff", "PACK_CBOR_INVALID"],
  ["reserved heads", "1c", "PACK_CBOR_INVALID"],
  ["a break without a beginning", "ff", "PACK_CBOR_NOT_DETERMINISTIC"],
  ["text that isn't UTF-8", "61ff", "PACK_CBOR_INVALID"],
  ["an overlong form in text", "62c080", "PACK_CBOR_INVALID"],
  ["half a surrogate pair in text", "63eda080", "PACK_CBOR_INVALID"],
  ["a long form of a small number", "1817", "PACK_CBOR_NOT_DETERMINISTIC"],
  ["a long form of 255", "1900ff", "PACK_CBOR_NOT_DETERMINISTIC"],
  ["a long form of 65535", "1a0000ffff", "PACK_CBOR_NOT_DETERMINISTIC"],
  ["a long form of 2^32-1", "1b00000000ffffffff", "PACK_CBOR_NOT_DETERMINISTIC"],
  ["a long form of a length", "580161", "PACK_CBOR_NOT_DETERMINISTIC"],
  ["a list as a key", "a18001", "PACK_CBOR_NOT_DETERMINISTIC"],
  ["a map as a key", "a1a001", "PACK_CBOR_NOT_DETERMINISTIC"],
  ["keys out of order", "a2616201616102", "PACK_CBOR_NOT_DETERMINISTIC"],
  ["length-first order where bytewise differs", "a261300119010002", "PACK_CBOR_NOT_DETERMINISTIC"],
  ["a key twice", "a2616101616102", "PACK_CBOR_INVALID"],
  ["a float", "fb3ff199999999999a", "PACK_CBOR_NOT_DETERMINISTIC"],
  ["NaN", "f97e00", "PACK_CBOR_NOT_DETERMINISTIC"],
  ["undefined", "f7", "PACK_CBOR_NOT_DETERMINISTIC"],
  ["a tag", "c000", "PACK_CBOR_NOT_DETERMINISTIC"],
  ["an indefinite list", "9fff", "PACK_CBOR_NOT_DETERMINISTIC"],
])("decodeCbor() refuses %s", (_what, text, code) => {
  expect(() => decodeCbor(hex(text))).toThrow(expect.objectContaining({ code }));
});

test("decodeCbor() takes 32 levels and refuses 33, or 20,000 that would overflow a stack", () => {
  const nested = (depth: number): Uint8Array => Buffer.concat([Buffer.alloc(depth, 0x81), hex("00")]);
  expect(() => decodeCbor(nested(32))).not.toThrow();
  for (const depth of [33, 20_000])
    expect(() => decodeCbor(nested(depth))).toThrow(expect.objectContaining({ code: "PACK_CBOR_TOO_DEEP" }));
});

test("decodeCbor() makes maps, so that no key reaches a prototype", () => {
  const value = decodeCbor(encodeCbor(new Map([["__proto__", new Map([["polluted", true]])]])));
  expect(value).toEqual(new Map([["__proto__", new Map([["polluted", true]])]]));
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

test("encodeCbor() refuses floats", () => {
  expect(() => encodeCbor(0.5)).toThrow(expect.objectContaining({ code: "PACK_CBOR_NOT_DETERMINISTIC" }));
});
