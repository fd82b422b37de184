import { GreenticError, Pace, quote, runWhole } from "../types/index.ts";
import type { ErrorCode, Paced } from "../types/index.ts";
import { entryPathProblem } from "./entry-path.ts";
import { PACK_LIMITS } from "./pack-limits.ts";
import type { PackLimits } from "./pack-limits.ts";
import {
  CENTRAL_BYTES,
  CENTRAL_SIGNATURE,
  compareInArchive,
  DATE_1980,
  END_BYTES,
  END_SIGNATURE,
  EXTERNAL_ATTRIBUTES,
  FLAG_DESCRIPTOR,
  FLAG_ENCRYPTED,
  FLAG_MASKED_HEADERS,
  FLAG_STRONG_ENCRYPTION,
  LOCAL_BYTES,
  LOCAL_SIGNATURE,
  MADE_BY,
  METHOD_DEFLATE,
  METHOD_STORE,
  NEEDED_DEFLATE,
  NEEDED_STORE,
  SHARED_BYTES,
  SHARED_IN_CENTRAL,
  SHARED_IN_LOCAL,
  ZIP64_LOCATOR_SIGNATURE,
} from "./zip-format.ts";

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
  const seen = new Map<string, string>();
  let local = 0;
  let central = end.centralOffset;
  let total = 0;
  for (let i = 0; i < end.entries; i++) {
    if (pace.spend(STEPS_PER_HEADER)) yield;
    const header = readCentral(bytes, { view, offset: central, endOffset: end.endOffset });
    checkName(header.path, seen);
    checkOrder(header.path, entries.at(-1)?.path);
    if (header.size > limits.maxEntryBytes)
      throw refuse(
        "PACK_ZIP_ENTRY_TOO_LARGE",
        `expected at most ${limits.maxEntryBytes} bytes, got ${header.size}`,
        header.path,
      );
    total += header.size;
    if (total > limits.maxTotalBytes)
      throw refuse(
        "PACK_ZIP_TOO_LARGE",
        `expected at most ${limits.maxTotalBytes} bytes unpacked, got more`,
        header.path,
      );
    if (header.size > header.packedSize * limits.maxRatio)
      throw refuse("PACK_ZIP_RATIO_EXCEEDED", `expected at most ${limits.maxRatio}:1`, header.path);
    checkPlace(header, { expected: local, isFirst: i === 0 });
    const data = checkLocal(bytes, { view, header, central, centralOffset: end.centralOffset });
    entries.push({
      path: header.path,
      method: header.method === METHOD_STORE ? "store" : "deflate",
      packed: bytes.subarray(data, data + header.packedSize),
      crc32: header.crc32,
      sizeBytes: header.size,
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

function refuse(code: ErrorCode, state: string, path?: string): GreenticError {
  return new GreenticError(code, `Read archive${path === undefined ? "" : ` entry ${quote(path)}`}: ${state}`, {
    details: path === undefined ? undefined : { path },
  });
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

interface Central {
  readonly path: string;
  readonly method: number;
  readonly crc32: number;
  readonly packedSize: number;
  readonly size: number;
  readonly localOffset: number;
  /** Where the next central header begins. */
  readonly next: number;
}

function readCentral(
  bytes: Uint8Array,
  { view, offset, endOffset }: { readonly view: DataView; readonly offset: number; readonly endOffset: number },
): Central {
  if (offset + CENTRAL_BYTES > endOffset || view.getUint32(offset, true) !== CENTRAL_SIGNATURE)
    throw refuse("PACK_ZIP_HEADER_INVALID", `no central header at offset ${offset}`);
  const u16 = (at: number): number => view.getUint16(offset + at, true);
  const u32 = (at: number): number => view.getUint32(offset + at, true);
  const nameEnd = offset + CENTRAL_BYTES + u16(28);
  const next = nameEnd + u16(30) + u16(32);
  if (next > endOffset)
    throw refuse("PACK_ZIP_HEADER_INVALID", `the central header at offset ${offset} reaches past its directory`);
  const path = Buffer.from(bytes.subarray(offset + CENTRAL_BYTES, nameEnd)).toString("latin1");
  const [needed, flags, method, packedSize, size, localOffset] = [u16(6), u16(8), u16(10), u32(20), u32(24), u32(42)];
  if (packedSize === 0xffffffff || size === 0xffffffff || localOffset === 0xffffffff || needed >= 45)
    throw refuse("PACK_ZIP_ZIP64", "zip64 sizes", path);
  if ((flags & (FLAG_ENCRYPTED | FLAG_STRONG_ENCRYPTION | FLAG_MASKED_HEADERS)) !== 0)
    throw refuse("PACK_ZIP_ENCRYPTED", "encrypted", path);
  if ((flags & FLAG_DESCRIPTOR) !== 0) throw refuse("PACK_ZIP_DESCRIPTOR", "sizes in a data descriptor", path);
  if (flags !== 0) throw refuse("PACK_ZIP_FLAG_UNSUPPORTED", `expected no flags, got 0x${flags.toString(16)}`, path);
  if (method !== METHOD_STORE && method !== METHOD_DEFLATE)
    throw refuse("PACK_ZIP_METHOD_UNSUPPORTED", `expected store or deflate, got method ${method}`, path);
  if (u16(30) !== 0) throw refuse("PACK_ZIP_EXTRA_FIELD", `${u16(30)} bytes of extra fields`, path);
  if (u16(32) !== 0) throw refuse("PACK_ZIP_COMMENT", `a comment of ${u16(32)} bytes`, path);
  if (u16(34) !== 0) throw refuse("PACK_ZIP_MULTIDISK", `on disk ${u16(34)}`, path);
  if (u16(4) !== MADE_BY || u16(36) !== 0 || needed !== (method === METHOD_STORE ? NEEDED_STORE : NEEDED_DEFLATE))
    throw refuse(
      "PACK_ZIP_HEADER_INVALID",
      "version or attribute fields that the profile fixes have other values",
      path,
    );
  if (u16(12) !== 0 || u16(14) !== DATE_1980)
    throw refuse("PACK_ZIP_TIME_INVALID", "expected the time 1980-01-01 00:00", path);
  if (u32(38) !== EXTERNAL_ATTRIBUTES)
    throw refuse(
      "PACK_ZIP_FILE_IRREGULAR",
      `expected a regular file of mode 0644, got attributes 0x${u32(38).toString(16)}`,
      path,
    );
  if (method === METHOD_STORE && packedSize !== size)
    throw refuse("PACK_ZIP_SIZE_MISMATCH", `stored, but ${packedSize} bytes packed and ${size} unpacked`, path);
  return { path, method, crc32: u32(16), packedSize, size, localOffset, next };
}

function checkName(path: string, seen: Map<string, string>): void {
  const problem = entryPathProblem(path);
  if (problem !== undefined) throw refuse("PACK_ZIP_NAME_INVALID", problem, path);
  const folded = path.toLowerCase();
  const other = seen.get(folded);
  if (other !== undefined) throw refuse("PACK_ZIP_NAME_DUPLICATE", `same name as ${quote(other)}`, path);
  seen.set(folded, path);
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
