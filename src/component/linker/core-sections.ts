import { GreenticError } from "../../types/index.ts";
import { BinaryReader } from "./binary-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";

const MAGIC = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
/** The order in which known sections must stand; the data count stands before the code, tags between memories and globals. */
const ORDER = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];

/** Finds the known sections of a core module; custom ones are dropped. @throws COMPONENT_BINARY_INVALID */
export function splitSections(bytes: Uint8Array, base: number): ReadonlyMap<number, BinaryReader> {
  const reader = new BinaryReader(bytes);
  if (MAGIC.some((value, index) => bytes[index] !== value)) reader.fail("not a core module", base);
  reader.skip(8);
  const sections = new Map<number, BinaryReader>();
  let last = -1;
  while (!reader.done) {
    const id = reader.byte();
    const size = reader.u32();
    const start = reader.offset;
    reader.skip(size);
    if (id === 0) continue;
    if (id === 13) refuseFeature("exception tags");
    const place = ORDER.indexOf(id);
    if (place <= last) reader.fail(`core section ${id} is unknown or out of order`, base + start);
    last = place;
    sections.set(id, new BinaryReader(bytes, start, start + size));
  }
  return sections;
}

/** Reads the type section; gives each function type's number of parameters. @throws COMPONENT_OPCODE_REFUSED for other types */
export function readFunctionTypes(section: BinaryReader | undefined): readonly number[] {
  if (!section) return [];
  const reader = new BinaryReader(section.bytes, section.offset, section.end);
  return reader.vector(() => {
    if (reader.byte() !== 0x60) refuseFeature("types other than functions (garbage collection)");
    const params = reader.vector(() => valueType(reader)).length;
    reader.vector(() => valueType(reader));
    return params;
  });
}

/** Reads a value type: numbers, vectors, and the two reference types without garbage collection. */
export function valueType(reader: BinaryReader): number {
  const type = reader.byte();
  if (type >= 0x7b && type <= 0x7f) return type;
  if (type === 0x70 || type === 0x6f) return type;
  return refuseFeature(`value type 0x${type.toString(16)} (garbage collection or exceptions)`);
}

/** Reads the type of a global. */
export function globalType(reader: BinaryReader): void {
  valueType(reader);
  if (reader.byte() > 1) refuseFeature("shared globals");
}

/** Copies limits with their maximum lowered to the cap. @throws COMPONENT_LIMIT_EXCEEDED where the minimum is above it */
export function limits(
  reader: BinaryReader,
  out: ByteWriter,
  bound: { readonly cap: number; readonly what: "memory" | "table" },
): void {
  const flags = reader.byte();
  if (flags & 2) refuseFeature("shared memory (threads)");
  if (flags & 4) refuseFeature("memory64");
  if (flags > 1) refuseFeature(`limits flags 0x${flags.toString(16)}`);
  const min = reader.u32();
  const max = flags & 1 ? reader.u32() : Number.POSITIVE_INFINITY;
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

/** Refuses a feature of core WebAssembly by name. */
export function refuseFeature(feature: string): never {
  throw new GreenticError("COMPONENT_OPCODE_REFUSED", `Parse component: a core module uses ${feature}`);
}
