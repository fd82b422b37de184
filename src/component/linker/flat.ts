import type { FlatType, FlatValue } from "./codec.ts";
import { MAX_FLAT } from "./codec.ts";
import { abiTrap } from "./trap.ts";

/** Joins the flat types of a variant's cases: at each place the narrowest core type that holds all of them. */
export function joinFlat(cases: readonly string[]): string {
  const joined: string[] = [];
  for (const flat of cases) {
    for (const [index, type] of Array.from(flat).entries()) {
      const have = joined[index];
      joined[index] = have === undefined ? type : join(have, type);
    }
  }
  return joined.slice(0, MAX_FLAT + 1).join("");
}

function join(a: string, b: string): string {
  if (a === b) return a;
  return (a === "i" && b === "f") || (a === "f" && b === "i") ? "i" : "I";
}

const scratch = new DataView(new ArrayBuffer(8));

/** Widens a lowered value to the joined type of its place. */
export function coerceTo(value: FlatValue, have: FlatType, want: FlatType): FlatValue {
  if (have === want) return value;
  if (have === "i") return BigInt(Number(value) >>> 0);
  if (have === "f") {
    scratch.setFloat32(0, Number(value));
    return want === "i" ? scratch.getInt32(0) : BigInt(scratch.getUint32(0));
  }
  scratch.setFloat64(0, Number(value));
  return scratch.getBigInt64(0);
}

/** Narrows a value of a joined type to the type of the case; high bits of an i64 are cut off, as the specification says. */
export function coerceFrom(value: unknown, have: FlatType, want: FlatType): unknown {
  if (have === want) return value;
  if (typeof value !== (have === "I" ? "bigint" : "number")) abiTrap("a flat value of the wrong core type");
  if (have === "I" && want === "F") {
    scratch.setBigInt64(0, value as bigint);
    return scratch.getFloat64(0);
  }
  const bits = have === "I" ? Number(BigInt.asIntN(32, value as bigint)) : (value as number);
  if (want === "i") return bits;
  scratch.setInt32(0, bits);
  return scratch.getFloat32(0);
}
