import type { Codec, FlatType, FlatValue } from "./codec.ts";
import { alignTo, misfit } from "./codec.ts";
import { nextI32 } from "./codec-primitive.ts";
import { coerceFrom, coerceTo, joinFlat } from "./flat.ts";
import { loadDiscriminant, storeDiscriminant, discriminantSize } from "./discriminant.ts";
import { abiTrap } from "./trap.ts";

/** How a variant looks in JavaScript. */
interface VariantForm {
  make(index: number, payload: unknown): unknown;
  /** Finds the case of a value. */
  indexOf(value: unknown): number;
  payloadOf(value: unknown): unknown;
}

interface CaseCodec {
  readonly name: string;
  readonly payload: Codec | null;
}

const VARIANT_COST = 48;

/** Makes the codec of a variant or a result: `{ tag, val }`. */
export function variantCodec(cases: readonly CaseCodec[]): Codec {
  return build(cases, taggedForm(cases));
}

/** Makes the codec of an option: undefined or the value; `{ tag, val }` where the value itself may be undefined. */
export function optionCodec(some: Codec, isNested: boolean): Codec {
  const cases: readonly CaseCodec[] = [
    { name: "none", payload: null },
    { name: "some", payload: some },
  ];
  return build(cases, isNested ? taggedForm(cases) : optionForm);
}

const optionForm: VariantForm = {
  make: (_index, payload) => payload,
  indexOf: (value) => (value === undefined || value === null ? 0 : 1),
  payloadOf: (value) => value,
};

function taggedForm(cases: readonly CaseCodec[]): VariantForm {
  const indices = new Map(cases.map(({ name }, index) => [name, index]));
  return {
    make(index, payload) {
      const tag = cases[index]?.name;
      return cases[index]?.payload ? { tag, val: payload } : { tag };
    },
    indexOf(value) {
      const tag = typeof value === "object" && value !== null && "tag" in value ? value.tag : undefined;
      return (typeof tag === "string" ? indices.get(tag) : undefined) ?? misfit("a variant's { tag, val }", value);
    },
    payloadOf: (value) => (value as { readonly val?: unknown }).val,
  };
}

function build(cases: readonly CaseCodec[], form: VariantForm): Codec {
  const payloads = cases.map((item) => item.payload);
  const present = payloads.filter((codec) => codec !== null);
  const tagSize = discriminantSize(cases.length);
  const align = Math.max(tagSize, ...present.map((codec) => codec.align));
  const offset = alignTo(tagSize, Math.max(1, ...present.map((codec) => codec.align)));
  const joined = joinFlat(present.map((codec) => codec.flat));
  // Cases whose own core types stand in the joined places need no conversion.
  const fits = payloads.map((codec) => codec === null || joined.startsWith(codec.flat));
  const checkCase = (index: number): Codec | null => {
    const payload = payloads[index];
    return payload === undefined ? abiTrap(`variant case ${index} of ${cases.length}`) : payload;
  };
  return {
    size: alignTo(offset + Math.max(0, ...present.map((codec) => codec.size)), align),
    align,
    flat: `i${joined}`,
    cost: VARIANT_COST + Math.max(0, ...present.map((codec) => codec.cost)),
    load(cx, pointer) {
      const index = loadDiscriminant(cx.view, pointer, tagSize);
      const payload = checkCase(index);
      return form.make(index, payload?.load(cx, pointer + offset));
    },
    store(cx, value, pointer) {
      const index = form.indexOf(value);
      storeDiscriminant(cx.view, pointer, { size: tagSize, value: index });
      payloads[index]?.store(cx, form.payloadOf(value), pointer + offset);
    },
    lift(cx, source) {
      const index = nextI32(source) >>> 0;
      const payload = checkCase(index);
      const start = source.next;
      let value: unknown;
      if (payload && fits[index]) value = payload.lift(cx, source);
      else if (payload) {
        const values = Array.from(payload.flat, (want, at) =>
          coerceFrom(source.values[start + at], joined[at] as FlatType, want as FlatType),
        );
        value = payload.lift(cx, { values, next: 0 });
      }
      source.next = start + joined.length;
      return form.make(index, value);
    },
    lower(cx, value, out) {
      const index = form.indexOf(value);
      out.push(index);
      const start = out.length;
      const payload = payloads[index];
      if (payload) {
        payload.lower(cx, form.payloadOf(value), out);
        for (let at = 0; !fits[index] && at < payload.flat.length; at++) {
          const have = payload.flat[at] as FlatType;
          out[start + at] = coerceTo(out[start + at] as FlatValue, have, joined[at] as FlatType);
        }
      }
      for (let at = out.length - start; at < joined.length; at++) out.push(joined[at] === "I" ? 0n : 0);
    },
  };
}
