import { createHash, createHmac } from "node:crypto";
import { assert, constantFrom, property, string, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { digest, fromBase64, hmac, isEqualText, toBase64, toHex } from "./digest.ts";

test("digest() and hmac() agree with the machine's for any bytes", () => {
  const name = constantFrom("sha256" as const, "sha1" as const);
  assert(
    property(name, uint8Array({ maxLength: 300 }), uint8Array({ maxLength: 200 }), (name, data, key) => {
      expect(toHex(digest(name, data))).toBe(createHash(name).update(data).digest("hex"));
      expect(toBase64(hmac(name, key, data))).toBe(createHmac(name, key).update(data).digest("base64"));
    }),
    { numRuns: 300 },
  );
});

test("fromBase64() reverses toBase64(), padded or not, in either alphabet", () => {
  assert(
    property(uint8Array({ maxLength: 200 }), (bytes) => {
      expect(fromBase64(toBase64(bytes))).toEqual(bytes);
      expect(fromBase64(Buffer.from(bytes).toString("base64url"))).toEqual(bytes);
    }),
  );
});

test("isEqualText() is equality", () => {
  assert(
    property(string(), string(), (a, b) => {
      expect(isEqualText(a, b)).toBe(a === b);
      expect(isEqualText(a, a)).toBe(true);
    }),
  );
});
