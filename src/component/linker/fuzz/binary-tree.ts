// A component or core module as a tree that can be changed anywhere and written again with all its lengths right:
//   preamble, then sections; the body of a section is bytes, a nested binary, or the list of a code section's function bodies
import { BinaryReader } from "../binary-reader.ts";
import { ByteWriter } from "../byte-writer.ts";

const PREAMBLE_BYTES = 8;
const CORE_MODULE = 1;
const COMPONENT = 4;
const CODE = 10;

/** A component or core module. */
export interface Binary {
  readonly kind: "component" | "module";
  readonly preamble: Uint8Array;
  sections: Section[];
}

/** A section; `lengthLie` is added to the length that is written. */
export interface Section {
  id: number;
  body: Uint8Array | Binary | Uint8Array[];
  lengthLie: number;
}

/** Takes a binary apart. @throws COMPONENT_BINARY_INVALID where its sections don't hold together */
export function splitBinary(bytes: Uint8Array): Binary {
  const kind = bytes[4] === 0x0d ? "component" : "module";
  const reader = new BinaryReader(bytes, PREAMBLE_BYTES);
  const sections: Section[] = [];
  while (!reader.done) {
    const id = reader.byte();
    const size = reader.u32();
    const start = reader.offset;
    reader.skip(size);
    sections.push({ id, body: bodyOf(kind, id, bytes.subarray(start, start + size)), lengthLie: 0 });
  }
  return { kind, preamble: bytes.subarray(0, PREAMBLE_BYTES), sections };
}

function bodyOf(kind: Binary["kind"], id: number, bytes: Uint8Array): Section["body"] {
  if (kind === "component" && (id === CORE_MODULE || id === COMPONENT)) return splitBinary(bytes);
  if (kind === "component" || id !== CODE) return bytes;
  const reader = new BinaryReader(bytes);
  return reader.vector(() => {
    const size = reader.u32();
    reader.skip(size);
    return bytes.subarray(reader.offset - size, reader.offset);
  });
}

/** Copies a tree as far as it can be changed; bytes are shared and must be replaced, not written. */
export function copyBinary(binary: Binary): Binary {
  return { ...binary, sections: binary.sections.map(copySection) };
}

/** Copies a section of a tree. */
export function copySection({ id, body, lengthLie }: Section): Section {
  if (body instanceof Uint8Array) return { id, body, lengthLie };
  return { id, body: Array.isArray(body) ? [...body] : copyBinary(body), lengthLie };
}

/** Writes a binary. */
export function joinBinary(binary: Binary): Uint8Array {
  const out = new ByteWriter(1024).bytes(binary.preamble);
  for (const { id, body, lengthLie } of binary.sections) {
    const bytes = body instanceof Uint8Array ? body : Array.isArray(body) ? joinBodies(body) : joinBinary(body);
    out
      .raw(id)
      .u32(Math.max(0, bytes.length + lengthLie))
      .bytes(bytes);
  }
  return out.finish();
}

function joinBodies(bodies: readonly Uint8Array[]): Uint8Array {
  const out = new ByteWriter(1024).u32(bodies.length);
  for (const body of bodies) out.u32(body.length).bytes(body);
  return out.finish();
}
