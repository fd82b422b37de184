import { setImmediate as nextTick } from "node:timers/promises";
import { computePackHash, MANIFEST_PATH, SIGNATURE_PATH } from "./digest.ts";
import { ContentHasher } from "./content-hasher.ts";
import type { HashedContent } from "./content-hasher.ts";
import { loadBlake3 } from "./blake3.ts";
import { readZip } from "./zip-read.ts";

/** An archive whose every entry was read once, held to its header and hashed. */
export interface PackArchive {
  /** Without manifest.cbor and signature.sig; in archive order. */
  readonly contents: ReadonlyMap<string, HashedContent>;
  readonly manifestBytes: Uint8Array | undefined;
  readonly signatureBytes: Uint8Array | undefined;
  /** Lower-case hex; undefined where there is no manifest. */
  readonly packHash: string | undefined;
}

/**
 * Reads a whole archive of the strict profile into memory. Stored entries are views of `bytes`, which must not be changed
 * afterwards: the bytes that are verified are the bytes that are loaded.
 * @throws PACK_ZIP_…
 */
export async function readArchive(bytes: Uint8Array): Promise<PackArchive> {
  const entries = readZip(bytes);
  const contents = new Map<string, HashedContent>();
  await using hasher = await ContentHasher.open();
  await nextTick();
  for (const entry of entries) contents.set(entry.path, await hasher.readEntry(entry));
  await nextTick();
  const manifestBytes = contents.get(MANIFEST_PATH)?.bytes;
  const signatureBytes = contents.get(SIGNATURE_PATH)?.bytes;
  contents.delete(MANIFEST_PATH);
  contents.delete(SIGNATURE_PATH);
  const refs = [...contents.values()].map(({ path, hash, bytes: content }) => ({
    path,
    hash,
    sizeBytes: content.length,
  }));
  const packHash = manifestBytes && computePackHash(await loadBlake3(), { manifest: manifestBytes, contents: refs });
  return { contents, manifestBytes, signatureBytes, packHash };
}
