import type { Codec } from "./codec.ts";
import { alignTo, concatFlat, misfit } from "./codec.ts";
import { fieldName } from "./names.ts";

/** Where the parts of a record, a tuple or a parameter list lie in memory. */
export interface Layout {
  readonly size: number;
  readonly align: number;
  readonly offsets: readonly number[];
}

/** Lays parts out one behind the other. */
export function layoutOf(parts: readonly Codec[]): Layout {
  let size = 0;
  let align = 1;
  const offsets = parts.map((part) => {
    const offset = alignTo(size, part.align);
    size = offset + part.size;
    align = Math.max(align, part.align);
    return offset;
  });
  return { size: alignTo(size, align), align, offsets };
}

/** An object's own size and that of one field. */
const OBJECT_COST = 24;
const FIELD_COST = 8;

function shapeOf(parts: readonly Codec[]): Pick<Codec, "size" | "align" | "flat" | "cost"> & Layout {
  const cost = parts.reduce((sum, part) => sum + part.cost + FIELD_COST, OBJECT_COST);
  return { ...layoutOf(parts), flat: concatFlat(parts.map((part) => part.flat)), cost };
}

/** Makes the codec of a record: a plain object with camelCase keys. Labels are kebab-case, so no key can be `__proto__`. */
export function recordCodec(names: readonly string[], parts: readonly Codec[]): Codec {
  const keys = names.map(fieldName);
  const { size, align, flat, cost, offsets } = shapeOf(parts);
  const fields = parts.map((codec, index) => {
    const key = keys[index] ?? "";
    return { key, codec, offset: offsets[index] ?? 0, isEverywhere: key in Object.prototype };
  });
  return {
    size,
    align,
    flat,
    cost,
    load(cx, pointer) {
      const record: Record<string, unknown> = {};
      for (const { key, codec, offset } of fields) record[key] = codec.load(cx, pointer + offset);
      return record;
    },
    store(cx, value, pointer) {
      const record = asRecord(value);
      for (const field of fields) field.codec.store(cx, valueOf(record, field), pointer + field.offset);
    },
    lift(cx, source) {
      const record: Record<string, unknown> = {};
      for (const { key, codec } of fields) record[key] = codec.lift(cx, source);
      return record;
    },
    lower(cx, value, out) {
      const record = asRecord(value);
      for (const field of fields) field.codec.lower(cx, valueOf(record, field), out);
    },
  };
}

/** Reads a field; `toString` and `constructor` are on every object, and are no fields for that. */
function valueOf(
  record: Readonly<Record<string, unknown>>,
  field: { readonly key: string; readonly isEverywhere: boolean },
): unknown {
  if (field.isEverywhere && !Object.hasOwn(record, field.key)) return undefined;
  return record[field.key];
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : misfit("record", value);
}

/** Makes the codec of a tuple: an array. */
export function tupleCodec(parts: readonly Codec[]): Codec {
  const { size, align, flat, cost, offsets } = shapeOf(parts);
  const items = parts.map((codec, index) => ({ codec, offset: offsets[index] ?? 0 }));
  const asTuple = (value: unknown): readonly unknown[] =>
    Array.isArray(value) && value.length === parts.length ? value : misfit(`tuple of ${parts.length}`, value);
  return {
    size,
    align,
    flat,
    cost,
    load: (cx, pointer) => items.map(({ codec, offset }) => codec.load(cx, pointer + offset)),
    store(cx, value, pointer) {
      const tuple = asTuple(value);
      for (const [index, { codec, offset }] of items.entries()) codec.store(cx, tuple[index], pointer + offset);
    },
    lift: (cx, source) => items.map(({ codec }) => codec.lift(cx, source)),
    lower(cx, value, out) {
      const tuple = asTuple(value);
      for (const [index, { codec }] of items.entries()) codec.lower(cx, tuple[index], out);
    },
  };
}
