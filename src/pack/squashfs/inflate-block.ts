import { inflateSync } from "node:zlib";
import { GreenticError } from "../../types/index.ts";
import { XZ } from "./superblock.ts";
import type { Superblock } from "./superblock.ts";
import { inflateXz } from "./xz/inflate-xz.ts";

/** Inflates one block to at most `maxBytes`: zlib and xz both stop there, whatever the block holds. @throws PACK_SQUASHFS_INVALID */
export function inflateBlock(
  packed: Uint8Array,
  { compressor, maxBytes }: { readonly compressor: Superblock["compressor"]; readonly maxBytes: number },
): Uint8Array {
  if (compressor === XZ) return inflateXz(packed, maxBytes);
  try {
    return inflateSync(packed, { maxOutputLength: maxBytes });
  } catch (error) {
    const state = error instanceof RangeError ? `inflates to more than ${maxBytes} bytes` : "damaged zlib data";
    throw new GreenticError("PACK_SQUASHFS_INVALID", `Read SquashFS block: ${state}`, { cause: error });
  }
}
