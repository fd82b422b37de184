import { assert, constantFrom, array, jsonValue, option, property, tuple } from "fast-check";
import { expect, test } from "vitest";
import { stateKey } from "../types/index.ts";
import type { JsonValue } from "../types/index.ts";
import { isJsonWithin, STATE_KEYS_MAX, STATE_VALUE_MAX_BYTES, WorkingSet } from "./index.ts";

const name = (key: string) => stateKey("flow", key);

test("WorkingSet reads its own writes and leaves the base alone", () => {
  const base = new Map<string, JsonValue>([
    ["flow/a", 1],
    ["flow/b", null],
    ["other/a", 9],
  ]);
  const set = new WorkingSet(base);
  set.set(name("a"), { x: 2 });
  expect(set.get(name("a"))).toEqual({ x: 2 });
  expect(set.has(name("b"))).toBe(true);
  expect(set.delete(name("b"))).toBe(true);
  expect(set.delete(name("b"))).toBe(false);
  expect(set.has(name("b"))).toBe(false);
  set.set(name("c"), "new");
  expect(set.delete(name("c"))).toBe(true);
  expect(set.entries("flow")).toEqual(new Map([["a", { x: 2 }]]));
  expect(set.size).toBe(2);
  expect(set.changes()).toEqual([
    { key: "flow/a", value: { x: 2 } },
    { key: "flow/b", value: undefined },
  ]);
  expect(base.get("flow/a")).toBe(1);
});

test("WorkingSet agrees with a map after any writes, and its changes lead there from the base", () => {
  const key = constantFrom("a", "b", "c", "d");
  assert(
    property(
      array(tuple(key, jsonValue())),
      array(tuple(key, option(jsonValue(), { nil: undefined }))),
      (old, writes) => {
        const base = new Map(old.map(([k, v]) => [`flow/${k}`, v as JsonValue]));
        const model = new Map(base);
        const set = new WorkingSet(base);
        for (const [k, value] of writes) {
          if (value === undefined) {
            expect(set.delete(name(k))).toBe(model.delete(`flow/${k}`));
          } else {
            set.set(name(k), value as JsonValue);
            model.set(`flow/${k}`, value as JsonValue);
          }
          expect(set.size).toBe(model.size);
        }
        for (const k of ["a", "b", "c", "d"]) expect(set.get(name(k))).toEqual(model.get(`flow/${k}`));
        const replayed = new Map(base);
        for (const { key, value } of set.changes()) {
          if (value === undefined) replayed.delete(key);
          else replayed.set(key, value);
        }
        expect(replayed).toEqual(model);
      },
    ),
  );
});

test("set() refuses values above the size or depth cap", () => {
  const set = new WorkingSet(new Map());
  const largest = "x".repeat(STATE_VALUE_MAX_BYTES - 2);
  set.set(name("largest"), largest);
  expect(() => set.set(name("a"), `${largest}x`)).toThrow(expect.objectContaining({ code: "STATE_VALUE_TOO_LARGE" }));
  expect(() => set.set(name("a"), "ä".repeat(STATE_VALUE_MAX_BYTES / 2))).toThrow(
    expect.objectContaining({ code: "STATE_VALUE_TOO_LARGE" }),
  );
  let deep: JsonValue = 1;
  for (let level = 0; level < 100_000; level++) deep = [deep];
  expect(() => set.set(name("a"), deep)).toThrow(expect.objectContaining({ code: "STATE_VALUE_TOO_LARGE" }));
  expect(set.changes().map(({ key }) => key)).toEqual(["flow/largest"]);
});

test("set() refuses a key too many, and deleting one makes room", () => {
  const base = new Map(Array.from({ length: STATE_KEYS_MAX }, (_, n) => [`flow/${n}`, n]));
  const set = new WorkingSet(base);
  set.set(name("7"), "may change");
  expect(() => set.set(name("new"), 1)).toThrow(expect.objectContaining({ code: "STATE_KEYS_TOO_MANY" }));
  set.delete(name("8"));
  set.set(name("new"), 1);
  expect(set.size).toBe(STATE_KEYS_MAX);
});

test("isJsonWithin() never admits what JSON.stringify makes longer", () => {
  assert(
    property(jsonValue(), (value) => {
      const size = Buffer.byteLength(JSON.stringify(value));
      const bounds = (maxBytes: number) => ({ maxBytes, maxDepth: 64 });
      expect(isJsonWithin(value as JsonValue, bounds(size))).toBe(true);
      expect(isJsonWithin(value as JsonValue, bounds(size - 1))).toBe(false);
    }),
  );
});

test("a working set that somebody lets grow asks what it would take beside what there was, and shrinks unasked", () => {
  const asked: number[] = [];
  const base = new Map<string, JsonValue>([["flow/old", "x".repeat(98)]]);
  const working = new WorkingSet(base, (bytes) => {
    asked.push(bytes);
    if (bytes > 50) throw new RangeError("no room");
  });
  working.set(stateKey("flow", "old"), "x".repeat(58));
  expect([working.grownBytes, asked]).toEqual([-40, []]);
  // Less than there was at first, whatever it is next.
  working.set(stateKey("flow", "old"), "x".repeat(78));
  expect([working.grownBytes, asked]).toEqual([-20, []]);
  working.set(stateKey("flow", "ü"), "y".repeat(41));
  expect([working.grownBytes, asked]).toEqual([30, [30]]);
  expect(() => working.set(stateKey("flow", "b"), "z".repeat(40))).toThrow("no room");
  expect(() =>
    working.admit([
      { prefix: "flow", key: "b", value: 1 },
      { prefix: "flow", key: "c", value: "z".repeat(9) },
    ]),
  ).toThrow("no room");
  working.admit([{ prefix: "flow", key: "old" }]);
  expect([working.grownBytes, working.has(stateKey("flow", "b"))]).toEqual([30, false]);
  working.set(stateKey("flow", "b"), "z".repeat(40), { isLetIn: true });
  expect(working.grownBytes).toBe(78);
  expect(working.delete(stateKey("flow", "b"))).toBe(true);
  expect(working.grownBytes).toBe(30);
});
