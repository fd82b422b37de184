/**
 * Reads a tar archive (POSIX.1-1988 ustar), the form of public deployment packs: a header of 512 bytes before every file, its
 * content in blocks of 512, two blocks of zeros at the end. Links, devices and header extensions are refused.
 */
import { GreenticError, quote } from "../../types/index.ts";
import type { ErrorCode } from "../../types/index.ts";
import { PACK_LIMITS } from "../pack-limits.ts";
import type { PackLimits } from "../pack-limits.ts";
import { NameCheck } from "../zip-header.ts";

const BLOCK = 512;
const MAGIC_AT = 257;
const CHECKSUM = { at: 148, length: 8 };
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** A file of a tar archive; its bytes are a view. */
export interface TarFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Tells whether bytes begin as a ustar archive. */
export function isTar(bytes: Uint8Array): boolean {
  return bytes.length >= BLOCK && Buffer.from(bytes.subarray(MAGIC_AT, MAGIC_AT + 5)).toString("latin1") === "ustar";
}

/** Reads all files. @throws PACK_TAR_INVALID, PACK_ZIP_NAME_…, PACK_ZIP_…_TOO_LARGE, PACK_ZIP_TOO_MANY_ENTRIES */
export function readTar(bytes: Uint8Array, limits: PackLimits = PACK_LIMITS): readonly TarFile[] {
  if (bytes.length > limits.maxTotalBytes)
    throw refuse("PACK_ZIP_TOO_LARGE", `expected at most ${limits.maxTotalBytes} bytes, got ${bytes.length}`);
  const files: TarFile[] = [];
  const names = new NameCheck();
  let at = 0;
  for (;;) {
    const header = bytes.subarray(at, at + BLOCK);
    if (header.length < BLOCK) throw refuse("PACK_TAR_INVALID", `cut off at offset ${at}`);
    if (header.every((byte) => byte === 0)) break;
    const { path, sizeBytes, isFolder } = readHeader(header, at);
    const from = at + BLOCK;
    if (sizeBytes > limits.maxEntryBytes)
      throw refuse(
        "PACK_ZIP_ENTRY_TOO_LARGE",
        `expected at most ${limits.maxEntryBytes} bytes, got ${sizeBytes}`,
        path,
      );
    if (from + sizeBytes > bytes.length) throw refuse("PACK_TAR_INVALID", "cut off in its content", path);
    if (!isFolder) {
      names.check(path);
      files.push({ path, bytes: bytes.subarray(from, from + sizeBytes) });
    }
    if (files.length > limits.maxEntries)
      throw refuse("PACK_ZIP_TOO_MANY_ENTRIES", `expected at most ${limits.maxEntries} entries, got more`);
    at = from + Math.ceil(sizeBytes / BLOCK) * BLOCK;
  }
  if (bytes.subarray(at).some((byte) => byte !== 0))
    throw refuse("PACK_TAR_INVALID", `bytes after its end at offset ${at}`);
  return files;
}

function readHeader(
  header: Uint8Array,
  at: number,
): { readonly path: string; readonly sizeBytes: number; readonly isFolder: boolean } {
  if (!isTar(header)) throw refuse("PACK_TAR_INVALID", `no ustar header at offset ${at}`);
  const text = (offset: number, length: number): string => {
    const field = header.subarray(offset, offset + length);
    const end = field.indexOf(0);
    try {
      return utf8.decode(end < 0 ? field : field.subarray(0, end));
    } catch (error) {
      throw new GreenticError("PACK_TAR_INVALID", `Read tar: a name at offset ${at} is not UTF-8`, { cause: error });
    }
  };
  const number = (offset: number, length: number): number => {
    const digits = text(offset, length).trim();
    if (!/^[0-7]{1,11}$/.test(digits)) throw refuse("PACK_TAR_INVALID", `no octal number at offset ${at + offset}`);
    return Number.parseInt(digits, 8);
  };
  let sum = CHECKSUM.length * 0x20;
  for (const [i, byte] of header.entries()) if (i < CHECKSUM.at || i >= CHECKSUM.at + CHECKSUM.length) sum += byte;
  if (number(CHECKSUM.at, CHECKSUM.length) !== sum)
    throw refuse("PACK_TAR_INVALID", `the header at offset ${at} has another checksum`);
  const prefix = text(345, 155);
  const path = prefix === "" ? text(0, 100) : `${prefix}/${text(0, 100)}`;
  const type = text(156, 1);
  if (type !== "" && type !== "0" && type !== "5")
    throw refuse("PACK_ZIP_FILE_IRREGULAR", `expected a regular file, got type ${quote(type)}`, path);
  return { path, sizeBytes: number(124, 12), isFolder: type === "5" };
}

function refuse(code: ErrorCode, state: string, path?: string): GreenticError {
  return new GreenticError(code, `Read tar${path === undefined ? "" : ` entry ${quote(path)}`}: ${state}`, {
    details: path === undefined ? undefined : { path },
  });
}
