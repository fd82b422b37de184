import type { Codec } from "./codec.ts";
import { enumCodec, flagsCodec } from "./codec-flags.ts";
import { borrowCodec, ownCodec } from "./codec-handle.ts";
import { listCodec } from "./codec-list.ts";
import { primitiveCodec } from "./codec-primitive.ts";
import { recordCodec, tupleCodec } from "./codec-record.ts";
import { optionCodec, variantCodec } from "./codec-variant.ts";
import type { ValueType } from "./component-types.ts";

const cache = new WeakMap<ValueType, Codec>();

/** Gives the codec of a type; made once per type object, so that the closures stay hot. */
export function codecOf(type: ValueType): Codec {
  const known = cache.get(type);
  if (known) return known;
  const codec = makeCodec(type);
  cache.set(type, codec);
  return codec;
}

function makeCodec(type: ValueType): Codec {
  switch (type.kind) {
    case "record":
      return recordCodec(
        type.fields.map((field) => field.name),
        type.fields.map((field) => codecOf(field.type)),
      );
    case "tuple":
      return tupleCodec(type.items.map(codecOf));
    case "list":
      return listCodec(codecOf(type.element), type.element);
    case "flags":
      return flagsCodec(type.names);
    case "enum":
      return enumCodec(type.names);
    case "variant":
      return variantCodec(type.cases.map((item) => ({ name: item.name, payload: item.type && codecOf(item.type) })));
    case "option":
      return optionCodec(codecOf(type.some), type.some.kind === "option");
    case "result":
      return variantCodec([
        { name: "ok", payload: type.ok && codecOf(type.ok) },
        { name: "err", payload: type.err && codecOf(type.err) },
      ]);
    case "own":
      return ownCodec(type.resource);
    case "borrow":
      return borrowCodec(type.resource);
    default:
      return primitiveCodec(type.kind);
  }
}
