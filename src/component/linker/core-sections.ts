import { GreenticError } from "../../types/index.ts";
import type { BinaryReader } from "./binary-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";

const MAGIC = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
/** The order in which known sections must stand; the data count stands before the code, tags between memories and globals. */
const ORDER = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];

/** Finds the known sections of a core module; custom ones are dropped. @throws COMPONENT_BINARY_INVALID */
export function splitSections(reader: BinaryReader): ReadonlyMap<number, BinaryReader> {
  if (MAGIC.some((value, index) => reader.bytes[index] !== value)) reader.fail("not a core module");
  reader.skip(8);
  const sections = new Map<number, BinaryReader>();
  let last = -1;
  while (!reader.done) {
    const id = reader.byte();
    const size = reader.u32();
    const start = reader.offset;
    reader.skip(size);
    if (id === 0) continue;
    if (id === 13) reader.refuse("exception tags", start);
    const place = ORDER.indexOf(id);
    if (place <= last) reader.fail(`core section ${id} is unknown or out of order`, start);
    last = place;
    sections.set(id, reader.part(start, start + size));
  }
  return sections;
}

/** Reads a value type: numbers, vectors, and the two reference types without garbage collection. */
export function valueType(reader: BinaryReader): number {
  const type = reader.byte();
  if (type >= 0x7b && type <= 0x7f) return type;
  if (type === 0x70 || type === 0x6f) return type;
  return reader.refuse(`value type 0x${type.toString(16)} (garbage collection or exceptions)`, reader.offset - 1);
}

/** The size that a memory or a table begins with and may grow to. */
export interface Limits {
  readonly min: number;
  readonly max: number;
}

/** Reads limits. @throws COMPONENT_OPCODE_REFUSED for memory64 and shared memories */
export function readLimits(reader: BinaryReader): Limits {
  const flags = reader.byte();
  if (flags & 2) reader.refuse("shared memory (threads)");
  if (flags & 4) reader.refuse("memory64");
  if (flags > 1) reader.refuse(`limits flags 0x${flags.toString(16)}`);
  const min = reader.u32();
  return { min, max: flags & 1 ? reader.u32() : Number.POSITIVE_INFINITY };
}

/** Copies limits with their maximum lowered to the cap. @throws COMPONENT_LIMIT_EXCEEDED where the minimum is above it */
export function limits(
  reader: BinaryReader,
  out: ByteWriter,
  bound: { readonly cap: number; readonly what: "memory" | "table" },
): void {
  const { min, max } = readLimits(reader);
  if (min > bound.cap) {
    const unit = bound.what === "memory" ? "pages" : "elements";
    throw new GreenticError(
      "COMPONENT_LIMIT_EXCEEDED",
      `Parse component: a ${bound.what} starts with ${min} ${unit}, at most ${bound.cap} are allowed`,
      { details: { min, cap: bound.cap } },
    );
  }
  out.raw(1).u32(min).u32(Math.min(max, bound.cap));
}
