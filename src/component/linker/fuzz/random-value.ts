import { fieldName } from "../names.ts";
import type { ValueType } from "../component-types.ts";

type Random = (below: number) => number;

const TEXTS = ["", "a", "größe", "漢字 🌍", "\u0000", "x".repeat(300)];
const CHARS = ["a", "é", "漢", "🌍"];
const INTEGER_BITS: Readonly<Record<string, readonly [bits: number, isSigned: boolean]>> = {
  s8: [8, true],
  u8: [8, false],
  s16: [16, true],
  u16: [16, false],
  s32: [32, true],
  u32: [32, false],
};
const MAX_DEPTH = 8;

/** Gives a value that fits a type; a host's resource is an object. */
export function randomValue(type: ValueType, random: Random, depth = 0): unknown {
  const inner = (item: ValueType | null): unknown => (item ? randomValue(item, random, depth + 1) : undefined);
  switch (type.kind) {
    case "bool":
      return random(2) === 1;
    case "s64":
      return BigInt.asIntN(64, (BigInt(random(0xffff_ffff)) << 32n) | BigInt(random(0xffff_ffff)));
    case "u64":
      return BigInt.asUintN(64, (BigInt(random(0xffff_ffff)) << 32n) | BigInt(random(0xffff_ffff)));
    case "f32":
    case "f64":
      return random(4) === 0 ? Number.NaN : Math.fround(random(1000) / 8);
    case "char":
      return CHARS[random(CHARS.length)];
    case "string":
      return TEXTS[random(TEXTS.length)];
    case "record":
      return Object.fromEntries(type.fields.map((field) => [fieldName(field.name), inner(field.type)]));
    case "tuple":
      return type.items.map(inner);
    case "list":
      return Array.from({ length: depth > MAX_DEPTH ? 0 : random(5) }, () => inner(type.element));
    case "flags":
      return Object.fromEntries(type.names.map((name) => [fieldName(name), random(2) === 1]));
    case "enum":
      return type.names[random(type.names.length)];
    case "variant": {
      const chosen = type.cases[random(type.cases.length)];
      return { tag: chosen?.name, val: inner(chosen?.type ?? null) };
    }
    case "option": {
      const isSome = random(2) === 1;
      if (type.some.kind !== "option") return isSome ? inner(type.some) : undefined;
      return isSome ? { tag: "some", val: inner(type.some) } : { tag: "none" };
    }
    case "result":
      return random(2) === 1 ? { tag: "ok", val: inner(type.ok) } : { tag: "err", val: inner(type.err) };
    case "own":
    case "borrow":
      return {};
    default: {
      const [bits, isSigned] = INTEGER_BITS[type.kind] ?? [1, false];
      const value = random(4) === 0 ? 2 ** bits - 1 : random(2 ** bits);
      return isSigned ? value - 2 ** (bits - 1) : value;
    }
  }
}
