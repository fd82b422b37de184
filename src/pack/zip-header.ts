/** What both readers of archives do alike: the one of the strict profile, and the one of the public tools' packs. */
import { GreenticError, quote } from "../types/index.ts";
import type { ErrorCode } from "../types/index.ts";
import { entryPathProblem } from "./entry-path.ts";
import type { PackLimits } from "./pack-limits.ts";
import {
  CENTRAL_BYTES,
  CENTRAL_SIGNATURE,
  FLAG_ENCRYPTED,
  FLAG_MASKED_HEADERS,
  FLAG_STRONG_ENCRYPTION,
  METHOD_DEFLATE,
  METHOD_STORE,
} from "./zip-format.ts";

/** A central header's fields as they stand, none of them judged. */
export interface CentralHeader {
  readonly madeBy: number;
  readonly needed: number;
  readonly flags: number;
  readonly method: number;
  readonly time: number;
  readonly date: number;
  readonly crc32: number;
  readonly packedSize: number;
  readonly sizeBytes: number;
  readonly extraBytes: number;
  readonly commentBytes: number;
  readonly disk: number;
  readonly internal: number;
  readonly attributes: number;
  readonly localOffset: number;
  /** The name as it is encoded: a view. */
  readonly name: Uint8Array;
  /** Where the next central header begins. */
  readonly next: number;
}

/** Reads the central header at an offset, which ends before `end`. @throws PACK_ZIP_HEADER_INVALID */
export function readCentralHeader(
  bytes: Uint8Array,
  { view, at, end }: { readonly view: DataView; readonly at: number; readonly end: number },
): CentralHeader {
  if (at + CENTRAL_BYTES > end || view.getUint32(at, true) !== CENTRAL_SIGNATURE)
    throw refuseZip("PACK_ZIP_HEADER_INVALID", `no central header at offset ${at}`);
  const u16 = (offset: number): number => view.getUint16(at + offset, true);
  const u32 = (offset: number): number => view.getUint32(at + offset, true);
  const nameEnd = at + CENTRAL_BYTES + u16(28);
  const next = nameEnd + u16(30) + u16(32);
  if (next > end)
    throw refuseZip("PACK_ZIP_HEADER_INVALID", `the central header at offset ${at} reaches past its directory`);
  return {
    madeBy: u16(4),
    needed: u16(6),
    flags: u16(8),
    method: u16(10),
    time: u16(12),
    date: u16(14),
    crc32: u32(16),
    packedSize: u32(20),
    sizeBytes: u32(24),
    extraBytes: u16(30),
    commentBytes: u16(32),
    disk: u16(34),
    internal: u16(36),
    attributes: u32(38),
    localOffset: u32(42),
    name: bytes.subarray(at + CENTRAL_BYTES, nameEnd),
    next,
  };
}

/** Tells whether a size or offset stands in a zip64 record instead. */
export function isZip64({ packedSize, sizeBytes, localOffset }: CentralHeader): boolean {
  return packedSize === 0xffffffff || sizeBytes === 0xffffffff || localOffset === 0xffffffff;
}

/** @throws PACK_ZIP_ENCRYPTED */
export function checkEncryption({ flags }: CentralHeader, path: string): void {
  if ((flags & (FLAG_ENCRYPTED | FLAG_STRONG_ENCRYPTION | FLAG_MASKED_HEADERS)) !== 0)
    throw refuseZip("PACK_ZIP_ENCRYPTED", "encrypted", path);
}

/** @throws PACK_ZIP_METHOD_UNSUPPORTED */
export function checkMethod({ method }: CentralHeader, path: string): void {
  if (method !== METHOD_STORE && method !== METHOD_DEFLATE)
    throw refuseZip("PACK_ZIP_METHOD_UNSUPPORTED", `expected store or deflate, got method ${method}`, path);
}

/** @throws PACK_ZIP_SIZE_MISMATCH where a stored entry has two sizes */
export function checkStored({ method, packedSize, sizeBytes }: CentralHeader, path: string): void {
  if (method === METHOD_STORE && packedSize !== sizeBytes)
    throw refuseZip("PACK_ZIP_SIZE_MISMATCH", `stored, but ${packedSize} bytes packed and ${sizeBytes} unpacked`, path);
}

/** Holds the sizes of entries, each and together, to the caps. */
export class SizeCheck {
  readonly #limits: PackLimits;
  #total = 0;

  constructor(limits: PackLimits) {
    this.#limits = limits;
  }

  /** @throws PACK_ZIP_ENTRY_TOO_LARGE, PACK_ZIP_TOO_LARGE, PACK_ZIP_RATIO_EXCEEDED */
  check({ packedSize, sizeBytes }: Pick<CentralHeader, "packedSize" | "sizeBytes">, path: string): void {
    const { maxEntryBytes, maxTotalBytes, maxRatio } = this.#limits;
    this.#total += sizeBytes;
    if (sizeBytes > maxEntryBytes)
      throw refuseZip("PACK_ZIP_ENTRY_TOO_LARGE", `expected at most ${maxEntryBytes} bytes, got ${sizeBytes}`, path);
    if (this.#total > maxTotalBytes)
      throw refuseZip("PACK_ZIP_TOO_LARGE", `expected at most ${maxTotalBytes} bytes unpacked, got more`, path);
    if (sizeBytes > packedSize * maxRatio)
      throw refuseZip("PACK_ZIP_RATIO_EXCEEDED", `expected at most ${maxRatio}:1`, path);
  }
}

/** Refuses names that leave the pack or collide. */
export class NameCheck {
  readonly #characters: "strict" | "any";
  readonly #seen = new Map<string, string>();

  constructor(characters: "strict" | "any" = "any") {
    this.#characters = characters;
  }

  /** Tells whether a name has unusual characters. @throws PACK_ZIP_NAME_INVALID, PACK_ZIP_NAME_DUPLICATE */
  check(path: string): boolean {
    const problem = entryPathProblem(path, { characters: this.#characters });
    if (problem !== undefined) throw refuseZip("PACK_ZIP_NAME_INVALID", problem, path);
    const folded = path.toLowerCase();
    const other = this.#seen.get(folded);
    if (other !== undefined) throw refuseZip("PACK_ZIP_NAME_DUPLICATE", `same name as ${quote(other)}`, path);
    this.#seen.set(folded, path);
    return this.#characters === "any" && entryPathProblem(path) !== undefined;
  }
}

/** Makes the error of a broken rule. */
export function refuseZip(code: ErrorCode, state: string, path?: string): GreenticError {
  return new GreenticError(code, `Read archive${path === undefined ? "" : ` entry ${quote(path)}`}: ${state}`, {
    details: path === undefined ? undefined : { path },
  });
}
