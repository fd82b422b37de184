import { parse } from "@bytecodealliance/jco";
import { beforeAll, describe, expect, test } from "vitest";
import { FUEL_EXPORT, instrumentModule, MEMORY_EXPORT } from "./fuel-meter.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import type { CoreFunction, WasmGlobal, WasmInstance } from "./wasm.ts";
import { wasm } from "./wasm.ts";

/** Something of every family of instructions that is allowed. */
const MODULE = `(module
  (type $binary (func (param i32 i32) (result i32)))
  (import "e" "f" (func $host (param i32) (result i32)))
  (memory (export "memory") 1 4)
  (table $t 4 10 funcref)
  (global $g (mut i64) (i64.const -9))
  (elem (i32.const 0) func $add $sub)
  (elem $passive func $add)
  (data (i32.const 0) "abcdefgh")
  (data $later "xyz")
  (func $add (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func $sub (type $binary) (i32.sub (local.get 0) (local.get 1)))
  (func (export "loops") (param $n i32) (result i64) (local $sum i64)
    (loop $outer
      (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (call $host (local.get $n)))))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $outer (local.get $n)))
    (global.set $g (local.get $sum)) (global.get $g))
  (func (export "values") (param i32) (result i32)
    (local.get 0) (i32.const 1)
    (loop $l (param i32 i32) (result i32)
      (i32.add) (local.tee 0) (i32.const 3) (br_if $l (i32.lt_s (local.get 0) (i32.const 20))) (drop)))
  (func (export "branches") (param i32) (result i32)
    (block $c (block $b (block $a (br_table $a $b $c (local.get 0))) (return (i32.const 10))) (return (i32.const 20)))
    (if (result i32) (i32.gt_u (local.get 0) (i32.const 5)) (then (i32.const 30)) (else (i32.const 40))))
  (func (export "indirect") (param i32) (result i32)
    (call_indirect $t (type $binary) (i32.const 9) (i32.const 4) (local.get 0)))
  (func (export "tail") (param i32 i32) (result i32) (return_call $sub (local.get 0) (local.get 1)))
  (func (export "bulk") (param i32) (result i32) (local f64)
    (memory.init $later (i32.const 100) (i32.const 0) (i32.const 3)) (data.drop $later)
    (memory.copy (i32.const 200) (i32.const 0) (local.get 0))
    (memory.fill (i32.const 204) (i32.const 1) (i32.const 2))
    (table.init $t $passive (i32.const 3) (i32.const 0) (i32.const 1)) (elem.drop $passive)
    (table.copy (i32.const 2) (i32.const 0) (i32.const 2))
    (table.set $t (i32.const 0) (ref.null func))
    (drop (table.grow $t (ref.func $add) (i32.const 1)))
    (i32.add (i32.load (i32.const 204)) (i32.add (table.size $t) (memory.grow (i32.const 1)))))
  (func (export "numbers") (param f64) (result f64)
    (f64.add (local.get 0) (f64.convert_i32_s (i32.trunc_sat_f64_s (select (f64.const 2.5) (f64.const 1e300) (i32.const 0))))))
  (func (export "vectors") (result i32)
    (v128.store (i32.const 400) (i8x16.shuffle 0 17 2 19 4 21 6 23 8 25 10 27 12 29 14 31
      (v128.const i32x4 1 2 3 4) (v128.load8_lane 3 (i32.const 0) (v128.const i64x2 5 6))))
    (i32.add (i32x4.extract_lane 1 (v128.load (i32.const 400)))
      (i32x4.extract_lane 2 (i32x4.add (v128.const i32x4 9 9 9 9) (v128.load32_splat (i32.const 0)))))))`;

const CALLS: readonly (readonly [string, readonly unknown[]])[] = [
  ["loops", [1000]],
  ["values", [2]],
  ["branches", [0]],
  ["branches", [1]],
  ["branches", [7]],
  ["indirect", [0]],
  ["indirect", [1]],
  ["tail", [9, 2]],
  ["bulk", [8]],
  ["numbers", [0.5]],
  ["vectors", []],
];

describe("instrumentModule()", () => {
  let original: Uint8Array;
  let instrumented: Uint8Array;
  const start = (bytes: Uint8Array): WasmInstance =>
    new wasm.Instance(new wasm.Module(bytes), { e: { f: (value: unknown) => Number(value) * 2 } });
  const results = (instance: WasmInstance): unknown =>
    CALLS.map(([name, args]) => (instance.exports[name] as CoreFunction)(...args));

  beforeAll(async () => {
    original = await parse(MODULE);
    instrumented = instrumentModule(original, DEFAULT_LIMITS).bytes;
  });

  test("changes nothing that the module computes", () => {
    expect(results(start(instrumented))).toEqual(results(start(original)));
  });

  test("charges the same for the same, and for every round of a loop", () => {
    const used = (rounds: number): bigint => {
      const { exports } = start(instrumented);
      const fuel = exports[FUEL_EXPORT] as WasmGlobal;
      const before = fuel.value as bigint;
      (exports["loops"] as CoreFunction)(rounds);
      return before - (fuel.value as bigint);
    };
    expect(used(10)).toBe(used(10));
    expect(used(30) - used(20)).toBe(used(20) - used(10));
    expect(used(20) - used(10)).toBeGreaterThanOrEqual(10n * 10n);
  });

  test("stops a module without a host that refuels it", () => {
    const { exports } = start(instrumentModule(original, { ...DEFAULT_LIMITS, startFuel: 500 }).bytes);
    expect(() => (exports["loops"] as CoreFunction)(1000)).toThrow(wasm.RuntimeError);
  });

  test("shows a memory that the module keeps to itself", async () => {
    const hidden = instrumentModule(await parse(`(module (memory 3))`), DEFAULT_LIMITS);
    expect(hidden.info).toEqual({ isMetered: false, definesMemory: true, hasStart: false });
    const memory = start(hidden.bytes).exports[MEMORY_EXPORT] as { readonly buffer: ArrayBuffer };
    expect(memory.buffer.byteLength).toBe(3 * 65_536);
  });
});
