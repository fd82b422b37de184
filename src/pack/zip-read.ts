import { Pace, quote, runWhole } from "../types/index.ts";
import type { GreenticError, Paced } from "../types/index.ts";
import { PACK_LIMITS } from "./pack-limits.ts";
import type { PackLimits } from "./pack-limits.ts";
import {
  CENTRAL_BYTES,
  compareInArchive,
  DATE_1980,
  END_BYTES,
  END_SIGNATURE,
  EXTERNAL_ATTRIBUTES,
  FLAG_DESCRIPTOR,
  LOCAL_BYTES,
  LOCAL_SIGNATURE,
  MADE_BY,
  METHOD_STORE,
  NEEDED_DEFLATE,
  NEEDED_STORE,
  SHARED_BYTES,
  SHARED_IN_CENTRAL,
  SHARED_IN_LOCAL,
  ZIP64_LOCATOR_SIGNATURE,
} from "./zip-format.ts";
import {
  checkEncryption,
  checkMethod,
  checkStored,
  isZip64,
  NameCheck,
  readCentralHeader,
  refuseZip as refuse,
  SizeCheck,
} from "./zip-header.ts";
import type { CentralHeader } from "./zip-header.ts";

/** One entry as its headers state it; nothing is inflated yet. */
export interface ZipEntry {
  readonly path: string;
  readonly method: "store" | "deflate";
  /** The entry's bytes as they stand in the archive: a view, not a copy. */
  readonly packed: Uint8Array;
  readonly crc32: number;
  readonly sizeBytes: number;
}

interface End {
  readonly entries: number;
  readonly centralOffset: number;
  readonly endOffset: number;
}

/**
 * Reads the directory of an archive of the strict profile: one way to read the bytes, or none. Every code names the one rule
 * that is broken. Sizes are the headers' claims: {@link ./entry-content.ts} holds them to it while it inflates.
 * @throws PACK_ZIP_…
 * @see pack-format.md, "Strict ZIP profile"
 */
export function readZip(bytes: Uint8Array, limits?: PackLimits): readonly ZipEntry[] {
  return runWhole(readZipPaced(bytes, new Pace(), limits));
}

/** Reading one header takes about so many microseconds. */
const STEPS_PER_HEADER = 5;

/** Reads as {@link readZip}, in turns. */
export function* readZipPaced(
  bytes: Uint8Array,
  pace: Pace,
  limits: PackLimits = PACK_LIMITS,
): Paced<readonly ZipEntry[]> {
  if (bytes.length > limits.maxTotalBytes)
    throw refuse("PACK_ZIP_TOO_LARGE", `expected at most ${limits.maxTotalBytes} bytes, got ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = readEnd(view, limits);
  const entries: ZipEntry[] = [];
  const names = new NameCheck("strict");
  const sizes = new SizeCheck(limits);
  let local = 0;
  let central = end.centralOffset;
  for (let i = 0; i < end.entries; i++) {
    if (pace.spend(STEPS_PER_HEADER)) yield;
    const header = readCentral(bytes, { view, offset: central, endOffset: end.endOffset });
    names.check(header.path);
    checkOrder(header.path, entries.at(-1)?.path);
    sizes.check(header, header.path);
    checkPlace(header, { expected: local, isFirst: i === 0 });
    const data = checkLocal(bytes, { view, header, central, centralOffset: end.centralOffset });
    entries.push({
      path: header.path,
      method: header.method === METHOD_STORE ? "store" : "deflate",
      packed: bytes.subarray(data, data + header.packedSize),
      crc32: header.crc32,
      sizeBytes: header.sizeBytes,
    });
    local = data + header.packedSize;
    central = header.next;
  }
  if (local < end.centralOffset)
    throw refuse("PACK_ZIP_GAP", `${end.centralOffset - local} bytes before the central directory belong to no entry`);
  if (local > end.centralOffset) throw refuse("PACK_ZIP_OVERLAP", "the last entry reaches into the central directory");
  if (central !== end.endOffset)
    throw refuse("PACK_ZIP_GAP", `${end.endOffset - central} bytes before the end record belong to no entry`);
  return entries;
}

function readEnd(view: DataView, limits: PackLimits): End {
  const at = view.byteLength - END_BYTES;
  if (at < 0 || view.getUint32(at, true) !== END_SIGNATURE) throw explainEnd(view);
  const comment = view.getUint16(at + 20, true);
  if (comment !== 0)
    throw refuse("PACK_ZIP_END_MISSING", `the end record announces ${comment} bytes that aren't there`);
  const entries = view.getUint16(at + 10, true);
  const centralSize = view.getUint32(at + 12, true);
  const centralOffset = view.getUint32(at + 16, true);
  const hasLocator = at >= 20 && view.getUint32(at - 20, true) === ZIP64_LOCATOR_SIGNATURE;
  if (entries === 0xffff || centralSize === 0xffffffff || centralOffset === 0xffffffff || hasLocator)
    throw refuse("PACK_ZIP_ZIP64", "zip64 records");
  if (
    view.getUint16(at + 4, true) !== 0 ||
    view.getUint16(at + 6, true) !== 0 ||
    view.getUint16(at + 8, true) !== entries
  )
    throw refuse("PACK_ZIP_MULTIDISK", "split over several disks");
  if (entries > limits.maxEntries)
    throw refuse("PACK_ZIP_TOO_MANY_ENTRIES", `expected at most ${limits.maxEntries} entries, got ${entries}`);
  if (centralOffset + centralSize > at)
    throw refuse("PACK_ZIP_HEADER_INVALID", "the central directory reaches past the end record");
  if (centralOffset + centralSize < at) {
    // Readers that search from the end would shift all offsets by this much: a second archive hides in front.
    const first = view.getUint32(0, true);
    const code = first === LOCAL_SIGNATURE || first === END_SIGNATURE ? "PACK_ZIP_GAP" : "PACK_ZIP_PREFIX";
    throw refuse(code, `${at - centralOffset - centralSize} bytes belong to no record`);
  }
  return { entries, centralOffset, endOffset: at };
}

/** Names why there is no end record in the last 22 bytes. */
function explainEnd(view: DataView): GreenticError {
  for (let at = view.byteLength - END_BYTES - 1; at >= Math.max(0, view.byteLength - END_BYTES - 0xffff); at--) {
    if (view.getUint32(at, true) !== END_SIGNATURE) continue;
    const comment = view.getUint16(at + 20, true);
    const after = view.byteLength - END_BYTES - at;
    return comment === after
      ? refuse("PACK_ZIP_COMMENT", `an archive comment of ${comment} bytes`)
      : refuse("PACK_ZIP_TRAILING", `${after} bytes after the end record`);
  }
  return refuse("PACK_ZIP_END_MISSING", "no end record in the last 22 bytes");
}

interface Central extends CentralHeader {
  readonly path: string;
}

function readCentral(
  bytes: Uint8Array,
  { view, offset, endOffset }: { readonly view: DataView; readonly offset: number; readonly endOffset: number },
): Central {
  const header = readCentralHeader(bytes, { view, at: offset, end: endOffset });
  const path = Buffer.from(header.name).toString("latin1");
  const { needed, flags, method } = header;
  if (isZip64(header) || needed >= 45) throw refuse("PACK_ZIP_ZIP64", "zip64 sizes", path);
  checkEncryption(header, path);
  if ((flags & FLAG_DESCRIPTOR) !== 0) throw refuse("PACK_ZIP_DESCRIPTOR", "sizes in a data descriptor", path);
  if (flags !== 0) throw refuse("PACK_ZIP_FLAG_UNSUPPORTED", `expected no flags, got 0x${flags.toString(16)}`, path);
  checkMethod(header, path);
  if (header.extraBytes !== 0) throw refuse("PACK_ZIP_EXTRA_FIELD", `${header.extraBytes} bytes of extra fields`, path);
  if (header.commentBytes !== 0) throw refuse("PACK_ZIP_COMMENT", `a comment of ${header.commentBytes} bytes`, path);
  if (header.disk !== 0) throw refuse("PACK_ZIP_MULTIDISK", `on disk ${header.disk}`, path);
  const expected = method === METHOD_STORE ? NEEDED_STORE : NEEDED_DEFLATE;
  if (header.madeBy !== MADE_BY || header.internal !== 0 || needed !== expected)
    throw refuse(
      "PACK_ZIP_HEADER_INVALID",
      "version or attribute fields that the profile fixes have other values",
      path,
    );
  if (header.time !== 0 || header.date !== DATE_1980)
    throw refuse("PACK_ZIP_TIME_INVALID", "expected the time 1980-01-01 00:00", path);
  if (header.attributes !== EXTERNAL_ATTRIBUTES)
    throw refuse(
      "PACK_ZIP_FILE_IRREGULAR",
      `expected a regular file of mode 0644, got attributes 0x${header.attributes.toString(16)}`,
      path,
    );
  checkStored(header, path);
  return { ...header, path };
}

/** One set of entries has one order: two archives of one pack hash are one file, and swapped entries are found. */
function checkOrder(path: string, before: string | undefined): void {
  if (before === undefined || compareInArchive(before, path) < 0) return;
  throw refuse("PACK_ZIP_ORDER_INVALID", `expected it before ${quote(before)}`, path);
}

function checkPlace(
  header: Central,
  { expected, isFirst }: { readonly expected: number; readonly isFirst: boolean },
): void {
  if (header.localOffset === expected) return;
  if (header.localOffset < expected)
    throw refuse("PACK_ZIP_OVERLAP", "shares bytes with the entry before it", header.path);
  const bytes = header.localOffset - expected;
  throw refuse(
    isFirst ? "PACK_ZIP_PREFIX" : "PACK_ZIP_GAP",
    `${bytes} bytes in front of it belong to no entry`,
    header.path,
  );
}

/** Holds the local header to the central one, byte for byte, and returns where the entry's data begins. */
function checkLocal(
  bytes: Uint8Array,
  at: { readonly view: DataView; readonly header: Central; readonly central: number; readonly centralOffset: number },
): number {
  const { header } = at;
  const nameAt = header.localOffset + LOCAL_BYTES;
  const data = nameAt + header.path.length;
  if (data + header.packedSize > at.centralOffset)
    throw refuse("PACK_ZIP_OVERLAP", "reaches into the central directory", header.path);
  if (at.view.getUint32(header.localOffset, true) !== LOCAL_SIGNATURE)
    throw refuse("PACK_ZIP_HEADER_INVALID", `no local header at offset ${header.localOffset}`, header.path);
  const fields = {
    local: header.localOffset + SHARED_IN_LOCAL,
    central: at.central + SHARED_IN_CENTRAL,
    length: SHARED_BYTES,
  };
  const names = { local: nameAt, central: at.central + CENTRAL_BYTES, length: header.path.length };
  for (const { local, central, length } of [fields, names]) {
    for (let i = 0; i < length; i++) {
      if (bytes[local + i] !== bytes[central + i])
        throw refuse(
          "PACK_ZIP_HEADER_MISMATCH",
          `the local header differs from the central one at offset ${local + i}`,
          header.path,
        );
    }
  }
  return data;
}
