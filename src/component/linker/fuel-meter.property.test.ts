import { parse } from "@bytecodealliance/jco";
import { describe, expect, test } from "vitest";
import { FUEL_EXPORT, instrumentModule } from "./fuel-meter.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { randomSource } from "./testing/random-source.ts";
import type { CoreFunction, WasmGlobal } from "./wasm.ts";
import { wasm } from "./wasm.ts";
import { verifies } from "../../../test/verifies.ts";

/** Structured control flow; every choice asks the host. */
type Node =
  | { readonly kind: "work"; readonly pairs: number }
  | { readonly kind: "helper" }
  | { readonly kind: "block" | "loop"; readonly body: readonly Node[] }
  | { readonly kind: "if"; readonly one: readonly Node[]; readonly other: readonly Node[] | undefined }
  | { readonly kind: "br_if" | "br"; readonly depth: number }
  | { readonly kind: "br_table"; readonly depths: readonly number[] }
  | { readonly kind: "return" };

const HELPER_PAIRS = 3;
const CALL = 3;
const ASK = CALL;

function makeBody(random: (below: number) => number, labels: readonly ("block" | "loop")[], budget: number): Node[] {
  const body: Node[] = [];
  const forward = labels.flatMap((kind, depth) => (kind === "block" ? [depth] : []));
  const pick = (): number => forward[random(forward.length)] ?? 0;
  const inner = (kind: "block" | "loop"): Node[] => makeBody(random, [kind, ...labels], Math.floor(budget / 2));
  for (let count = budget > 0 ? random(5) : -1; count >= 0; count--) {
    const choice = random(12);
    if (choice < 3) body.push({ kind: "work", pairs: random(20) });
    else if (choice === 3) body.push({ kind: "helper" });
    else if (choice === 4) body.push({ kind: "block", body: inner("block") });
    else if (choice === 5) body.push({ kind: "loop", body: inner("loop") });
    else if (choice < 8)
      body.push({ kind: "if", one: inner("block"), other: random(2) === 0 ? undefined : inner("block") });
    else if (choice < 10) body.push({ kind: "br_if", depth: pick() });
    else if (choice === 10 && random(3) === 0) body.push({ kind: "br", depth: pick() });
    else if (choice === 11) body.push({ kind: "br_table", depths: [pick(), pick(), pick()] });
    else if (random(6) === 0) body.push({ kind: "return" });
  }
  return body;
}

function textOf(body: readonly Node[]): string {
  return body.map(nodeText).join("\n");
}

function nodeText(node: Node): string {
  switch (node.kind) {
    case "work":
      return "i32.const 0 drop ".repeat(node.pairs);
    case "helper":
      return "call $helper";
    case "block":
      return `block ${textOf(node.body)} end`;
    case "loop":
      return `loop ${textOf(node.body)} call $ask br_if 0 end`;
    case "if":
      return `call $ask if ${textOf(node.one)} ${node.other ? `else ${textOf(node.other)}` : ""} end`;
    case "br_if":
      return `call $ask br_if ${node.depth}`;
    case "br":
      return `br ${node.depth}`;
    case "br_table":
      return `call $ask br_table ${node.depths.join(" ")}`;
    default:
      return "return";
  }
}

/** Runs a body instruction by instruction. */
class Counter {
  count = 1;
  readonly #ask: () => number;

  constructor(ask: () => number) {
    this.#ask = ask;
  }

  /** Gives the label that is left for, counted from here; undefined where control goes on. */
  run(body: readonly Node[]): number | undefined {
    for (const node of body) {
      const left = this.#step(node);
      if (left !== undefined) return left;
    }
    return undefined;
  }

  #inside(body: readonly Node[]): number | undefined {
    const left = this.run(body);
    return left === undefined || left === 0 ? undefined : left - 1;
  }

  #step(node: Node): number | undefined {
    const choose = (): number => {
      this.count += ASK;
      return this.#ask();
    };
    switch (node.kind) {
      case "work":
        this.count += 2 * node.pairs;
        return undefined;
      case "helper":
        this.count += CALL + 1 + 2 * HELPER_PAIRS;
        return undefined;
      case "block":
        return this.#inside(node.body);
      case "loop":
        for (;;) {
          this.count++;
          const left = this.run(node.body);
          if (left !== undefined) return left - 1;
          const again = choose();
          this.count++;
          if (again === 0) return undefined;
        }
      case "if": {
        const chosen = choose();
        this.count++;
        return this.#inside(chosen === 0 ? (node.other ?? []) : node.one);
      }
      case "br_if": {
        const chosen = choose();
        this.count++;
        return chosen === 0 ? undefined : node.depth;
      }
      case "br":
        this.count++;
        return node.depth;
      case "br_table": {
        const chosen = choose();
        this.count += 2;
        return node.depths[Math.min(chosen, node.depths.length - 1)];
      }
      default:
        this.count++;
        return Number.POSITIVE_INFINITY;
    }
  }
}

/** Answers a few hundred questions at random, then 0, with which every program ends. */
function answers(seed: number): () => number {
  const random = randomSource(seed);
  let left = 300;
  return () => (left-- > 0 ? random(3) : 0);
}

function start(bytes: Uint8Array, ask: CoreFunction): (n?: number) => number {
  const { exports } = new wasm.Instance(new wasm.Module(instrumentModule(bytes, DEFAULT_LIMITS).bytes), { h: { ask } });
  const fuel = exports[FUEL_EXPORT] as WasmGlobal;
  return (n) => {
    const before = fuel.value as bigint;
    (exports["run"] as CoreFunction)(n);
    return Number(before - (fuel.value as bigint));
  };
}

describe("what a path pays", () => {
  test("is at least what it runs, and not manyfold", async () => {
    verifies("component.fuel");
    let paidInAll = 0;
    let ranInAll = 0;
    for (let seed = 1; seed <= 400; seed++) {
      const body = makeBody(randomSource(seed), ["block"], 12);
      const bytes = await parse(`(module (import "h" "ask" (func $ask (result i32)))
        (func $helper ${"i32.const 0 drop ".repeat(HELPER_PAIRS)})
        (func (export "run") ${textOf(body)}))`);
      const paid = start(bytes, answers(seed))();
      const counter = new Counter(answers(seed));
      counter.run(body);
      expect(paid, `seed ${seed}`).toBeGreaterThanOrEqual(counter.count);
      paidInAll += paid;
      ranInAll += counter.count;
    }
    expect(paidInAll).toBeLessThan(1.6 * ranInAll);
  });

  test("is its own instructions in an interpreter's loop, not all of the interpreter's", async () => {
    const cases = 200;
    const pairs = 20;
    const depths = Array.from({ length: cases }, (_, index) => index).join(" ");
    const bodies = Array.from({ length: cases }, () => `${"i32.const 0 drop ".repeat(pairs)} br $next end`).join("\n");
    const wat = `(module (import "h" "ask" (func $ask (result i32)))
      (func (export "run") (param $n i32)
        block $exit loop $next
          local.get $n i32.eqz br_if $exit
          local.get $n i32.const 1 i32.sub local.set $n
          ${"block ".repeat(cases)} call $ask br_table ${depths} ${bodies}
        end end))`;
    const random = randomSource(7);
    const run = start(await parse(wat), () => random(cases - 1));
    const perStep = (run(2000) - run(1000)) / 1000;
    const instructions = 2 * pairs + 14;
    expect(perStep).toBeGreaterThanOrEqual(instructions);
    expect(perStep).toBeLessThan(2 * instructions);
  });
});
