import { ByteWriter } from "../byte-writer.ts";
import type { Binary, Section } from "./binary-tree.ts";
import { copyBinary, copySection, joinBinary } from "./binary-tree.ts";

type Random = (below: number) => number;

/** Numbers that sit at edges of what a parser may think. */
const EDGES = [0, 1, 2, 0x3f, 0x40, 0x7f, 0x80, 0xff, 0x3fff, 0x4000, 0xffff, 0x1_0000, 0x7fff_ffff, 0xffff_ffff];
/** Opcodes that do something: control, calls, locals, memory, tables, growth, bulk operations. */
const OPCODES = [
  0x00, 0x02, 0x03, 0x04, 0x05, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x1a, 0x1b, 0x20, 0x21, 0x23, 0x24,
  0x25, 0x26, 0x28, 0x29, 0x36, 0x37, 0x3f, 0x40, 0x41, 0x42, 0x45, 0x6a, 0x6b, 0xd0, 0xd2, 0xfb, 0xfc, 0xfd, 0xfe,
];
/** Ranges of opcodes that take and leave the same types: comparisons, arithmetic, locals. */
const SAME_SHAPE: readonly (readonly [number, number])[] = [
  [0x46, 0x4f],
  [0x51, 0x5a],
  [0x6a, 0x78],
  [0x7c, 0x8a],
  [0x92, 0x98],
  [0xa0, 0xa6],
];
const NAMES = [
  "",
  "__proto__",
  "constructor",
  "then",
  "a:b/c@1.0.0",
  "[method]a.b",
  "[async]f",
  "memory",
  "$greentic.fuel",
];
const LONG_NAME_BYTES = 5000;

/** Changes one to four things in a component, and gives its bytes. */
export function mutateBinary(original: Binary, corpus: readonly Binary[], random: Random): Uint8Array {
  const binary = copyBinary(original);
  // Mostly one: what is broken twice is refused before it comes far.
  for (let count = random(3) === 0 ? random(4) : 0; count >= 0; count--) mutateOnce(binary, corpus, random);
  const bytes = joinBinary(binary);
  if (random(20) === 0 && bytes.length > 0) bytes[random(bytes.length)] = random(256);
  return bytes;
}

function mutateOnce(binary: Binary, corpus: readonly Binary[], random: Random): void {
  const { sections } = binary;
  if (sections.length === 0) return;
  const index = random(sections.length);
  const section = sections[index] as Section;
  const { body } = section;
  // Inner binaries hold most of what there is to break.
  if (!(body instanceof Uint8Array) && !Array.isArray(body) && random(8) !== 0) return mutateOnce(body, corpus, random);
  switch (random(12)) {
    case 0:
      sections.splice(index, 1);
      return;
    case 1:
      sections.splice(random(sections.length + 1), 0, copySection(section));
      return;
    case 2:
      sections.splice(random(sections.length), 0, ...sections.splice(index, 1));
      return;
    case 3:
      section.lengthLie += random(5) - 2;
      return;
    case 4:
      return graft(binary, corpus, random);
    case 5:
      section.id = random(14);
      return;
    default:
      mutateBody(section, random);
  }
}

/** Puts a section from another component in. */
function graft(binary: Binary, corpus: readonly Binary[], random: Random): void {
  const donor = corpus[random(corpus.length)];
  const section = donor?.sections[random(donor.sections.length)];
  if (section) binary.sections.splice(random(binary.sections.length + 1), 0, copySection(section));
}

function mutateBody(section: Section, random: Random): void {
  const { body } = section;
  if (body instanceof Uint8Array) section.body = mutateBytes(body, random);
  else if (Array.isArray(body) && body.length > 0) {
    const index = random(body.length);
    body[index] =
      random(3) > 0 ? mutateCode(body[index] as Uint8Array, random) : mutateBytes(body[index] as Uint8Array, random);
  }
}

function mutateCode(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random(bytes.length + 1);
  const op = bytes[at] ?? 0;
  const other = SAME_SHAPE.find(([first, last]) => op >= first && op <= last);
  // Another instruction on the same types leaves the function valid.
  if (other) return splice(bytes, { at, remove: 1, insert: Uint8Array.of(other[0] + random(other[1] - other[0] + 1)) });
  const inserted = Uint8Array.from({ length: 1 + random(3) }, () => OPCODES[random(OPCODES.length)] ?? 0);
  return splice(bytes, { at, remove: random(3), insert: inserted });
}

function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random(bytes.length + 1);
  switch (random(8)) {
    case 0:
      return replaceName(bytes, random);
    case 1:
      return splice(bytes, {
        at,
        remove: 0,
        insert: bytes.subarray(random(bytes.length + 1)).subarray(0, 1 + random(20)),
      });
    case 2:
      return splice(bytes, { at, remove: 1 + random(8), insert: new Uint8Array() });
    case 3:
      return splice(bytes, { at, remove: 1, insert: Uint8Array.of(random(256)) });
    // The vector's own count, one off.
    case 4:
      return splice(bytes, { at: 0, remove: 1, insert: leb(Math.max(0, (bytes[0] ?? 0) + random(3) - 1)) });
    default: {
      const near = (bytes[at] ?? 0) + random(5) - 2;
      const value = random(2) === 0 ? (EDGES[random(EDGES.length)] ?? 0) : Math.max(0, near);
      return splice(bytes, { at, remove: 1, insert: leb(value) });
    }
  }
}

/** Replaces what looks like a name: a length and as many printable characters. */
function replaceName(bytes: Uint8Array, random: Random): Uint8Array {
  const isName = (at: number): boolean => {
    const length = bytes[at] ?? 0;
    const text = bytes.subarray(at + 1, at + 1 + length);
    return length > 0 && text.length === length && text.every((byte) => byte >= 0x20 && byte < 0x7f);
  };
  const from = random(bytes.length + 1);
  for (let at = from; at < bytes.length; at++) {
    if (!isName(at)) continue;
    const name = random(10) === 0 ? "x".repeat(LONG_NAME_BYTES) : (NAMES[random(NAMES.length)] ?? "");
    const insert = new ByteWriter().name(name).finish();
    if (random(6) === 0 && insert.length > 1) insert[1] = 0xff;
    return splice(bytes, { at, remove: 1 + (bytes[at] ?? 0), insert });
  }
  return bytes;
}

function leb(value: number): Uint8Array {
  return new ByteWriter().u32(value).finish();
}

function splice(
  bytes: Uint8Array,
  change: { readonly at: number; readonly remove: number; readonly insert: Uint8Array },
): Uint8Array {
  const { at, remove, insert } = change;
  return new ByteWriter(bytes.length + insert.length)
    .bytes(bytes.subarray(0, at))
    .bytes(insert)
    .bytes(bytes.subarray(at + remove))
    .finish();
}
