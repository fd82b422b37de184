/**
 * Reads the ZIP archives of the public tools. What could make two readers see two archives is refused as in the strict profile:
 * bytes before or behind, overlapping entries, headers that disagree, names that leave the pack or collide, links, sizes over the
 * limits. What is only unusual is counted and told: comments, extra fields, descriptors, other modes and dates, folders, gaps.
 */
import { GreenticError } from "../../types/index.ts";
import type { ErrorCode } from "../../types/index.ts";
import { PACK_LIMITS } from "../pack-limits.ts";
import type { PackLimits } from "../pack-limits.ts";
import type { PackFinding } from "../report.ts";
import {
  END_BYTES,
  END_SIGNATURE,
  EXTERNAL_ATTRIBUTES,
  FLAG_DESCRIPTOR,
  LOCAL_BYTES,
  LOCAL_SIGNATURE,
  METHOD_STORE,
} from "../zip-format.ts";
import {
  checkEncryption,
  checkMethod,
  checkStored,
  isZip64,
  NameCheck,
  readCentralHeader,
  refuseZip as refuse,
  SizeCheck,
} from "../zip-header.ts";
import type { CentralHeader } from "../zip-header.ts";
import type { ZipEntry } from "../zip-read.ts";

/** An entry as the directory states it. */
interface LooseHeader extends CentralHeader {
  readonly path: string;
}

interface Directory {
  readonly headers: readonly LooseHeader[];
  readonly centralOffset: number;
  readonly commentBytes: number;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const FOLDER = 0o040000;
const REGULAR = 0o100000;
const FILE_TYPE = 0o170000;
/** Version "made by" whose upper byte says that the attributes are a Unix mode. */
const UNIX = 3;

/** Reads an archive's directory and nothing else. @throws PACK_ZIP_… */
export function readLooseDirectory(bytes: Uint8Array, limits: PackLimits = PACK_LIMITS): Directory {
  if (bytes.length > limits.maxTotalBytes)
    throw refuse("PACK_ZIP_TOO_LARGE", `expected at most ${limits.maxTotalBytes} bytes, got ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = findEnd(view);
  const [disk, onDisk, entries] = [
    view.getUint16(end + 4, true),
    view.getUint16(end + 8, true),
    view.getUint16(end + 10, true),
  ];
  const [centralSize, centralOffset] = [view.getUint32(end + 12, true), view.getUint32(end + 16, true)];
  if (entries === 0xffff || centralSize === 0xffffffff || centralOffset === 0xffffffff)
    throw refuse("PACK_ZIP_ZIP64", "zip64 records");
  if (disk !== 0 || onDisk !== entries) throw refuse("PACK_ZIP_MULTIDISK", "split over several disks");
  if (entries > limits.maxEntries)
    throw refuse("PACK_ZIP_TOO_MANY_ENTRIES", `expected at most ${limits.maxEntries} entries, got ${entries}`);
  if (centralOffset + centralSize !== end)
    throw refuse("PACK_ZIP_PREFIX", "the central directory isn't where the end record says");
  const headers: LooseHeader[] = [];
  let at = centralOffset;
  for (let i = 0; i < entries; i++) {
    const header = readCentralHeader(bytes, { view, at, end });
    headers.push({ ...header, path: decodeName(header.name) });
    at = header.next;
  }
  if (at !== end) throw refuse("PACK_ZIP_GAP", `${end - at} bytes before the end record belong to no entry`);
  return { headers, centralOffset, commentBytes: bytes.length - end - END_BYTES };
}

/** The one end record whose comment reaches the end of the file. */
function findEnd(view: DataView): number {
  for (let at = view.byteLength - END_BYTES; at >= Math.max(0, view.byteLength - END_BYTES - 0xffff); at--) {
    if (view.getUint32(at, true) !== END_SIGNATURE) continue;
    const behind = view.byteLength - END_BYTES - at;
    if (view.getUint16(at + 20, true) !== behind)
      throw refuse("PACK_ZIP_TRAILING", `${behind} bytes after the end record`);
    return at;
  }
  throw refuse("PACK_ZIP_END_MISSING", "no end record");
}

function decodeName(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new GreenticError("PACK_ZIP_NAME_INVALID", "Read archive: an entry's name is not UTF-8", { cause: error });
  }
}

/** Reads the entries of an archive; sizes are claims that inflating holds them to. @throws PACK_ZIP_… */
export function readLooseZip(
  bytes: Uint8Array,
  limits: PackLimits = PACK_LIMITS,
): { readonly entries: readonly ZipEntry[]; readonly findings: readonly PackFinding[] } {
  const { headers, centralOffset, commentBytes } = readLooseDirectory(bytes, limits);
  const oddities = new Oddities();
  if (commentBytes > 0) oddities.add("PACK_ZIP_COMMENT", "an archive comment");
  const names = new NameCheck();
  const entries: ZipEntry[] = [];
  const places: { readonly from: number; readonly to: number; readonly path: string }[] = [];
  const sizes = new SizeCheck(limits);
  for (const header of headers) {
    const isFolder = checkHeader(header, oddities);
    sizes.check(header, header.path);
    const data = checkLocal(bytes, header, centralOffset);
    places.push({ from: header.localOffset, to: data + header.packedSize, path: header.path });
    if (isFolder) continue;
    if (names.check(header.path)) oddities.add("PACK_ZIP_NAME_INVALID", "names with unusual characters", header.path);
    entries.push({
      path: header.path,
      method: header.method === METHOD_STORE ? "store" : "deflate",
      packed: bytes.subarray(data, data + header.packedSize),
      crc32: header.crc32,
      sizeBytes: header.sizeBytes,
    });
  }
  checkPlaces(places, { centralOffset, oddities });
  return { entries, findings: oddities.findings };
}

/** Tells whether the entry is a folder. */
function checkHeader(header: LooseHeader, oddities: Oddities): boolean {
  const { path, flags, attributes, sizeBytes } = header;
  if (isZip64(header)) throw refuse("PACK_ZIP_ZIP64", "zip64 sizes", path);
  checkEncryption(header, path);
  checkMethod(header, path);
  checkStored(header, path);
  const type = header.madeBy >> 8 === UNIX ? (attributes >>> 16) & FILE_TYPE : 0;
  const isFolder = path.endsWith("/");
  if (type !== 0 && type !== (isFolder ? FOLDER : REGULAR))
    throw refuse("PACK_ZIP_FILE_IRREGULAR", `expected a regular file, got mode 0${type.toString(8)}`, path);
  if (isFolder && sizeBytes > 0) throw refuse("PACK_ZIP_FILE_IRREGULAR", "a folder with content", path);
  if (isFolder) oddities.add("PACK_ZIP_FILE_IRREGULAR", "folders", path);
  else if (attributes !== EXTERNAL_ATTRIBUTES) oddities.add("PACK_ZIP_FILE_IRREGULAR", "modes other than 0644", path);
  if ((flags & FLAG_DESCRIPTOR) !== 0) oddities.add("PACK_ZIP_DESCRIPTOR", "data descriptors", path);
  if (header.extraBytes > 0) oddities.add("PACK_ZIP_EXTRA_FIELD", "extra fields", path);
  if (header.commentBytes > 0) oddities.add("PACK_ZIP_COMMENT", "comments of entries", path);
  return isFolder;
}

/** Holds the local header to the central one in name, method and, where it states them, sizes; returns where data begins. */
function checkLocal(bytes: Uint8Array, header: LooseHeader, centralOffset: number): number {
  const { path, localOffset: at } = header;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (at + LOCAL_BYTES > centralOffset || view.getUint32(at, true) !== LOCAL_SIGNATURE)
    throw refuse("PACK_ZIP_HEADER_INVALID", `no local header at offset ${at}`, path);
  const nameEnd = at + LOCAL_BYTES + view.getUint16(at + 26, true);
  const data = nameEnd + view.getUint16(at + 28, true);
  if (data + header.packedSize > centralOffset)
    throw refuse("PACK_ZIP_OVERLAP", "reaches into the central directory", path);
  const hasDescriptor = (header.flags & FLAG_DESCRIPTOR) !== 0;
  const own = [view.getUint32(at + 14, true), view.getUint32(at + 18, true), view.getUint32(at + 22, true)];
  const claimed = [header.crc32, header.packedSize, header.sizeBytes];
  const isSame = own.every((value, i) => value === claimed[i] || (hasDescriptor && value === 0));
  const isSameName = decodeName(bytes.subarray(at + LOCAL_BYTES, nameEnd)) === path;
  if (!isSame || !isSameName || view.getUint16(at + 8, true) !== header.method)
    throw refuse("PACK_ZIP_HEADER_MISMATCH", "the local header differs from the central one", path);
  return data;
}

/** No two entries share a byte; bytes between them, where descriptors stand, are told. */
function checkPlaces(
  places: readonly { readonly from: number; readonly to: number; readonly path: string }[],
  { centralOffset, oddities }: { readonly centralOffset: number; readonly oddities: Oddities },
): void {
  let end = 0;
  for (const { from, to, path } of places.toSorted((a, b) => a.from - b.from)) {
    if (from < end) throw refuse("PACK_ZIP_OVERLAP", "shares bytes with the entry before it", path);
    if (from > end && end === 0)
      throw refuse("PACK_ZIP_PREFIX", `${from} bytes in front of it belong to no entry`, path);
    if (from > end) oddities.add("PACK_ZIP_GAP", "bytes between entries", path);
    end = to;
  }
  if (end < centralOffset) oddities.add("PACK_ZIP_GAP", "bytes before the central directory");
}

/** Counts what is unusual, one finding a kind. */
class Oddities {
  readonly #found = new Map<string, { readonly code: ErrorCode; readonly path: string | undefined; times: number }>();

  add(code: ErrorCode, what: string, path?: string): void {
    const known = this.#found.get(what);
    if (known === undefined) this.#found.set(what, { code, path, times: 1 });
    else known.times++;
  }

  get findings(): readonly PackFinding[] {
    return [...this.#found].map(([what, { code, path, times }]) => ({
      code,
      severity: "warning",
      ...(path === undefined ? {} : { path }),
      message: `Read archive: ${what}, ${times} time${times === 1 ? "" : "s"}, which the strict profile has not`,
    }));
  }
}
