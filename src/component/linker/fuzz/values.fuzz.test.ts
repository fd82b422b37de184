import { describe, expect, test } from "vitest";
import { AbiContext } from "../abi-context.ts";
import type { Codec } from "../codec.ts";
import { codecOf } from "../codec-of.ts";
import type { PrimitiveKind, ResourceType, ValueType } from "../component-types.ts";
import { BorrowScope, HandleTable } from "../handles.ts";
import { Trap } from "../index.ts";
import type { StringEncoding } from "../plan.ts";
import { stringCodec } from "../strings.ts";
import { randomSource } from "../testing/random-source.ts";
import { randomValue } from "./random-value.ts";
import { verifies } from "../../../../test/verifies.ts";

type Random = (below: number) => number;

const RUNS = Number(process.env["GREENTIC_FUZZ_RUNS"] ?? 1000);
const SEED = Number(process.env["GREENTIC_FUZZ_SEED"] ?? 1);
const MEMORY_BYTES = 65_536;
const HEAP_START = 1024;
const LIFT_BUDGET = 200_000;

const primitive = (kind: PrimitiveKind): ValueType => ({ kind });
const record = (...types: readonly ValueType[]): ValueType => ({
  kind: "record",
  fields: types.map((type, index) => ({ name: `f${index}`, type })),
});
const variant = (...types: readonly (ValueType | null)[]): ValueType => ({
  kind: "variant",
  cases: types.map((type, index) => ({ name: `c${index}`, type })),
});
const list = (element: ValueType): ValueType => ({ kind: "list", element });
const option = (some: ValueType): ValueType => ({ kind: "option", some });
const names = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `n${index}`);
const text = primitive("string");
const HOSTS: ResourceType = { kind: "resource", id: 1, definedBy: null, destructor: null };
const GUESTS: ResourceType = { kind: "resource", id: 2, definedBy: 0, destructor: null };

const TYPES: Readonly<Record<string, ValueType>> = {
  "list of strings": list(text),
  "list of lists of bytes": list(list(primitive("u8"))),
  "list of floats": list(primitive("f64")),
  "list of bools": list(primitive("bool")),
  char: list(primitive("char")),
  "record of everything": record(
    primitive("bool"),
    text,
    primitive("u64"),
    list(primitive("s16")),
    primitive("char"),
    option(text),
    { kind: "tuple", items: [primitive("f32"), primitive("s8")] },
  ),
  variant: variant(null, text, primitive("f32"), primitive("u64"), record(primitive("u8"), list(text))),
  "variant of 300 cases": variant(...Array.from({ length: 300 }, (_, index) => (index % 2 ? text : null))),
  "nested options": option(option(option(list(text)))),
  result: { kind: "result", ok: list(variant(text, null)), err: text },
  enum: list({ kind: "enum", names: names(5) }),
  "flags of 70": { kind: "flags", names: names(70) },
  "flags of 9": list({ kind: "flags", names: names(9) }),
  "owned handles": list({ kind: "own", resource: HOSTS }),
  "borrowed handles": list(variant({ kind: "borrow", resource: HOSTS }, { kind: "own", resource: HOSTS })),
  "guests' handles": list({ kind: "own", resource: GUESTS }),
};
const ENCODINGS: readonly StringEncoding[] = ["utf8", "utf16", "latin1+utf16"];

class Arena {
  readonly memory = { buffer: new ArrayBuffer(MEMORY_BYTES) };
  readonly budget = { liftBudget: LIFT_BUDGET, lowerBudget: MEMORY_BYTES };
  readonly cx: AbiContext;
  next = HEAP_START;

  constructor(encoding: StringEncoding) {
    const handles = new HandleTable(100);
    for (let count = 0; count < 4; count++) {
      handles.add({ resource: HOSTS, rep: {}, isOwn: count > 0, scope: null, lends: 0 });
      handles.add({ resource: GUESTS, rep: count, isOwn: true, scope: null, lends: 0 });
    }
    this.cx = new AbiContext({
      handles,
      owner: { destroy: () => undefined },
      instance: 1,
      strings: stringCodec(encoding),
      budget: this.budget,
      memory: this.memory,
      realloc: (_old, _oldSize, align, size) => {
        const at = Math.ceil(this.next / Number(align)) * Number(align);
        this.next = at + Number(size);
        return at;
      },
    });
    this.cx.scope = new BorrowScope();
  }
}

/** Overwrites a few numbers between the beginning of what was stored and its end. */
function poke(arena: Arena, random: Random): void {
  const view = new DataView(arena.memory.buffer);
  const edges = [
    0,
    1,
    2,
    3,
    7,
    255,
    256,
    HEAP_START,
    arena.next,
    MEMORY_BYTES - 1,
    MEMORY_BYTES,
    0x7fff_ffff,
    0x8000_0001,
    0xffff_ffff,
  ];
  for (let count = random(4); count >= 0; count--) {
    const at = HEAP_START + random(Math.max(1, arena.next - HEAP_START));
    const value = random(3) === 0 ? random(0xffff_ffff) : (edges[random(edges.length)] ?? 0);
    if (random(3) === 0) view.setUint8(at, value & 0xff);
    else view.setUint32(Math.min(at & ~3, MEMORY_BYTES - 4), value, true);
  }
}

/** What a lifted value takes at least, so that nothing comes for free. */
function weightOf(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (Array.isArray(value)) return value.reduce((sum: number, item: unknown) => sum + 8 + weightOf(item), 0);
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce((sum: number, item: unknown) => sum + 8 + weightOf(item), 0);
}

/** Runs what may trap; anything else that is thrown is a finding. */
function trapped(work: () => unknown): { readonly value: unknown } | undefined {
  try {
    return { value: work() };
  } catch (error) {
    if (error instanceof Trap) return undefined;
    throw error;
  }
}

const flatValue = (type: string, random: Random): unknown => {
  if (random(40) === 0) return undefined;
  if (type === "I" || random(40) === 0) return BigInt.asIntN(64, BigInt(random(0xffff_ffff)) ** 2n);
  if (type === "f" || type === "F") return random(4) === 0 ? Number.NaN : random(1000) / 8;
  return (random(2) === 0 ? random(8) : HEAP_START + random(0xffff_ffff)) | 0;
};

describe.each(Object.entries(TYPES))("%s", (_name, type) => {
  const codec: Codec = codecOf(type);
  const holdsHandles = JSON.stringify(type).includes("resource");

  test("in memory that lies is a value or a trap, within the budget", () => {
    verifies("component.fuzzed");
    let lifted = 0;
    for (let run = 0; run < RUNS; run++) {
      const random = randomSource(SEED * 7_000_003 + run);
      const arena = new Arena(ENCODINGS[random(3)] ?? "utf8");
      const { cx } = arena;
      const pointer = cx.allocate(codec.size, codec.align);
      // A guest's handles can't be made up; any number does for what is broken anyway.
      if (type === TYPES["guests' handles"]) arena.next += 32;
      else codec.store(cx, randomValue(type, random), pointer);
      poke(arena, random);
      const result = trapped(() => {
        cx.charge(codec.cost);
        return codec.load(cx, pointer);
      });
      if (!result) continue;
      lifted++;
      expect(weightOf(result.value)).toBeLessThan(2 * (LIFT_BUDGET - arena.budget.liftBudget) + 1024);
      // What was lifted can be given to another guest.
      if (!holdsHandles) trapped(() => codec.store(new Arena("utf16").cx, result.value, 0));
    }
    expect(lifted).toBeGreaterThan(RUNS / 20);
  });

  test("from core values that lie is a value or a trap", () => {
    for (let run = 0; run < RUNS; run++) {
      const random = randomSource(SEED * 9_000_011 + run);
      const { cx } = new Arena(ENCODINGS[random(3)] ?? "utf8");
      const values = Array.from(codec.flat, (core) => flatValue(core, random));
      trapped(() => codec.lift(cx, { values, next: 0 }));
    }
  });
});
