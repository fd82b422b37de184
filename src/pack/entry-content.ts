import { crc32, inflateRawSync } from "node:zlib";
import { GreenticError, quote } from "../types/index.ts";
import type { ErrorCode } from "../types/index.ts";
import type { ZipEntry } from "./zip-read.ts";

/** What {@link inflateEntry} needs of an entry; its data may be elsewhere. */
export type EntryClaims = Pick<ZipEntry, "path" | "crc32" | "sizeBytes">;

/**
 * Inflates a deflated entry within the size that its header claims, which the caps have bounded: zlib stops at the first byte
 * too many, whatever the headers say.
 * @throws PACK_ZIP_INFLATE_FAILED, PACK_ZIP_SIZE_MISMATCH
 */
export function inflateEntry(packed: Uint8Array, claims: EntryClaims): Uint8Array<ArrayBuffer> {
  let result: { readonly buffer: Uint8Array<ArrayBuffer>; readonly engine: { readonly bytesWritten: number } };
  try {
    // `info` tells how much of the input was used: bytes behind the stream's end would be hidden in the archive.
    result = inflateRawSync(packed, {
      maxOutputLength: Math.max(1, claims.sizeBytes),
      info: true,
    }) as unknown as typeof result;
  } catch (error) {
    const isTooLong = error instanceof RangeError;
    throw refuse(
      isTooLong ? "PACK_ZIP_SIZE_MISMATCH" : "PACK_ZIP_INFLATE_FAILED",
      isTooLong ? `inflates to more than the ${claims.sizeBytes} bytes of its header` : "damaged deflate data",
      { path: claims.path, cause: error },
    );
  }
  if (result.engine.bytesWritten !== packed.length)
    throw refuse("PACK_ZIP_INFLATE_FAILED", "data after the end of the deflate stream", { path: claims.path });
  return result.buffer;
}

/** Holds an entry's bytes to the size and checksum of its header. @throws PACK_ZIP_SIZE_MISMATCH, PACK_ZIP_CHECKSUM_MISMATCH */
export function checkContent(
  claims: EntryClaims,
  actual: { readonly sizeBytes: number; readonly crc32: number },
): void {
  const { path } = claims;
  if (actual.sizeBytes !== claims.sizeBytes)
    throw refuse("PACK_ZIP_SIZE_MISMATCH", `expected ${claims.sizeBytes} bytes, got ${actual.sizeBytes}`, { path });
  if (actual.crc32 !== claims.crc32)
    throw refuse("PACK_ZIP_CHECKSUM_MISMATCH", "the checksum differs from its header's", { path });
}

/** Computes the checksum that zip headers carry. */
export function checksum(bytes: Uint8Array, previous = 0): number {
  return crc32(bytes, previous);
}

function refuse(
  code: ErrorCode,
  state: string,
  { path, cause }: { readonly path: string; readonly cause?: unknown },
): GreenticError {
  return new GreenticError(code, `Read archive entry ${quote(path)}: ${state}`, { details: { path }, cause });
}
