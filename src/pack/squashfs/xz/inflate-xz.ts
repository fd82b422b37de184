/**
 * Reads one xz stream (format 1.1.0) as SquashFS blocks have it: stream header, blocks of LZMA2 chunks with a CRC-32 or none,
 * index, footer. Everything is checked, the output never grows past its cap, and no dictionary is allocated: the output is it.
 */
import { crc32 } from "node:zlib";
import { GreenticError } from "../../../types/index.ts";
import { damagedXz } from "./damaged-xz.ts";
import { LzmaDecoder } from "./lzma-decoder.ts";
import type { LzmaOutput } from "./lzma-decoder.ts";

const MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];
const HEADER_BYTES = 12;
const FOOTER_BYTES = 12;
const LZMA2 = 0x21;
const CHECK_NONE = 0;
const CHECK_CRC32 = 1;

/** Where reading stands. */
interface Cursor {
  readonly input: Uint8Array;
  readonly view: DataView;
  at: number;
}

/** Inflates a stream to at most `maxBytes`. @throws PACK_SQUASHFS_INVALID, PACK_SQUASHFS_COMPRESSION_UNSUPPORTED */
export function inflateXz(input: Uint8Array, maxBytes: number): Uint8Array {
  const cursor: Cursor = { input, view: new DataView(input.buffer, input.byteOffset, input.byteLength), at: 0 };
  const check = readStreamHeader(cursor);
  const output: LzmaOutput = { bytes: new Uint8Array(maxBytes), at: 0, dictionaryStart: 0 };
  const records: (readonly [number, number])[] = [];
  while (byteAt(cursor) !== 0) records.push(readBlock(cursor, { check, output }));
  const indexAt = cursor.at;
  readIndex(cursor, records);
  readFooter(cursor, { check, indexBytes: cursor.at - indexAt });
  return output.bytes.subarray(0, output.at);
}

function readStreamHeader(cursor: Cursor): number {
  const { input, view } = cursor;
  if (input.length < HEADER_BYTES + FOOTER_BYTES || MAGIC.some((byte, i) => input[i] !== byte))
    throw damagedXz("no stream header");
  if (crc32(input.subarray(6, 8)) !== view.getUint32(8, true)) throw damagedXz("the stream header's checksum");
  const [reserved, check = 0] = input.subarray(6, 8);
  if (reserved !== 0 || (check !== CHECK_NONE && check !== CHECK_CRC32)) throw unsupported(`checks of type ${check}`);
  cursor.at = HEADER_BYTES;
  return check;
}

/** Reads a block; returns its size without padding, and that of its output. */
function readBlock(
  cursor: Cursor,
  { check, output }: { readonly check: number; readonly output: LzmaOutput },
): readonly [number, number] {
  const { input, view } = cursor;
  const start = cursor.at;
  const outputStart = output.at;
  const claims = readBlockHeader(cursor);
  const dataAt = cursor.at;
  readChunks(cursor, output);
  const [packed, sizeBytes] = [cursor.at - dataAt, output.at - outputStart];
  if ((claims.packed ?? packed) !== packed || (claims.sizeBytes ?? sizeBytes) !== sizeBytes)
    throw damagedXz("a block has another size than its header says");
  const unpadded = cursor.at - start + (check === CHECK_CRC32 ? 4 : 0);
  skipPadding(cursor, start);
  if (check === CHECK_CRC32) {
    if (
      cursor.at + 4 > input.length ||
      crc32(output.bytes.subarray(outputStart, output.at)) !== view.getUint32(cursor.at, true)
    )
      throw damagedXz("a block's checksum");
    cursor.at += 4;
  }
  return [unpadded, sizeBytes];
}

function readBlockHeader(cursor: Cursor): { readonly packed?: number; readonly sizeBytes?: number } {
  const { input, view } = cursor;
  const start = cursor.at;
  const end = start + (byteAt(cursor) + 1) * 4;
  if (end > input.length || crc32(input.subarray(start, end - 4)) !== view.getUint32(end - 4, true))
    throw damagedXz("a block header's checksum");
  cursor.at++;
  const flags = take(cursor);
  const packed = (flags & 0x40) === 0 ? undefined : readVarint(cursor);
  const sizeBytes = (flags & 0x80) === 0 ? undefined : readVarint(cursor);
  if ((flags & 0x3f) !== 0) throw unsupported("filters before LZMA2");
  if (readVarint(cursor) !== LZMA2) throw unsupported("filters other than LZMA2");
  if (readVarint(cursor) !== 1 || take(cursor) > 40) throw damagedXz("LZMA2 properties");
  if (cursor.at > end - 4 || input.subarray(cursor.at, end - 4).some((byte) => byte !== 0))
    throw damagedXz("a block header's padding");
  cursor.at = end;
  return { ...(packed !== undefined && { packed }), ...(sizeBytes !== undefined && { sizeBytes }) };
}

/** Reads LZMA2 chunks up to and with the end mark. */
function readChunks(cursor: Cursor, output: LzmaOutput): void {
  const decoder = new LzmaDecoder(output);
  let [needsDictionary, needsProperties] = [true, true];
  for (let control = take(cursor); control !== 0; control = take(cursor)) {
    const isLzma = control >= 0x80;
    const reset = isLzma ? (control >> 5) & 3 : 0;
    if (control === 1 || reset === 3) {
      output.dictionaryStart = output.at;
      needsDictionary = false;
    } else if (needsDictionary || (!isLzma && control !== 2)) throw damagedXz(`chunk control ${control}`);
    if (isLzma) {
      const sizeBytes = ((control & 0x1f) << 16) + take(cursor) * 256 + take(cursor) + 1;
      const packed = take(cursor) * 256 + take(cursor) + 1;
      if (reset >= 2) {
        decoder.setProperties(take(cursor));
        needsProperties = false;
      } else if (needsProperties) throw damagedXz("a chunk without properties");
      if (reset >= 1) decoder.reset();
      decoder.decode(takeBytes(cursor, packed), sizeBytes);
    } else {
      const bytes = takeBytes(cursor, take(cursor) * 256 + take(cursor) + 1);
      if (output.at + bytes.length > output.bytes.length) throw damagedXz("more output than the block may have");
      output.bytes.set(bytes, output.at);
      output.at += bytes.length;
    }
  }
}

function readIndex(cursor: Cursor, records: readonly (readonly [number, number])[]): void {
  const { input, view } = cursor;
  const start = cursor.at++;
  if (readVarint(cursor) !== records.length) throw damagedXz("the index counts other blocks");
  for (const [unpadded, sizeBytes] of records)
    if (readVarint(cursor) !== unpadded || readVarint(cursor) !== sizeBytes)
      throw damagedXz("the index tells other sizes");
  skipPadding(cursor, start);
  if (cursor.at + 4 > input.length || crc32(input.subarray(start, cursor.at)) !== view.getUint32(cursor.at, true))
    throw damagedXz("the index's checksum");
  cursor.at += 4;
}

function readFooter(cursor: Cursor, facts: { readonly check: number; readonly indexBytes: number }): void {
  const { input, view, at } = cursor;
  const isRight =
    input.length === at + FOOTER_BYTES &&
    crc32(input.subarray(at + 4, at + 10)) === view.getUint32(at, true) &&
    (view.getUint32(at + 4, true) + 1) * 4 === facts.indexBytes &&
    input[at + 8] === 0 &&
    input[at + 9] === facts.check &&
    input[at + 10] === 0x59 &&
    input[at + 11] === 0x5a;
  if (!isRight) throw damagedXz("the stream's footer");
}

function skipPadding(cursor: Cursor, start: number): void {
  while ((cursor.at - start) % 4 !== 0) if (take(cursor) !== 0) throw damagedXz("padding");
}

function byteAt({ input, at }: Cursor): number {
  const byte = input[at];
  if (byte === undefined) throw damagedXz("cut off");
  return byte;
}

function take(cursor: Cursor): number {
  const byte = byteAt(cursor);
  cursor.at++;
  return byte;
}

function takeBytes(cursor: Cursor, count: number): Uint8Array {
  const bytes = cursor.input.subarray(cursor.at, cursor.at + count);
  if (bytes.length < count) throw damagedXz("cut off");
  cursor.at += count;
  return bytes;
}

/** Numbers here are sizes of blocks: four bytes of seven bits are plenty. */
function readVarint(cursor: Cursor): number {
  let value = 0;
  for (let i = 0; i < 4; i++) {
    const byte = take(cursor);
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return value;
  }
  throw damagedXz("a number is too large");
}

function unsupported(what: string): GreenticError {
  return new GreenticError("PACK_SQUASHFS_COMPRESSION_UNSUPPORTED", `Inflate xz block: ${what}`);
}
