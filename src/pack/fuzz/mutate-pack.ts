/**
 * Breaks packs by their structure: what is changed inside one layer is wrapped again so that the layers around it hold, since
 * a mutant whose checksums are wrong already ends at the first of them.
 *   archive    header fields, names, order, places, extra bytes, deflated entries, cut and spliced bytes
 *   manifest   values, keys and whole entries, encoded as the profile wants it, or not
 *   signature  keys, algorithms, signatures, their number and order
 *   content    an entry's bytes, with the manifest's hash and size corrected after it
 */
import { crc32, deflateRawSync } from "node:zlib";
import { blake3 } from "@noble/hashes/blake3.js";
import type { CborValue } from "../cbor.ts";
import { decodeCbor, encodeCbor } from "../cbor.ts";
import { readZip } from "../zip-read.ts";
import { writeZip } from "../zip-write.ts";
import type { ZipFile } from "../zip-write.ts";
import { mutateValue } from "./mutate-value.ts";
import { pick } from "./random-source.ts";
import type { RandomSource } from "./random-source.ts";

/** A pack taken apart once, for many mutants. */
export interface Subject {
  readonly bytes: Uint8Array;
  readonly files: readonly ZipFile[];
}

/** Takes a sound pack apart. */
export function subjectOf(bytes: Uint8Array): Subject {
  return { bytes, files: readZip(bytes).map(({ path, packed }) => ({ path, bytes: packed })) };
}

/** Makes one mutant, of one to three changes; `others` lend their entries. It may turn out to be the original. */
export function mutatePack(subject: Subject, others: readonly Subject[], random: RandomSource): Uint8Array {
  let files = subject.files;
  const inner = random(3);
  for (let i = 0; i < inner && files.length > 0; i++) files = pick(random, INSIDE)(files, { random, others });
  const bytes = Buffer.from(inner === 0 ? subject.bytes : writeZip(files));
  return inner > 0 && random(4) > 0 ? bytes : pick(random, OUTSIDE)(bytes, random);
}

interface Means {
  readonly random: RandomSource;
  readonly others: readonly Subject[];
}
type Inside = (files: readonly ZipFile[], means: Means) => readonly ZipFile[];
type Outside = (zip: Buffer, random: RandomSource) => Buffer;

const INSIDE: readonly Inside[] = [
  (files, means) => changed(files, "manifest.cbor", (bytes) => mutateCbor(bytes, means.random)),
  (files, means) => changed(files, "signature.sig", (bytes) => mutateCbor(bytes, means.random)),
  (files, { random }) => changed(files, "signature.sig", (bytes) => mutateSignatures(bytes, random)),
  (files, { random }) => changed(files, pick(random, PATHS(files)), (bytes) => spliced(bytes, random)),
  (files, { random }) => forged(files, random),
  (files, { random }) => files.toSpliced(random(files.length), 1),
  (files, { random }) => renamed(files, { from: pick(random, PATHS(files)), to: nameFor(random, files) }),
  (files, { random }) => [...files, { path: nameFor(random, files), bytes: pick(random, files).bytes }],
  (files, { random }) => {
    const [a, b] = [pick(random, files), pick(random, files)];
    return files.map((file) => (file === a ? { ...a, bytes: b.bytes } : file === b ? { ...b, bytes: a.bytes } : file));
  },
  (files, { random, others }) => {
    const lent = pick(random, pick(random, others).files);
    return [...files.filter(({ path }) => path !== lent.path), lent];
  },
];

const PATHS = (files: readonly ZipFile[]): readonly string[] =>
  files.length === 0 ? ["none"] : files.map(({ path }) => path);

function changed(
  files: readonly ZipFile[],
  path: string,
  change: (bytes: Uint8Array) => Uint8Array,
): readonly ZipFile[] {
  return files.map((file) => (file.path === path ? { path, bytes: change(file.bytes) } : file));
}

function renamed(
  files: readonly ZipFile[],
  { from, to }: { readonly from: string; readonly to: string },
): readonly ZipFile[] {
  return files.map((file) => (file.path === from ? { ...file, path: to } : file));
}

function nameFor(random: RandomSource, files: readonly ZipFile[]): string {
  const known = pick(random, PATHS(files));
  const names = [
    known,
    `${known}x`,
    known.toUpperCase(),
    `../${known}`,
    `/${known}`,
    known.replaceAll("/", "//"),
    "",
    "a\\b",
    "é",
  ];
  return pick(random, [
    ...names,
    "assets/new.txt",
    "flows/new.ygtc",
    "components/new.wasm",
    "zz",
    "C:x",
    "a\0b",
    "x".repeat(2000),
  ]);
}

/** Changes the value, which is encoded again as the profile wants it, or the bytes of the encoding. */
function mutateCbor(bytes: Uint8Array, random: RandomSource): Uint8Array {
  if (random(4) === 0) return spliced(bytes, random);
  try {
    return encodeCbor(mutateValue(decodeCbor(bytes), random));
  } catch {
    // Not to be decoded any more after an earlier change, or not to be encoded after this one.
    return spliced(bytes, random);
  }
}

const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

function mutateSignatures(bytes: Uint8Array, random: RandomSource): Uint8Array {
  let list: CborValue;
  try {
    list = decodeCbor(bytes);
  } catch {
    return spliced(bytes, random);
  }
  const maps = (Array.isArray(list) ? (list as readonly CborValue[]) : []).filter((item) => item instanceof Map);
  if (maps.length === 0) return spliced(bytes, random);
  const at = random(maps.length);
  const one = new Map(maps[at]);
  const signature = one.get("signature");
  if (!(signature instanceof Uint8Array) || signature.length !== 64) return spliced(bytes, random);
  const way = random(7);
  if (way === 0) one.set("signature", withScalar(signature, GROUP_ORDER));
  else if (way === 1) one.set("signature", spliced(signature, random).slice(0, 64));
  else if (way === 2) one.set("signature", new Uint8Array(64));
  else if (way === 3)
    one.set(
      "key_id",
      Uint8Array.from({ length: 32 }, () => random(256)),
    );
  else if (way === 4) one.set("algorithm", pick(random, ["none", "ed448", "ED25519", "ed25519ph", ""]));
  else if (way === 5) one.set("signature", pick(random, maps).get("signature") ?? signature);
  else return encodeCbor(maps.toSpliced(at, 1, ...(random(2) === 0 ? [] : [one, one])));
  return encodeCbor(maps.toSpliced(at, 1, one));
}

/** Adds to the scalar S, little-endian in the second half: the equation still holds for S plus the group's order. */
function withScalar(signature: Uint8Array, add: bigint): Uint8Array {
  const out = Uint8Array.from(signature);
  let sum = add;
  for (let i = 63; i >= 32; i--) sum += BigInt(signature[i] ?? 0) << BigInt(8 * (i - 32));
  for (let i = 32; i < 64; i++) out[i] = Number((sum >> BigInt(8 * (i - 32))) & 0xffn);
  return out;
}

/** Changes an entry and makes the manifest agree: only the signatures don't. */
function forged(files: readonly ZipFile[], random: RandomSource): readonly ZipFile[] {
  const path = pick(random, PATHS(files));
  const before = files.find((file) => file.path === path)?.bytes;
  if (before === undefined || path === "manifest.cbor" || path === "signature.sig") return files;
  const after = spliced(before, random);
  const [oldHash, newHash] = [blake3(before), blake3(after)];
  return changed(
    changed(files, path, () => after),
    "manifest.cbor",
    (bytes) => {
      try {
        return encodeCbor(rehashed(decodeCbor(bytes), { oldHash, newHash, size: after.length }));
      } catch {
        return bytes;
      }
    },
  );
}

interface Rehash {
  readonly oldHash: Uint8Array;
  readonly newHash: Uint8Array;
  readonly size: number;
}

function rehashed(value: CborValue, to: Rehash): CborValue {
  if (Array.isArray(value)) return (value as readonly CborValue[]).map((item) => rehashed(item, to));
  if (!(value instanceof Map)) return value;
  const map = new Map(
    [...(value as ReadonlyMap<CborValue, CborValue>)].map(([key, item]) => [key, rehashed(item, to)] as const),
  );
  const hash = map.get("hash");
  if (hash instanceof Uint8Array && Buffer.from(hash).equals(to.oldHash))
    map.set("hash", to.newHash).set("size", to.size);
  return map;
}

/** Flips, deletes, doubles, inserts or cuts somewhere. */
function spliced(bytes: Uint8Array, random: RandomSource): Uint8Array {
  const at = random(bytes.length + 1);
  const length = 1 + random(random(3) === 0 ? 64 : 4);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at + length)];
  const noise = Uint8Array.from({ length }, () => pick(random, [0, 1, 0x7f, 0x80, 0xff, random(256)]));
  const ways = [
    () => Buffer.concat([before, noise.subarray(0, Math.min(length, bytes.length - at)), after]),
    () => Buffer.concat([before, after]),
    () => Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]),
    () => Buffer.concat([before, noise, bytes.subarray(at)]),
    () => Buffer.from(before),
  ];
  return pick(random, ways)();
}

const OUTSIDE: readonly Outside[] = [
  (zip, random) => Buffer.from(spliced(zip, random)),
  // A field of one header or of both, to a value that means something.
  (zip, random) => {
    const at = centralOf(zip, random);
    if (at === undefined) return zip;
    const [field, size] = pick(random, FIELDS);
    const value =
      pick(random, [0, 1, 8, 9, 20, 45, 0x21, 0xffff, 0xffffffff, random(2 ** 31), zip.length]) % 2 ** (8 * size);
    if (random(4) > 0) zip.writeUIntLE(value, at + field, size);
    const local = zip.readUInt32LE(at + 42);
    if (field >= 6 && field <= 30 && local + 34 < zip.length && random(4) > 0)
      zip.writeUIntLE(value, local + field - 2, size);
    return zip;
  },
  (zip, random) => {
    const [field, size] = pick(random, [
      [4, 2],
      [6, 2],
      [8, 2],
      [10, 2],
      [12, 4],
      [16, 4],
      [20, 2],
    ] as const);
    if (zip.length < 22) return zip;
    zip.writeUIntLE(pick(random, [0, 1, 2, 0xffff, random(2 ** 16)]), zip.length - 22 + field, size);
    return zip;
  },
  (zip, random) => Buffer.concat([Buffer.alloc(1 + random(40), random(256)), zip]),
  (zip, random) => Buffer.concat([zip, Buffer.alloc(1 + random(40), random(256))]),
  (zip) => Buffer.concat([zip, zip]),
  (zip, random) => deflatedEntry(zip, random),
];

/** Offset and size of the fields of a central header that a mutant changes. */
const FIELDS = [
  [4, 2],
  [6, 2],
  [8, 2],
  [10, 2],
  [12, 2],
  [14, 2],
  [16, 4],
  [20, 4],
  [24, 4],
  [28, 2],
  [30, 2],
  [32, 2],
  [34, 2],
  [36, 2],
  [38, 4],
  [42, 4],
] as const;

function centralOf(zip: Buffer, random: RandomSource): number | undefined {
  const found: number[] = [];
  for (
    let at = zip.indexOf("PK\x01\x02", 0, "latin1");
    at >= 0 && at + 46 < zip.length;
    at = zip.indexOf("PK\x01\x02", at + 4, "latin1")
  )
    found.push(at);
  return found.length === 0 ? undefined : pick(random, found);
}

/** Makes the last entry a deflated one of other bytes: what it inflates to, or the stream itself, isn't what was signed. */
function deflatedEntry(zip: Buffer, random: RandomSource): Buffer {
  let files: readonly ZipFile[];
  try {
    files = subjectOf(zip).files;
  } catch {
    return zip;
  }
  const last = files.at(-1);
  if (last === undefined) return zip;
  const content = pick(random, [
    Buffer.alloc(1 + random(100_000)),
    Buffer.concat([last.bytes, Uint8Array.of(random(256))]),
  ]);
  const stream = deflateRawSync(content, { level: pick(random, [0, 1, 9]) });
  const packed = random(2) === 0 ? stream : Buffer.from(spliced(stream, random));
  const out = Buffer.from(writeZip([...files.slice(0, -1), { path: last.path, bytes: packed }]));
  const central = out.length - 22 - 46 - last.path.length;
  const size = pick(random, [content.length, last.bytes.length, packed.length, 0, 0x7fffffff]);
  const local = out.readUInt32LE(central + 42);
  for (const at of [central + 6, local + 4]) {
    out.writeUInt16LE(20, at);
    out.writeUInt16LE(8, at + 4);
    out.writeUInt32LE(pick(random, [crc32(content), crc32(last.bytes)]), at + 10);
    out.writeUInt32LE(size, at + 18);
  }
  return out;
}
