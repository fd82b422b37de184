import { crc32 } from "node:zlib";
import { Pace, runWhole } from "../types/index.ts";
import type { Paced } from "../types/index.ts";
import {
  CENTRAL_BYTES,
  CENTRAL_SIGNATURE,
  compareInArchive,
  DATE_1980,
  END_BYTES,
  END_SIGNATURE,
  EXTERNAL_ATTRIBUTES,
  LOCAL_BYTES,
  LOCAL_SIGNATURE,
  MADE_BY,
  METHOD_STORE,
  NEEDED_STORE,
  SHARED_BYTES,
  SHARED_IN_CENTRAL,
  SHARED_IN_LOCAL,
} from "./zip-format.ts";

/** A file to be written. */
export interface ZipFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * Writes the one archive that these files have: stored, in path order with manifest.cbor first, time 1980-01-01, mode 0644.
 * Written by hand rather than through yazl: the bytes are the format, the reader beside it pins every one of them, and a
 * library's next release must not change a pack's bytes.
 * Paths must already satisfy the profile.
 */
export function writeZip(files: readonly ZipFile[]): Uint8Array<ArrayBuffer> {
  return runWhole(writeZipPaced(files, new Pace()));
}

/** Writing a header takes about so many microseconds, and copying and checking so many bytes one. */
const STEPS_PER_FILE = 5;
const BYTES_PER_STEP = 700;
const SLICE_BYTES = 1 << 20;

/** Writes as {@link writeZip}, in turns. */
export function* writeZipPaced(files: readonly ZipFile[], pace: Pace): Paced<Uint8Array<ArrayBuffer>> {
  const ordered = files.toSorted((a, b) => compareInArchive(a.path, b.path));
  const size = ordered.reduce(
    (sum, f) => sum + LOCAL_BYTES + CENTRAL_BYTES + 2 * f.path.length + f.bytes.length,
    END_BYTES,
  );
  const out = Buffer.alloc(size);
  let offset = 0;
  const offsets: number[] = [];
  for (const file of ordered) {
    if (pace.spend(STEPS_PER_FILE)) yield;
    const data = offset + LOCAL_BYTES + file.path.length;
    let checksum = 0;
    for (let at = 0; at < file.bytes.length; at += SLICE_BYTES) {
      const slice = file.bytes.subarray(at, at + SLICE_BYTES);
      if (pace.spend(slice.length / BYTES_PER_STEP)) yield;
      checksum = crc32(slice, checksum);
      out.set(slice, data + at);
    }
    out.writeUInt32LE(LOCAL_SIGNATURE, offset);
    writeShared(out.subarray(offset + SHARED_IN_LOCAL), file, checksum);
    out.write(file.path, offset + LOCAL_BYTES, "latin1");
    offsets.push(offset);
    offset = data + file.bytes.length;
  }
  const centralOffset = offset;
  for (const [i, file] of ordered.entries()) {
    if (pace.spend(STEPS_PER_FILE)) yield;
    out.writeUInt32LE(CENTRAL_SIGNATURE, offset);
    out.writeUInt16LE(MADE_BY, offset + 4);
    out.copy(
      out,
      offset + SHARED_IN_CENTRAL,
      (offsets[i] ?? 0) + SHARED_IN_LOCAL,
      (offsets[i] ?? 0) + SHARED_IN_LOCAL + SHARED_BYTES,
    );
    out.writeUInt32LE(EXTERNAL_ATTRIBUTES, offset + 38);
    out.writeUInt32LE(offsets[i] ?? 0, offset + 42);
    out.write(file.path, offset + CENTRAL_BYTES, "latin1");
    offset += CENTRAL_BYTES + file.path.length;
  }
  out.writeUInt32LE(END_SIGNATURE, offset);
  out.writeUInt16LE(ordered.length, offset + 8);
  out.writeUInt16LE(ordered.length, offset + 10);
  out.writeUInt32LE(offset - centralOffset, offset + 12);
  out.writeUInt32LE(centralOffset, offset + 16);
  return out;
}

/** Writes the 26 bytes that local and central header share; flags, time and extra length stay 0. */
function writeShared(out: Buffer, file: ZipFile, checksum: number): void {
  out.writeUInt16LE(NEEDED_STORE, 0);
  out.writeUInt16LE(METHOD_STORE, 4);
  out.writeUInt16LE(DATE_1980, 8);
  out.writeUInt32LE(checksum, 10);
  out.writeUInt32LE(file.bytes.length, 14);
  out.writeUInt32LE(file.bytes.length, 18);
  out.writeUInt16LE(file.path.length, 22);
}
