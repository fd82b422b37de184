import type { Codec } from "./codec.ts";
import { concatFlat, misfit } from "./codec.ts";
import { nextI32 } from "./codec-primitive.ts";
import { discriminantSize, loadDiscriminant, storeDiscriminant } from "./discriminant.ts";
import { fieldName } from "./names.ts";
import { abiTrap } from "./trap.ts";

/** Makes the codec of an enum: its case's name. */
export function enumCodec(names: readonly string[]): Codec {
  const size = discriminantSize(names.length);
  const indices = new Map(names.map((name, index) => [name, index]));
  const toName = (index: number): string => names[index] ?? abiTrap(`enum case ${index} of ${names.length}`);
  const toIndex = (value: unknown): number =>
    (typeof value === "string" ? indices.get(value) : undefined) ?? misfit("a case of an enum", value);
  return {
    size,
    align: size,
    flat: "i",
    cost: 8,
    load: (cx, pointer) => toName(loadDiscriminant(cx.view, pointer, size)),
    store: (cx, value, pointer) => storeDiscriminant(cx.view, pointer, { size, value: toIndex(value) }),
    lift: (_cx, flat) => toName(nextI32(flat) >>> 0),
    lower: (_cx, value, out) => void out.push(toIndex(value)),
  };
}

/** Makes the codec of flags: an object of booleans. Bits without a name are ignored. */
export function flagsCodec(names: readonly string[]): Codec {
  const keys = names.map(fieldName);
  const wordCount = Math.ceil(names.length / 32);
  const size = names.length <= 8 ? 1 : names.length <= 16 ? 2 : 4 * wordCount;
  const align = Math.min(size, 4);
  const fill = (flags: Record<string, boolean>, word: number, bits: number): void => {
    const end = Math.min(keys.length, (word + 1) * 32);
    for (let index = word * 32; index < end; index++) flags[keys[index] ?? ""] = ((bits >>> (index % 32)) & 1) === 1;
  };
  const bitsOf = (value: unknown, word: number): number => {
    if (typeof value !== "object" || value === null) misfit("flags", value);
    const flags = value as Readonly<Record<string, unknown>>;
    const end = Math.min(keys.length, (word + 1) * 32);
    let bits = 0;
    for (let index = word * 32; index < end; index++) if (flags[keys[index] ?? ""] === true) bits |= 1 << (index % 32);
    return bits;
  };
  const wordSize = size < 4 ? (size as 1 | 2) : 4;
  return {
    size,
    align,
    flat: concatFlat(Array.from({ length: wordCount }, () => "i")),
    cost: 24 + 8 * names.length,
    load(cx, pointer) {
      const flags: Record<string, boolean> = {};
      for (let word = 0; word < wordCount; word++)
        fill(flags, word, loadDiscriminant(cx.view, pointer + word * 4, wordSize));
      return flags;
    },
    store(cx, value, pointer) {
      for (let word = 0; word < wordCount; word++) {
        const bits = bitsOf(value, word) >>> 0;
        storeDiscriminant(cx.view, pointer + word * 4, { size: wordSize, value: bits });
      }
    },
    lift(_cx, source) {
      const flags: Record<string, boolean> = {};
      for (let word = 0; word < wordCount; word++) fill(flags, word, nextI32(source));
      return flags;
    },
    lower(_cx, value, out) {
      for (let word = 0; word < wordCount; word++) out.push(bitsOf(value, word));
    },
  };
}
