import type { Arbitrary } from "fast-check";
import {
  array,
  assert,
  asyncProperty,
  bigInt,
  boolean,
  constant,
  constantFrom,
  double,
  float,
  integer,
  nat,
  oneof,
  option,
  record,
  string,
  tuple,
  uint8Array,
} from "fast-check";
import { parse } from "@bytecodealliance/jco";
import { beforeAll, describe, expect, test } from "vitest";
import { linkComponent, parseComponent, Trap } from "./index.ts";
import type { LinkedComponent } from "./index.ts";
import { isGreenticError } from "../../types/index.ts";
import { buildEcho, ECHO_GUEST } from "./testing/echo-component.ts";
import { randomSource } from "./testing/random-source.ts";
import { watOf } from "./testing/wat-component.ts";

const text = string({ unit: "grapheme", maxLength: 40 });
const char = string({ unit: "grapheme", minLength: 1, maxLength: 1 }).map((value) =>
  String.fromCodePoint(value.codePointAt(0) ?? 0),
);
const tagged = (tag: string, val: Arbitrary<unknown>): Arbitrary<unknown> => val.map((value) => ({ tag, val: value }));
const point = record({ x: integer(), yAxis: double({ noNaN: true }) });
const u64 = bigInt({ min: 0n, max: 2n ** 64n - 1n });

const DECLARATIONS = `
  record point { x: s32, y-axis: f64 }
  enum color { red, green }
  flags perms { can-read, can-write, can-exec }
  variant shape { none, circle(f32), label(string), big(u64), dot(point), pair(tuple<f32, u64>) }
  record nested { shapes: list<shape>, by-name: list<tuple<string, option<point>>>, raw: list<u8>, c: color, p: perms }
`;

const shape = oneof(
  constant({ tag: "none" }),
  tagged("circle", float({ noNaN: true })),
  tagged("label", text),
  tagged("big", u64),
  tagged("dot", point),
  tagged("pair", tuple(float({ noNaN: true }), u64)),
);
const perms = record({ canRead: boolean(), canWrite: boolean(), canExec: boolean() });
const nested = record({
  shapes: array(shape, { maxLength: 5 }),
  byName: array(tuple(text, option(point, { nil: undefined })), { maxLength: 5 }),
  raw: uint8Array(),
  c: constantFrom("red", "green"),
  p: perms,
});

const CASES: readonly (readonly [string, Arbitrary<unknown>])[] = [
  ["u8", nat(255)],
  ["s16", integer({ min: -32_768, max: 32_767 })],
  ["u32", nat(4_294_967_295)],
  ["u64", u64],
  ["s64", bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  ["f32", float({ noNaN: true })],
  ["f64", double({ noNaN: true })],
  ["char", char],
  ["string", text],
  ["shape", shape],
  ["perms", perms],
  ["nested", nested],
  ["list<string>", array(text)],
  ["option<shape>", option(shape, { nil: undefined })],
  ["tuple<result<point, string>, u8>", tuple(oneof(tagged("ok", point), tagged("err", text)), nat(255))],
  [
    "list<option<option<u16>>>",
    array(oneof(constant({ tag: "none" }), tagged("some", option(nat(65_535), { nil: undefined })))),
  ],
];

describe("a value that goes to a guest, to the host and back", () => {
  let linked: LinkedComponent;
  beforeAll(async () => {
    const bytes = await buildEcho({ declarations: DECLARATIONS, types: CASES.map(([type]) => type) });
    linked = linkComponent(parseComponent(bytes), () => ({ isAsync: false, call: (_state, [value]) => value }));
  });

  test.each(CASES.map(([type, values], index) => ({ type, values, index })))(
    "$type is the same",
    async ({ values, index }) => {
      const instance = linked.instantiate(undefined);
      const ref = { interface: ECHO_GUEST, name: `r${index}` };
      await assert(
        asyncProperty(values, async (value) => {
          expect(await instance.call(ref, [value])).toEqual(value);
        }),
      );
    },
  );
});

/** Parses, links and calls whatever it is; gives what it threw where that is not of an expected type. */
async function survive(bytes: Uint8Array): Promise<unknown> {
  try {
    const linked = linkComponent(parseComponent(bytes), () => ({ isAsync: false, call: (_state, [value]) => value }));
    const deadlineAtMs = performance.now() + 20;
    const instance = linked.instantiate(undefined, { deadlineAtMs, limits: { maxFuel: 20_000_000 } });
    for (const ref of linked.exports) {
      await instance
        .call(
          ref,
          ref.type.params.map(() => 1),
        )
        .catch((error: unknown) => {
          if (!(error instanceof Trap) && !(error instanceof TypeError && !error.message.includes("plan"))) throw error;
        });
    }
    return undefined;
  } catch (error) {
    return isGreenticError(error) || error instanceof Trap ? undefined : error;
  }
}

describe("broken binaries are refused with an error of their own", () => {
  const subjects: Uint8Array[] = [];
  beforeAll(async () => {
    subjects.push(await buildEcho({ declarations: DECLARATIONS, types: ["nested", "u8"] }));
    subjects.push(
      await parse(
        watOf({
          before: `(import "f" (func $f (result u32))) (core func $g (canon lower (func $f)))`,
          core: `(import "h" "f" (func $f (result i32))) (table 3 funcref) (global i32 (i32.const 1))
            (func (export "run") (param i32) (result i32) (local i64)
              (block (loop (br_if 1 (call $f)) (br_table 0 1 (local.get 0)))) (call $f))`,
          withs: `(with "h" (instance (export "f" (func $g))))`,
          type: `(param "n" u32) (result u32)`,
        }),
      ),
    );
  });

  test("wherever they end", async () => {
    for (const bytes of subjects) {
      for (let length = 0; length < bytes.length; length++) {
        expect(await survive(bytes.subarray(0, length))).toBeUndefined();
      }
    }
  });

  test("whatever byte is another", async () => {
    const random = randomSource(20_261_121);
    for (let round = 0; round < 3000; round++) {
      const original = subjects[round % subjects.length] ?? new Uint8Array();
      const bytes = original.slice();
      for (let count = random(3); count >= 0; count--) bytes[8 + random(bytes.length - 8)] = random(256);
      const problem = await survive(bytes);
      expect(problem, `round ${round}`).toBeUndefined();
    }
  });
});
