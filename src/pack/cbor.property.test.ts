import {
  array,
  assert,
  bigInt,
  boolean,
  constant,
  dictionary,
  integer,
  letrec,
  oneof,
  property,
  string,
  uint8Array,
} from "fast-check";
import { expect, test } from "vitest";
import { GreenticError } from "../types/index.ts";
import { decodeCbor, encodeCbor } from "./cbor.ts";
import type { CborValue } from "./cbor.ts";

const { value } = letrec<{ value: CborValue }>((tie) => ({
  value: oneof(
    { maxDepth: 4 },
    integer(),
    bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
    string({ unit: "grapheme" }).filter((text) => text.isWellFormed()),
    boolean(),
    constant(null),
    uint8Array({ maxLength: 40 }),
    array(tie("value"), { maxLength: 5 }),
    dictionary(string({ unit: "grapheme-ascii", maxLength: 8 }), tie("value"), { maxKeys: 5 }).map(
      (o) => new Map(Object.entries(o)),
    ),
  ),
}));

test("decodeCbor() reverses encodeCbor() for any value", () => {
  assert(
    property(value, (original) => {
      expect(decodeCbor(encodeCbor(original))).toEqual(original);
    }),
  );
});

test("decodeCbor() accepts only what encodeCbor() writes, for any bytes", () => {
  assert(
    property(uint8Array({ maxLength: 60 }), (bytes) => {
      let decoded: CborValue;
      try {
        decoded = decodeCbor(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(GreenticError);
        return;
      }
      expect(encodeCbor(decoded)).toEqual(bytes);
    }),
    { numRuns: 2000 },
  );
});
