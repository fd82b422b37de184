// What the fuel meter costs: the same core code with and without it, in one run. The loops are as tight as loops get, so real guests
// pay less; what an interpreter pays is in the linker's table (QuickJS against jco, which doesn't meter).
import { parse } from "@bytecodealliance/jco";
import { instrumentModule } from "../src/component/linker/fuel-meter.ts";
import { DEFAULT_LIMITS } from "../src/component/linker/limits.ts";
import { Meter } from "../src/component/linker/refuel.ts";
import type { CoreFunction } from "../src/component/linker/wasm.ts";
import { wasm } from "../src/component/linker/wasm.ts";
import type { Row } from "./table.ts";
import { printTable } from "./table.ts";

/** Each takes how often, and does nothing but its kind of work. */
const KERNELS = `(module
  (memory 16)
  (func (export "loop of stores") (param $n i32) (result i32) (local $i i32)
    (loop $next
      (i32.store8 (i32.and (i32.mul (local.get $i) (i32.const 31)) (i32.const 0xfffff)) (local.get $i))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $i))
  (func (export "loop of arithmetic") (param $n i32) (result i32) (local $h i32)
    (local.set $h (i32.const 0x811c9dc5))
    (loop $next
      (local.set $h (i32.mul (i32.xor (local.get $h) (i32.and (local.get $n) (i32.const 255))) (i32.const 16777619)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $h))
  (func $fib (param $n i32) (result i32)
    (if (result i32) (i32.lt_u (local.get $n) (i32.const 2)) (then (local.get $n))
      (else (i32.add (call $fib (i32.sub (local.get $n) (i32.const 1))) (call $fib (i32.sub (local.get $n) (i32.const 2)))))))
  (func (export "recursion") (param i32) (result i32) (call $fib (local.get 0)))
  (func (export "dispatch") (param $n i32) (result i32) (local $a i32) (local $b i32) (local $pc i32)
    (local.set $b (i32.const 1))
    (block $exit (loop $next
      (br_if $exit (i32.eqz (local.get $n)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (local.set $pc (i32.add (i32.mul (local.get $pc) (i32.const 5)) (i32.const 3)))
      (block $d (block $c (block $b2 (block $a2
        (br_table $a2 $b2 $c $d (i32.and (i32.shr_u (local.get $pc) (i32.const 7)) (i32.const 3))))
        (local.set $a (i32.add (local.get $a) (local.get $b))) (br $next))
        (local.set $b (i32.xor (local.get $b) (local.get $a))) (br $next))
        (if (i32.and (local.get $a) (i32.const 1)) (then (local.set $a (i32.mul (local.get $a) (i32.const 3))))
          (else (local.set $a (i32.shr_u (local.get $a) (i32.const 1))))) (br $next))
      (i32.store (i32.and (local.get $a) (i32.const 0xfffc)) (local.get $b)) (br $next)))
    (i32.add (local.get $a) (local.get $b))))`;

const ROUNDS: Readonly<Record<string, number>> = {
  "loop of stores": 3_000_000,
  "loop of arithmetic": 3_000_000,
  recursion: 27,
  dispatch: 2_000_000,
};
const TAKES = 15;

function bestOf(work: () => unknown): number {
  let best = Number.POSITIVE_INFINITY;
  for (let take = 0; take < TAKES; take++) {
    const started = performance.now();
    work();
    best = Math.min(best, performance.now() - started);
  }
  return best;
}

/** Measures metered against plain core code. */
export async function benchFuel(): Promise<readonly Row[]> {
  const original = await parse(KERNELS);
  const plain = new wasm.Instance(new wasm.Module(original), {}).exports;
  const metered = new wasm.Instance(new wasm.Module(instrumentModule(original, DEFAULT_LIMITS).bytes), {}).exports;
  const slice = DEFAULT_LIMITS.fuelSlice;
  const source = { staysOnThread: () => true, refuelNow: () => slice, refuelLater: () => Promise.resolve(slice) };
  const meter = new Meter(metered, source, DEFAULT_LIMITS.startFuel);
  return Object.entries(ROUNDS).map(([name, rounds]) => {
    const run = (exports: typeof plain) => (): unknown => (exports[name] as CoreFunction)(rounds);
    // The engine first compiles quickly, and well only what stays in use.
    bestOf(run(plain));
    bestOf(run(metered));
    const plainMs = bestOf(run(plain));
    const meteredMs = bestOf(run(metered));
    const before = meter.used;
    run(metered)();
    return {
      subject: name,
      "plain ms": Math.round(plainMs * 100) / 100,
      "metered ms": Math.round(meteredMs * 100) / 100,
      "metered / plain": Math.round((meteredMs / plainMs) * 100) / 100,
      "fuel a ns": Math.round((meter.used - before) / meteredMs / 1e4) / 100,
    };
  });
}

if (import.meta.main) printTable("Fuel", await benchFuel());
