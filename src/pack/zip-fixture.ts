/** Archives to be broken in one way each. */
import { crc32, deflateRawSync } from "node:zlib";
import { writeZip } from "./zip-write.ts";

/** UTF-8 bytes of a text. */
export const bytesOf = (text: string): Uint8Array => Buffer.from(text);
/** A small archive, in written order. */
export const FILES = [
  { path: "manifest.cbor", bytes: bytesOf("m") },
  { path: "assets/a.txt", bytes: bytesOf("alpha") },
  { path: "flows/main.ygtc", bytes: bytesOf("id: main") },
];
/** A sound archive, fresh for every caller. */
export const good = (): Buffer<ArrayBuffer> => Buffer.from(writeZip(FILES));
/** The size of the end record. */
export const END = 22;

/** Where the n-th central header begins; names are those of `FILES` in written order. */
export function centralAt(zip: Buffer, index: number): number {
  let at = zip.readUInt32LE(zip.length - END + 16);
  for (let i = 0; i < index; i++) at += 46 + zip.readUInt16LE(at + 28);
  return at;
}

/** Changes a field of an entry in both headers: `local` is its offset in the local header, the central one is 2 further. */
export function patch(
  zip: Buffer,
  index: number,
  change: { readonly local: number; readonly size: 1 | 2 | 4; readonly value: number },
): void {
  const central = centralAt(zip, index);
  const local = zip.readUInt32LE(central + 42);
  zip.writeUIntLE(change.value, local + change.local, change.size);
  zip.writeUIntLE(change.value, central + change.local + 2, change.size);
}

/** Overwrites a name in both headers; it must have the length of the old one. */
export function rename(zip: Buffer, index: number, name: string): void {
  const central = centralAt(zip, index);
  zip.write(name, zip.readUInt32LE(central + 42) + 30, "latin1");
  zip.write(name, central + 46, "latin1");
}

/** Inserts bytes in front of an offset and moves what the end record points to. */
export function insert(zip: Buffer, at: number, bytes: Uint8Array): Buffer<ArrayBuffer> {
  const out = Buffer.concat([zip.subarray(0, at), bytes, zip.subarray(at)]);
  const end = out.length - END;
  if (at <= out.readUInt32LE(end + 16)) out.writeUInt32LE(out.readUInt32LE(end + 16) + bytes.length, end + 16);
  return out;
}

/** A deflated entry with whatever claims. */
export interface Entry {
  readonly path: string;
  readonly packed: Uint8Array;
  readonly sizeBytes: number;
  readonly crc: number;
}

/** An archive of deflated entries with whatever claims. */
export function deflated(...entries: readonly Entry[]): Buffer<ArrayBuffer> {
  const zip = Buffer.from(writeZip(entries.map(({ path, packed }) => ({ path, bytes: packed }))));
  for (const [i, entry] of entries.entries()) {
    patch(zip, i, { local: 4, size: 2, value: 20 });
    patch(zip, i, { local: 8, size: 2, value: 8 });
    patch(zip, i, { local: 14, size: 4, value: entry.crc });
    patch(zip, i, { local: 22, size: 4, value: entry.sizeBytes });
  }
  return zip;
}

/** Deflates honestly. */
export const deflate = (path: string, bytes: Uint8Array): Entry => ({
  path,
  packed: deflateRawSync(bytes, { level: 9 }),
  sizeBytes: bytes.length,
  crc: crc32(bytes),
});

/** Gives a central header, whose variable part was inserted, its length, and the directory its size. */
export function fixCentral(
  zip: Buffer<ArrayBuffer>,
  index: number,
  { offset, extra }: { readonly offset: number; readonly extra: number },
): Buffer<ArrayBuffer> {
  zip.writeUInt32LE(zip.readUInt32LE(zip.length - END + 12) + extra, zip.length - END + 12);
  // `insert` moved the directory's begin, which stands before the inserted bytes.
  const begin = good().readUInt32LE(good().length - END + 16);
  zip.writeUInt32LE(begin, zip.length - END + 16);
  zip.writeUInt16LE(extra, centralAt(zip, index) + offset);
  return zip;
}
