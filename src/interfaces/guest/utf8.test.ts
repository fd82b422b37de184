import { assert, property, string, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

test("encodeUtf8() agrees with TextEncoder on any text", () => {
  assert(
    property(string({ unit: "binary" }), (text) => {
      expect(encodeUtf8(text)).toEqual(new Uint8Array(new TextEncoder().encode(text)));
    }),
  );
});

test("decodeUtf8() agrees with TextDecoder on any bytes", () => {
  assert(
    property(uint8Array(), (bytes) => {
      expect(decodeUtf8(bytes)).toBe(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
    }),
    { numRuns: 2000 },
  );
});
