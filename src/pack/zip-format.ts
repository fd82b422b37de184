/**
 * The zip records that the pack profile uses (APPNOTE 6.3.10), little-endian:
 *   local    PK34, needed, flags, method, time, date, crc, packed, size, name length, extra length; name; data
 *   central  PK12, made by, the same 26 bytes, comment length, disk, internal, external, offset; name
 *   end      PK56, disk, disk, entries, entries, central size, central offset, comment length
 * Everything that a header could vary is fixed, so that a changed byte anywhere in the archive is an error.
 */
import { comparePaths } from "./entry-path.ts";

export const LOCAL_SIGNATURE = 0x04034b50;
export const CENTRAL_SIGNATURE = 0x02014b50;
export const END_SIGNATURE = 0x06054b50;
export const ZIP64_LOCATOR_SIGNATURE = 0x07064b50;

export const LOCAL_BYTES = 30;
export const CENTRAL_BYTES = 46;
export const END_BYTES = 22;

/** Where the 26 bytes stand that a local header shares with its central one, and how many they are. */
export const SHARED_IN_LOCAL = 4;
export const SHARED_IN_CENTRAL = 6;
export const SHARED_BYTES = 26;

export const METHOD_STORE = 0;
export const METHOD_DEFLATE = 8;

export const FLAG_ENCRYPTED = 0x1;
export const FLAG_DESCRIPTOR = 0x8;
export const FLAG_STRONG_ENCRYPTION = 0x40;
export const FLAG_MASKED_HEADERS = 0x2000;

/** Zip 2.0 on Unix: what gives the external attributes their meaning as a mode. */
export const MADE_BY = 0x0314;
export const NEEDED_STORE = 10;
export const NEEDED_DEFLATE = 20;
/** A regular file of mode 0644. */
export const EXTERNAL_ATTRIBUTES = 0o100644 * 0x10000;
/** 1980-01-01, the earliest date that the format knows; the time is 0. */
export const DATE_1980 = 0x0021;

const FIRST_ENTRY = "manifest.cbor";

/** Compares two entries by their places in an archive: manifest.cbor first, so that a reader knows a pack by its first bytes. */
export function compareInArchive(a: string, b: string): number {
  return Number(b === FIRST_ENTRY) - Number(a === FIRST_ENTRY) || comparePaths(a, b);
}
