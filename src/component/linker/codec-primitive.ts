import type { Codec, FlatReader } from "./codec.ts";
import { misfit } from "./codec.ts";
import type { PrimitiveKind } from "./component-types.ts";
import { storeString } from "./strings.ts";
import { abiTrap } from "./trap.ts";

/** Takes the next core value as an i32. */
export function nextI32(flat: FlatReader): number {
  const value = flat.values[flat.next++];
  return typeof value === "number" ? value | 0 : abiTrap("expected an i32");
}

function nextI64(flat: FlatReader): bigint {
  const value = flat.values[flat.next++];
  return typeof value === "bigint" ? value : abiTrap("expected an i64");
}

function nextFloat(flat: FlatReader): number {
  const value = flat.values[flat.next++];
  return typeof value === "number" ? canonical(value) : abiTrap("expected a float");
}

/** A NaN can carry 51 bits past everybody who looks at values; only one NaN passes. */
function canonical(value: number): number {
  return Number.isNaN(value) ? Number.NaN : value;
}

function checkInteger(value: unknown, kind: string, range: readonly [number, number]): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < range[0] || value > range[1])
    misfit(kind, value);
  return value;
}

function checkBigint(value: unknown, kind: string, range: readonly [bigint, bigint]): bigint {
  const big = typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof big !== "bigint" || big < range[0] || big > range[1]) misfit(kind, value);
  return big;
}

function checkNumber(value: unknown, kind: string): number {
  return typeof value === "number" ? canonical(value) : misfit(kind, value);
}

const integer = { cost: 8, flat: "i" } as const;
const U8 = [0, 0xff] as const;
const S8 = [-0x80, 0x7f] as const;
const U16 = [0, 0xffff] as const;
const S16 = [-0x8000, 0x7fff] as const;
const U32 = [0, 0xffff_ffff] as const;
const S32 = [-0x8000_0000, 0x7fff_ffff] as const;
const U64 = [0n, 2n ** 64n - 1n] as const;
const S64 = [-(2n ** 63n), 2n ** 63n - 1n] as const;

// What guests pass beyond a type's bits is cut off, as the specification says; what hosts pass beyond it is an error.
const CODECS: Readonly<Record<PrimitiveKind, Codec>> = {
  bool: {
    ...integer,
    size: 1,
    align: 1,
    load: (cx, pointer) => cx.view.getUint8(pointer) !== 0,
    store: (cx, value, pointer) => cx.view.setUint8(pointer, fromBool(value)),
    lift: (_cx, flat) => nextI32(flat) !== 0,
    lower: (_cx, value, out) => void out.push(fromBool(value)),
  },
  u8: {
    ...integer,
    size: 1,
    align: 1,
    load: (cx, pointer) => cx.view.getUint8(pointer),
    store: (cx, value, pointer) => cx.view.setUint8(pointer, checkInteger(value, "u8", U8)),
    lift: (_cx, flat) => nextI32(flat) & 0xff,
    lower: (_cx, value, out) => void out.push(checkInteger(value, "u8", U8)),
  },
  s8: {
    ...integer,
    size: 1,
    align: 1,
    load: (cx, pointer) => cx.view.getInt8(pointer),
    store: (cx, value, pointer) => cx.view.setInt8(pointer, checkInteger(value, "s8", S8)),
    lift: (_cx, flat) => (nextI32(flat) << 24) >> 24,
    lower: (_cx, value, out) => void out.push(checkInteger(value, "s8", S8)),
  },
  u16: {
    ...integer,
    size: 2,
    align: 2,
    load: (cx, pointer) => cx.view.getUint16(pointer, true),
    store: (cx, value, pointer) => cx.view.setUint16(pointer, checkInteger(value, "u16", U16), true),
    lift: (_cx, flat) => nextI32(flat) & 0xffff,
    lower: (_cx, value, out) => void out.push(checkInteger(value, "u16", U16)),
  },
  s16: {
    ...integer,
    size: 2,
    align: 2,
    load: (cx, pointer) => cx.view.getInt16(pointer, true),
    store: (cx, value, pointer) => cx.view.setInt16(pointer, checkInteger(value, "s16", S16), true),
    lift: (_cx, flat) => (nextI32(flat) << 16) >> 16,
    lower: (_cx, value, out) => void out.push(checkInteger(value, "s16", S16)),
  },
  u32: {
    ...integer,
    size: 4,
    align: 4,
    load: (cx, pointer) => cx.view.getUint32(pointer, true),
    store: (cx, value, pointer) => cx.view.setUint32(pointer, checkInteger(value, "u32", U32), true),
    lift: (_cx, flat) => nextI32(flat) >>> 0,
    lower: (_cx, value, out) => void out.push(checkInteger(value, "u32", U32) | 0),
  },
  s32: {
    ...integer,
    size: 4,
    align: 4,
    load: (cx, pointer) => cx.view.getInt32(pointer, true),
    store: (cx, value, pointer) => cx.view.setInt32(pointer, checkInteger(value, "s32", S32), true),
    lift: (_cx, flat) => nextI32(flat),
    lower: (_cx, value, out) => void out.push(checkInteger(value, "s32", S32)),
  },
  u64: {
    size: 8,
    align: 8,
    flat: "I",
    cost: 24,
    load: (cx, pointer) => cx.view.getBigUint64(pointer, true),
    store: (cx, value, pointer) => cx.view.setBigUint64(pointer, checkBigint(value, "u64", U64), true),
    lift: (_cx, flat) => BigInt.asUintN(64, nextI64(flat)),
    lower: (_cx, value, out) => void out.push(BigInt.asIntN(64, checkBigint(value, "u64", U64))),
  },
  s64: {
    size: 8,
    align: 8,
    flat: "I",
    cost: 24,
    load: (cx, pointer) => cx.view.getBigInt64(pointer, true),
    store: (cx, value, pointer) => cx.view.setBigInt64(pointer, checkBigint(value, "s64", S64), true),
    lift: (_cx, flat) => BigInt.asIntN(64, nextI64(flat)),
    lower: (_cx, value, out) => void out.push(checkBigint(value, "s64", S64)),
  },
  f32: {
    size: 4,
    align: 4,
    flat: "f",
    cost: 16,
    load: (cx, pointer) => canonical(cx.view.getFloat32(pointer, true)),
    store: (cx, value, pointer) => cx.view.setFloat32(pointer, checkNumber(value, "f32"), true),
    lift: (_cx, flat) => nextFloat(flat),
    lower: (_cx, value, out) => void out.push(checkNumber(value, "f32")),
  },
  f64: {
    size: 8,
    align: 8,
    flat: "F",
    cost: 16,
    load: (cx, pointer) => canonical(cx.view.getFloat64(pointer, true)),
    store: (cx, value, pointer) => cx.view.setFloat64(pointer, checkNumber(value, "f64"), true),
    lift: (_cx, flat) => nextFloat(flat),
    lower: (_cx, value, out) => void out.push(checkNumber(value, "f64")),
  },
  char: {
    ...integer,
    size: 4,
    align: 4,
    load: (cx, pointer) => toChar(cx.view.getUint32(pointer, true)),
    store: (cx, value, pointer) => cx.view.setUint32(pointer, fromChar(value), true),
    lift: (_cx, flat) => toChar(nextI32(flat) >>> 0),
    lower: (_cx, value, out) => void out.push(fromChar(value)),
  },
  string: {
    size: 8,
    align: 4,
    flat: "ii",
    cost: 8,
    load: (cx, pointer) => {
      const { view } = cx;
      return cx.strings.load(cx, view.getUint32(pointer, true), view.getUint32(pointer + 4, true));
    },
    store: (cx, value, pointer) => {
      storeString(cx, value);
      const { view } = cx;
      view.setUint32(pointer, cx.storedPointer, true);
      view.setUint32(pointer + 4, cx.storedLength, true);
    },
    lift: (cx, flat) => {
      const pointer = nextI32(flat) >>> 0;
      return cx.strings.load(cx, pointer, nextI32(flat) >>> 0);
    },
    lower: (cx, value, out) => {
      storeString(cx, value);
      out.push(cx.storedPointer | 0, cx.storedLength | 0);
    },
  },
};

/** Gives the codec of a primitive type. */
export function primitiveCodec(kind: PrimitiveKind): Codec {
  return CODECS[kind];
}

function fromBool(value: unknown): number {
  return typeof value === "boolean" ? Number(value) : misfit("bool", value);
}

function toChar(code: number): string {
  if (code >= 0x11_0000 || (code >= 0xd800 && code <= 0xdfff)) abiTrap(`${code} is not a char`);
  return String.fromCodePoint(code);
}

function fromChar(value: unknown): number {
  const code = typeof value === "string" ? value.codePointAt(0) : undefined;
  if (code === undefined || String.fromCodePoint(code) !== value || (code >= 0xd800 && code <= 0xdfff)) {
    misfit("char", value);
  }
  return code;
}
