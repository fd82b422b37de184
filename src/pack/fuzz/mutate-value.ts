import type { CborValue } from "../cbor.ts";
import { pick } from "./random-source.ts";
import type { RandomSource } from "./random-source.ts";

/** Changes one place of a CBOR value, chosen by walking into it. */
export function mutateValue(value: CborValue, random: RandomSource): CborValue {
  if (random(6) === 0) return otherValue(value, random);
  if (Array.isArray(value)) return mutateList(value as readonly CborValue[], random);
  if (value instanceof Map) return mutateMap(value as ReadonlyMap<CborValue, CborValue>, random);
  return otherValue(value, random);
}

function mutateList(list: readonly CborValue[], random: RandomSource): CborValue {
  if (list.length === 0) return random(2) === 0 ? [otherValue(null, random)] : otherValue(list, random);
  const at = random(list.length);
  const item = list[at] ?? null;
  const ways = [
    () => list.toSpliced(at, 1),
    () => list.toSpliced(at, 0, item),
    () => list.toReversed(),
    () => list.with(at, mutateValue(item, random)),
  ];
  return pick(random, ways)();
}

function mutateMap(map: ReadonlyMap<CborValue, CborValue>, random: RandomSource): CborValue {
  const entries = [...map];
  if (entries.length === 0) return new Map([["x", otherValue(null, random)]]);
  const at = random(entries.length);
  const [key, item] = entries[at] ?? ["x", null];
  // Twice as often into the depth as anything else: most of a manifest is there.
  const ways = [
    () => entries.with(at, [key, mutateValue(item, random)]),
    () => entries.with(at, [key, mutateValue(item, random)]),
    () => entries.with(at, [key, mutateValue(item, random)]),
    () => entries.toSpliced(at, 1),
    () => entries.with(at, [otherValue(key, random), item]),
    () => [...entries, [otherValue(key, random), item] as const],
    () => entries.with(at, [key, pick(random, entries)[1]]),
  ];
  return new Map(pick(random, ways)());
}

const TEXTS = [
  "",
  "x",
  "__proto__",
  "constructor",
  "manifest.cbor",
  "../x",
  "flows/main.ygtc",
  "1.0.0",
  "99.0.0",
  "é",
  "e\u0301",
  "x".repeat(5000),
];
const NUMBERS = [0, 1, -1, 23, 24, 255, 256, 65_536, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER];

function otherValue(value: CborValue, random: RandomSource): CborValue {
  if (random(5) > 0) {
    if (typeof value === "string") {
      const at = random(value.length + 1);
      return pick(random, [
        value.slice(0, at),
        `${value.slice(0, at)}${pick(random, TEXTS)}${value.slice(at)}`,
        value.toUpperCase(),
      ]);
    }
    if (typeof value === "number") return pick(random, [value + 1, value - 1, ...NUMBERS]);
    if (typeof value === "boolean") return !value;
    if (value instanceof Uint8Array && value.length > 0) {
      const bytes = Uint8Array.from(value);
      const at = random(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
      return pick(random, [bytes, bytes.subarray(0, at), Buffer.concat([bytes, Uint8Array.of(0)])]);
    }
  }
  return pick<CborValue>(random, [
    null,
    true,
    pick(random, NUMBERS),
    pick(random, TEXTS),
    2n ** 63n,
    new Uint8Array(random(40)),
    [],
    new Map(),
    nested(random),
  ]);
}

/** Around the greatest depth that the profile allows. */
function nested(random: RandomSource): CborValue {
  let value: CborValue = 0;
  for (let depth = 25 + random(12); depth > 0; depth--) value = random(2) === 0 ? [value] : new Map([["k", value]]);
  return value;
}
