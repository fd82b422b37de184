import {
  array,
  assert,
  bigInt,
  boolean,
  constant,
  constantFrom,
  dictionary,
  integer,
  letrec,
  nat,
  oneof,
  property,
  record,
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

test("decodeCbor() accepts of a broken encoding only what encodeCbor() writes", () => {
  const breaks = array(record({ at: nat(), to: nat(255), way: constantFrom("set", "delete", "double") }), {
    minLength: 1,
    maxLength: 3,
  });
  assert(
    property(value, breaks, (original, changes) => {
      let bytes = Buffer.from(encodeCbor(original));
      for (const { at, to, way } of changes) {
        const here = at % (bytes.length + 1);
        const middle = way === "set" ? [to] : way === "double" ? [...bytes.subarray(here, here + 1), to] : [];
        bytes = Buffer.concat([bytes.subarray(0, here), Uint8Array.from(middle), bytes.subarray(here + 1)]);
      }
      let decoded: CborValue;
      try {
        decoded = decodeCbor(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(GreenticError);
        return;
      }
      expect(Buffer.from(encodeCbor(decoded)).equals(bytes)).toBe(true);
    }),
    { numRuns: 5000 },
  );
});
