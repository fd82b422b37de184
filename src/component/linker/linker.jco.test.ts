import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { linkComponent, parseComponent } from "./index.ts";
import type { LinkedComponent } from "./index.ts";
import { buildEcho, ECHO_GUEST, ECHO_HOST } from "./testing/echo-component.ts";
import type { JcoComponent } from "./testing/jco-oracle.ts";
import { jcoComponent } from "./testing/jco-oracle.ts";

const DECLARATIONS = `
  record point { x: s32, y-axis: f64 }
  record wide { a: u8, b: string, c: u64, d: list<u8>, e: option<string>, f: point, g: tuple<u16, char>, h: list<point>, i: bool, j: string }
  record tricky { to-string: string, value-of: u32, has-own-property: bool }
  enum color { red, dark-green, blue }
  flags perms { can-read, can-write, can-exec }
  flags many { f0, f1, f2, f3, f4, f5, f6, f7, f8, f9 }
  flags full { b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14, b15, b16, b17, b18, b19, b20, b21, b22, b23, b24, b25, b26, b27, b28, b29, b30, b31 }
  variant shape { none, circle(f32), label(string), big(u64), dot(point), mixed(tuple<f32, u64>) }
  variant floats { a(f32), b(u32), c(f64), d(s64) }
  type alias = list<list<string>>;
`;

const point = { x: -5, yAxis: 2.5 };
const wide = {
  a: 255,
  b: "grün",
  c: 2n ** 63n,
  d: Uint8Array.of(1, 2, 3),
  e: "some",
  f: point,
  g: [65_535, "🌍"],
  h: [point, { x: 1, yAxis: -0.125 }],
  i: true,
  j: "",
};
const flags = (prefix: string, count: number, on: readonly number[]): Record<string, boolean> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index}`, on.includes(index)]));

/** WIT type → values that must come through unchanged. */
const CASES: readonly (readonly [string, readonly unknown[]])[] = [
  ["bool", [true, false]],
  ["u8", [0, 255]],
  ["s8", [-128, 127]],
  ["u16", [0, 65_535]],
  ["s16", [-32_768, 32_767]],
  ["u32", [0, 4_294_967_295]],
  ["s32", [-2_147_483_648, 2_147_483_647]],
  ["u64", [0n, 2n ** 64n - 1n]],
  ["s64", [-(2n ** 63n), 2n ** 63n - 1n]],
  ["f32", [0, -1.5, Number.POSITIVE_INFINITY]],
  ["f64", [0.1, -Number.MAX_VALUE, Number.NEGATIVE_INFINITY]],
  ["char", ["a", "é", "漢", "🌍"]],
  ["string", ["", "ascii", "grün 漢字 🌍 \u0000 end", "x".repeat(5000)]],
  ["point", [point]],
  ["wide", [wide, { ...wide, e: undefined, d: new Uint8Array(0), h: [] }]],
  ["tricky", [{ toString: "own", valueOf: 7, hasOwnProperty: true }]],
  ["color", ["red", "dark-green", "blue"]],
  ["perms", [{ canRead: true, canWrite: false, canExec: true }]],
  ["many", [flags("f", 10, [0, 8, 9])]],
  ["full", [flags("b", 32, [0, 15, 31])]],
  [
    "shape",
    [
      { tag: "none" },
      { tag: "circle", val: 1.5 },
      { tag: "label", val: "ä" },
      { tag: "big", val: 2n ** 60n },
      { tag: "dot", val: point },
      { tag: "mixed", val: [-2.5, 2n ** 64n - 1n] },
    ],
  ],
  [
    "floats",
    [
      { tag: "a", val: -0.5 },
      { tag: "b", val: 4_000_000_000 },
      { tag: "c", val: Math.PI },
      { tag: "d", val: -7n },
    ],
  ],
  ["option<u32>", [undefined, 0, 7]],
  ["option<string>", [undefined, "", "x"]],
  ["option<option<u8>>", [{ tag: "none" }, { tag: "some", val: undefined }, { tag: "some", val: 3 }]],
  ["list<option<point>>", [[undefined, point]]],
  ["tuple<u8, string, f64>", [[1, "two", 3.5]]],
  [
    "tuple<result<u8, string>, u8>",
    [
      [{ tag: "ok", val: 5 }, 1],
      [{ tag: "err", val: "bad" }, 2],
    ],
  ],
  [
    "list<result<_, color>>",
    [
      [
        { tag: "ok", val: undefined },
        { tag: "err", val: "blue" },
      ],
    ],
  ],
  ["list<bool>", [[true, false]]],
  ["list<u8>", [Uint8Array.of(0, 255)]],
  ["list<s16>", [Int16Array.of(-1, 2)]],
  ["list<u32>", [Uint32Array.of(4_294_967_295)]],
  ["list<u64>", [BigUint64Array.of(2n ** 64n - 1n)]],
  ["list<s64>", [BigInt64Array.of(-1n)]],
  ["list<f32>", [Float32Array.of(1.5)]],
  ["list<f64>", [Float64Array.of(0.1, 2)]],
  ["list<char>", [["a", "🌍"]]],
  ["list<string>", [["", "a", "漢"], []]],
  ["alias", [[["a", "b"], [], ["ü"]]]],
  ["list<shape>", [[{ tag: "none" }, { tag: "label", val: "l" }, { tag: "dot", val: point }]]],
  ["list<perms>", [[{ canRead: false, canWrite: true, canExec: false }]]],
  ["list<wide>", [[wide, wide]]],
  ["list<tuple<string, list<u8>>>", [[["k", Uint8Array.of(9)]]]],
];

const TYPES = CASES.map(([type]) => type);

async function echo(linked: LinkedComponent, index: number, value: unknown): Promise<{ seen: unknown; got: unknown }> {
  const state: { seen?: unknown } = {};
  const got = await linked.instantiate(state).call({ interface: ECHO_GUEST, name: `r${index}` }, [value]);
  return { seen: state.seen, got };
}

function link(bytes: Uint8Array, isAsync: boolean): LinkedComponent {
  return linkComponent(parseComponent(bytes), () => ({
    isAsync,
    call(state, [value]) {
      (state as { seen?: unknown }).seen = value;
      return isAsync ? Promise.resolve(value) : value;
    },
  }));
}

describe("every WIT type goes through a guest and back as jco's does", () => {
  let sync: LinkedComponent;
  let asynchronous: LinkedComponent;
  let jco: JcoComponent;

  beforeAll(async () => {
    const bytes = await buildEcho({ declarations: DECLARATIONS, types: TYPES });
    sync = link(bytes, false);
    asynchronous = link(bytes, true);
    jco = await jcoComponent(bytes);
  });
  afterAll(() => jco[Symbol.asyncDispose]());

  test.each(CASES.map(([type, values], index) => ({ type, values, index })))("$type", async ({ values, index }) => {
    for (const value of values) {
      expect(await echo(sync, index, value)).toEqual({ seen: value, got: value });
      expect(await echo(asynchronous, index, value)).toEqual({ seen: value, got: value });
      let seen: unknown;
      const host = Object.fromEntries(CASES.map((_, at) => [`e${at}`, (given: unknown) => ((seen = given), given)]));
      const instance = await jco.instantiate({ [ECHO_HOST]: host });
      const guest = (instance["guest"] ?? instance[ECHO_GUEST]) as Record<string, (value: unknown) => unknown>;
      const got = guest[`r${index}`]?.(value);
      expect({ seen, got }).toEqual({ seen: value, got: value });
    }
  });
});

// jco drops a leading byte order mark and knows no compact-utf16, so these stand without it.
describe("strings in every encoding", () => {
  const TEXTS = ["", "ascii", "latin ÿ", "grün 漢字 🌍", "\ufeffmark", "x".repeat(3000), "é".repeat(3000)];
  test.each(["utf8", "utf16", "compact-utf16"] as const)("%s", async (encoding) => {
    const linked = link(await buildEcho({ declarations: "", types: ["string", "list<string>"], encoding }), false);
    for (const text of TEXTS) expect(await echo(linked, 0, text)).toEqual({ seen: text, got: text });
    expect(await echo(linked, 1, TEXTS)).toEqual({ seen: TEXTS, got: TEXTS });
    expect(await echo(linked, 0, "lone \ud800")).toEqual({ seen: "lone \ufffd", got: "lone \ufffd" });
  });
});
