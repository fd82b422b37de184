import type { AbiContext } from "./abi-context.ts";

/** A core value: i32, f32 and f64 are numbers, i64 is a bigint. */
export type FlatValue = number | bigint;

/** The core type of a flat value: `i` i32, `I` i64, `f` f32, `F` f64. */
export type FlatType = "i" | "I" | "f" | "F";

/** Core values being lifted, in order. They come from guest code of any signature, so nothing about them is known. */
export interface FlatReader {
  readonly values: readonly unknown[];
  next: number;
}

/** Translates one type between JavaScript values, a guest's memory and flat core values. @see CanonicalABI.md */
export interface Codec {
  readonly size: number;
  readonly align: number;
  /** The flat core types; where there are more than {@link MAX_FLAT}, only that it is longer is known. */
  readonly flat: string;
  /** Bytes of JavaScript heap that a lifted value takes, about, without its lists and strings. */
  readonly cost: number;
  /** Reads a value from memory; the caller has checked that `size` bytes are there. */
  load(cx: AbiContext, pointer: number): unknown;
  /** Writes a value to memory; the caller has checked that `size` bytes are there. */
  store(cx: AbiContext, value: unknown, pointer: number): void;
  lift(cx: AbiContext, flat: FlatReader): unknown;
  lower(cx: AbiContext, value: unknown, out: FlatValue[]): void;
}

/** More flat parameters than this are passed in memory. */
export const MAX_FLAT = 16;

/** Joins flat types, cut behind the length from which they are passed in memory anyway. */
export function concatFlat(parts: readonly string[]): string {
  return parts.join("").slice(0, MAX_FLAT + 1);
}

/** Rounds up to an alignment. */
export function alignTo(offset: number, align: number): number {
  return Math.ceil(offset / align) * align;
}

/** A value of the host's or a caller's doesn't fit its WIT type: their mistake, not the guest's. */
export class MisfitError extends TypeError {
  override readonly name = "TypeError";
}

/** Refuses a value that doesn't fit its WIT type. */
export function misfit(expected: string, value: unknown): never {
  throw new MisfitError(`Lower value: expected ${expected}, got ${describe(value)}`);
}

function describe(value: unknown): string {
  if (value === null) return "null";
  return typeof value === "number" || typeof value === "bigint" ? `${typeof value} ${value}` : typeof value;
}
