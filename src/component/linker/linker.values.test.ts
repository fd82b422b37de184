import { parse } from "@bytecodealliance/jco";
import { describe, expect, test } from "vitest";
import { linkComponent, parseComponent } from "./index.ts";
import { ALLOCATOR } from "./testing/echo-component.ts";
import { instantiateWat, RUN, WITH_MEMORY } from "./testing/wat-component.ts";
import { relay } from "./testing/fixtures.ts";
import { verifies } from "../../../test/verifies.ts";

const ENCODINGS = ["utf8", "utf16", "latin1+utf16"];
const PAIRS = ENCODINGS.flatMap((outer) => ENCODINGS.map((inner) => [outer, inner] as const));

describe("a string goes from host to guest to guest and back", () => {
  const TEXTS = [
    "",
    "ascii",
    "latin ÿ é",
    "漢字 🌍",
    "\ufeffmark",
    "é".repeat(3000),
    "🌍".repeat(1000),
    `${"a".repeat(999)}€`,
  ];
  test.each(PAIRS)("in %s and %s", async (outer, inner) => {
    verifies("component.canonical-abi");
    const linked = linkComponent(parseComponent(await parse(relay(outer, inner))), () => undefined);
    for (const text of TEXTS) expect(await linked.instantiate(undefined).call(RUN, [text])).toBe(text);
  });
});

describe("a string that lies about its encoding stops the guest", () => {
  const memory = (bytes: string): string => `(memory (export "memory") 1) (data (i32.const 32) "${bytes}")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "run") (param i32 i32) (result i32)
      (i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1)) (i32.const 0))`;
  test.each([
    ["an odd pointer", "utf16", "ab", 33, 1],
    ["a lone surrogate", "utf16", "\\00\\d8a\\00", 32, 2],
    ["two surrogates the wrong way round", "utf16", "\\00\\dc\\00\\d8", 32, 2],
    ["beyond the memory", "utf16", "", 65_534, 2],
    ["an odd latin1 pointer", "latin1+utf16", "ab", 33, 1],
    ["a lone surrogate behind the tag", "latin1+utf16", "\\00\\d8a\\00", 32, 0x8000_0002],
    ["a tagged length that is too large", "latin1+utf16", "", 32, 0xffff_ffff],
    ["an overlong form", "utf8", "\\c0\\80", 32, 2],
    ["a truncated character", "utf8", "\\f0\\9f\\8c", 32, 3],
  ])("%s in %s", async (_what, encoding, bytes, pointer, length) => {
    const instance = await instantiateWat({
      core: memory(bytes),
      type: `(param "p" u32) (param "n" u32) (result string)`,
      options: `${WITH_MEMORY} string-encoding=${encoding}`,
    });
    await expect(instance.call(RUN, [pointer, length])).rejects.toMatchObject({ name: "Trap", reason: "abi" });
  });
});

describe("a NaN carries nothing from guest to guest", () => {
  const through = async (type: string, core: string): Promise<bigint> => {
    const instance = await instantiateWat(
      {
        before: `(import "f" (func $f (param "v" ${type}) (result ${type})))
          (core module $l ${ALLOCATOR}) (core instance $l (instantiate $l))
          (core func $g (canon lower (func $f) (memory (core memory $l "memory")) (realloc (core func $l "cabi_realloc"))))`,
        core,
        withs: `(with "l" (instance $l)) (with "h" (instance (export "f" (func $g))))`,
        type: "(result u64)",
      },
      { host: { isAsync: false, call: (_state, [value]) => value } },
    );
    return (await instance.call(RUN, [])) as bigint;
  };

  test("alone", async () => {
    const f64 = `(import "h" "f" (func $f (param f64) (result f64))) (func (export "run") (result i64)
      (i64.reinterpret_f64 (call $f (f64.reinterpret_i64 (i64.const 0x7ff8deadbeef0001)))))`;
    expect(await through("f64", f64)).toBe(0x7ff8_0000_0000_0000n);
    const f32 = `(import "h" "f" (func $f (param f32) (result f32))) (func (export "run") (result i64)
      (i64.extend_i32_u (i32.reinterpret_f32 (call $f (f32.reinterpret_i32 (i32.const 0xffc0beef))))))`;
    expect(await through("f32", f32)).toBe(0x7fc0_0000n);
  });

  test("in a list", async () => {
    const list = `(import "l" "memory" (memory 1)) (import "h" "f" (func $f (param i32 i32 i32)))
      (func (export "run") (result i64)
        (i64.store (i32.const 64) (i64.const 0x7ff8deadbeef0001))
        (call $f (i32.const 64) (i32.const 1) (i32.const 0)) (i64.load (i32.load (i32.const 0))))`;
    expect(await through("(list f64)", list)).toBe(0x7ff8_0000_0000_0000n);
  });
});

test("flags beyond 32 go in and out, flat and in memory", async () => {
  const names = Array.from({ length: 70 }, (_, index) => `"b${index}"`).join(" ");
  const core = `${ALLOCATOR} (func (export "run") (param i32 i32 i32) (result i32)
    (i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1))
    (i32.store (i32.const 8) (local.get 2)) (i32.const 0))`;
  const instance = await instantiateWat({
    before: `(type $f (flags ${names}))`,
    core,
    type: `(param "f" $f) (result $f)`,
    options: `(memory (core memory $i "memory"))`,
  });
  const flags = Object.fromEntries(
    Array.from({ length: 70 }, (_, index) => [`b${index}`, index % 23 === 0 || index === 31]),
  );
  expect(await instance.call(RUN, [flags])).toEqual(flags);
});

test("a guest that is given more than its budget is stopped", async () => {
  const instance = await instantiateWat(
    {
      before: `(import "f" (func $f (result string)))
        (core module $l ${ALLOCATOR} (export "reset" (func $reset))) (core instance $l (instantiate $l))
        (core func $g (canon lower (func $f) (memory (core memory $l "memory")) (realloc (core func $l "cabi_realloc"))))`,
      core: `(import "h" "f" (func $f (param i32))) (import "l" "reset" (func $reset))
        (func (export "run") (param $n i32) (loop (call $f (i32.const 0)) (call $reset)
          (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if 0 (local.get $n))))`,
      withs: `(with "l" (instance $l)) (with "h" (instance (export "f" (func $g))))`,
      type: `(param "n" u32)`,
    },
    { host: { isAsync: false, call: () => "x".repeat(1000) }, limits: { lowerBudgetBytes: 10_000 } },
  );
  await instance.call(RUN, [9]);
  await expect(instance.call(RUN, [11])).rejects.toMatchObject({ name: "Trap", reason: "lower-budget" });
});

test("a resource's representation can be asked for in post-return, where nothing may be called", async () => {
  const bytes = await parse(`(component
    (type $r (resource (rep i32)))
    (core func $new (canon resource.new $r)) (core func $rep (canon resource.rep $r)) (core func $drop (canon resource.drop $r))
    (core module $m (import "r" "new" (func $new (param i32) (result i32)))
      (import "r" "rep" (func $rep (param i32) (result i32))) (import "r" "drop" (func $drop (param i32)))
      (global $h (mut i32) (i32.const 0)) (global $seen (mut i32) (i32.const 0))
      (func (export "run") (global.set $h (call $new (i32.const 5))))
      (func (export "seen") (result i32) (global.get $seen))
      (func (export "after") (global.set $seen (call $rep (global.get $h))))
      (func (export "drops") (call $drop (global.get $h))))
    (core instance $i (instantiate $m (with "r" (instance
      (export "new" (func $new)) (export "rep" (func $rep)) (export "drop" (func $drop))))))
    (func (export "run") (canon lift (core func $i "run") (post-return (core func $i "after"))))
    (func (export "seen") (result u32) (canon lift (core func $i "seen")))
    (func (export "bad") (canon lift (core func $i "run") (post-return (core func $i "drops")))))`);
  const instance = linkComponent(parseComponent(bytes), () => undefined).instantiate(undefined);
  await instance.call(RUN, []);
  expect(await instance.call({ interface: null, name: "seen" }, [])).toBe(5);
  await expect(instance.call({ interface: null, name: "bad" }, [])).rejects.toMatchObject({
    name: "Trap",
    reason: "abi",
  });
});
