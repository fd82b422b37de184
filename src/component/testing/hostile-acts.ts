import { parse } from "@bytecodealliance/jco";

/** Every way in which {@link hostileActs} attacks, and how the call must end: a code, and the reason of a trap. */
export const HOSTILE_ACTS: readonly (readonly [act: string, code: string, reason: string | undefined])[] = [
  ["spin", "COMPONENT_DEADLINE_EXCEEDED", undefined],
  ["fill", "COMPONENT_DEADLINE_EXCEEDED", undefined],
  ["random", "COMPONENT_TRAPPED", "lower-budget"],
  ["ask", "COMPONENT_DEADLINE_EXCEEDED", undefined],
  ["recurse", "COMPONENT_TRAPPED", "stack"],
  ["grow-memory", "COMPONENT_TRAPPED", "unreachable"],
  ["grow-tables", "COMPONENT_TRAPPED", "unreachable"],
  ["lift-again", "COMPONENT_TRAPPED", "lift-budget"],
  ["handles", "COMPONENT_TRAPPED", "handle"],
  ["random-much", "COMPONENT_TRAPPED", "host"],
  ["lie-pointer", "COMPONENT_TRAPPED", "abi"],
  ["lie-length", "COMPONENT_TRAPPED", "abi"],
  ["lie-text", "COMPONENT_TRAPPED", "abi"],
];

// Every act is one function without parameters; `good` answers 7, `scan` what it finds in memory that it was just given.
const TEXT = `(component
  (import "wasi:random/random@0.2.0" (instance $random (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (export "now" (func (result u64)))))
  (core module $libc
    (memory (export "memory") 48)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 2097152)))
  (core instance $libc (instantiate $libc))
  (core func $random (canon lower (func $random "get-random-bytes")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $now (canon lower (func $clock "now")))
  (type $thing (resource (rep i32)))
  (core func $new (canon resource.new $thing))
  (core module $m
    (import "h" "random" (func $random (param i64 i32)))
    (import "h" "now" (func $now (result i64)))
    (import "h" "new" (func $new (param i32) (result i32)))
    (import "l" "memory" (memory 48))
    (table $t 1 funcref)
    (func (export "good") (result i32) (i32.const 7))
    (func (export "scan") (result i32) (local i32 i64)
      (local.set 0 (i32.mul (memory.grow (i32.const 16)) (i32.const 65536)))
      (loop
        (local.set 1 (i64.or (local.get 1) (i64.load (local.get 0))))
        (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 8))) (i32.mul (memory.size) (i32.const 65536)))))
      (i64.ne (local.get 1) (i64.const 0)))
    (func (export "spin") (loop (br 0)))
    (func (export "fill") (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 3000000)) (br 0)))
    (func (export "random") (loop (call $random (i64.const 65536) (i32.const 0)) (br 0)))
    (func (export "ask") (loop (drop (call $now)) (br 0)))
    (func $deeper (export "recurse") (call $deeper) (drop (i32.const 1)))
    (func (export "grow-memory") (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (unreachable))
    (func (export "grow-tables")
      (loop (br_if 0 (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1)))) (unreachable))
    (func (export "lift-again") (result i32) (local i32)
      (loop
        (i64.store (i32.add (i32.const 64) (i32.mul (local.get 0) (i32.const 8))) (i64.const 0x0010000000010000))
        (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 4000))))
      (i64.store (i32.const 8) (i64.const 0x00000fa000000040))
      (i32.const 8))
    (func (export "handles") (loop (drop (call $new (i32.const 1))) (br 0)))
    (func (export "random-much") (call $random (i64.const -1) (i32.const 0)))
    (func (export "lie-pointer") (result i32) (i32.const -4))
    (func (export "lie-length") (result i32) (i64.store (i32.const 8) (i64.const 0x7fffffff00000010)) (i32.const 8))
    (func (export "lie-text") (result i32)
      (i64.store (i32.const 8) (i64.const 0x0000000200000020)) (i32.store16 (i32.const 32) (i32.const 0xffff)) (i32.const 8)))
  (core instance $h (export "random" (func $random)) (export "now" (func $now)) (export "new" (func $new)))
  (core instance $i (instantiate $m (with "h" (instance $h)) (with "l" (instance $libc))))
  (func (export "good") (result u32) (canon lift (core func $i "good")))
  (func (export "scan") (result u32) (canon lift (core func $i "scan")))
  ${["spin", "fill", "random", "ask", "recurse", "grow-memory", "grow-tables", "handles", "random-much"]
    .map((act) => `(func (export "${act}") (canon lift (core func $i "${act}")))`)
    .join("\n")}
  (func (export "lift-again") (result (list (list u8)))
    (canon lift (core func $i "lift-again") (memory (core memory $libc "memory"))))
  ${["lie-pointer", "lie-length", "lie-text"]
    .map(
      (act) =>
        `(func (export "${act}") (result string) (canon lift (core func $i "${act}") (memory (core memory $libc "memory"))))`,
    )
    .join("\n")})`;

/** Makes a component of 2 KB that attacks its host in the way that its operation names. */
export async function hostileActs(): Promise<Uint8Array> {
  return await parse(TEXT);
}
