import { Pace, runInTurns } from "../types/index.ts";
import { computePackHashPaced, MANIFEST_PATH, SIGNATURE_PATH } from "./digest.ts";
import { ContentHasher } from "./content-hasher.ts";
import type { HashedContent } from "./content-hasher.ts";
import { loadBlake3 } from "./blake3.ts";
import { readZipPaced } from "./zip-read.ts";

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
 * afterwards: the bytes that are verified are the bytes that are loaded. The work counts in the given pace.
 * @throws PACK_ZIP_…
 */
export async function readArchive(bytes: Uint8Array, pace = new Pace()): Promise<PackArchive> {
  const entries = await runInTurns(readZipPaced(bytes, pace));
  const contents = new Map<string, HashedContent>();
  await using hasher = await ContentHasher.open(pace);
  for (const entry of entries) contents.set(entry.path, await hasher.readEntry(entry));
  const manifest = contents.get(MANIFEST_PATH);
  const signatureBytes = contents.get(SIGNATURE_PATH)?.bytes;
  contents.delete(MANIFEST_PATH);
  contents.delete(SIGNATURE_PATH);
  const refs = [...contents.values()].map(({ path, hash, bytes: content }) => ({
    path,
    hash,
    sizeBytes: content.length,
  }));
  const packHash =
    manifest &&
    (await runInTurns(computePackHashPaced(await loadBlake3(), { manifestHash: manifest.hash, contents: refs, pace })));
  return { contents, manifestBytes: manifest?.bytes, signatureBytes, packHash };
}
