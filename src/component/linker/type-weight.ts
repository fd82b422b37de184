import type { ValueType } from "./component-types.ts";

/** What a value type costs to work with. */
export interface TypeWeight {
  /** Upper bound of its bytes in memory, lists counted as their pointer. */
  readonly size: number;
  readonly depth: number;
  readonly hasBorrow: boolean;
  /** Whether it names a resource. */
  readonly hasResource: boolean;
  /** Whether a part of it lies elsewhere in memory. */
  readonly hasPointer: boolean;
}

const WORD: TypeWeight = { size: 8, depth: 1, hasBorrow: false, hasResource: false, hasPointer: false };
const cache = new WeakMap<ValueType, TypeWeight>();

/** Weighs a type whose parts were weighed before; linear in its own members. */
export function typeWeight(type: ValueType): TypeWeight {
  const known = cache.get(type);
  if (known) return known;
  const weight = weigh(type);
  cache.set(type, weight);
  return weight;
}

function weigh(type: ValueType): TypeWeight {
  switch (type.kind) {
    case "record":
      return sum(type.fields.map((field) => field.type));
    case "tuple":
      return sum(type.items);
    case "variant":
      return sum(type.cases.map((item) => item.type));
    case "option":
      return sum([type.some]);
    case "result":
      return sum([type.ok, type.err]);
    case "list":
      return { ...sum([type.element]), size: WORD.size, hasPointer: true };
    case "string":
      return { ...WORD, hasPointer: true };
    case "flags":
      return { ...WORD, size: 4 * Math.ceil(type.names.length / 32) };
    case "own":
      return { ...WORD, hasResource: true };
    case "borrow":
      return { ...WORD, hasBorrow: true, hasResource: true };
    default:
      return WORD;
  }
}

function sum(parts: readonly (ValueType | null)[]): TypeWeight {
  let size = 8;
  let depth = 0;
  let hasBorrow = false;
  let hasResource = false;
  let hasPointer = false;
  for (const part of parts) {
    if (!part) continue;
    const weight = typeWeight(part);
    size += weight.size + 8;
    depth = Math.max(depth, weight.depth);
    hasBorrow ||= weight.hasBorrow;
    hasResource ||= weight.hasResource;
    hasPointer ||= weight.hasPointer;
  }
  return { size, depth: depth + 1, hasBorrow, hasResource, hasPointer };
}
