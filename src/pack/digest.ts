/**
 * The hashes of a pack. Paths and sizes are bound into every leaf, so that no entry can be added, dropped, renamed or swapped:
 *   leaf      = BLAKE3(0x00 ‖ u32be(len path) ‖ path ‖ u64be(size) ‖ BLAKE3(bytes))
 *   group     = BLAKE3(0x01 ‖ leaves in bytewise path order)      flows/**, components/**, everything else
 *   pack_hash = BLAKE3(BLAKE3(manifest.cbor) ‖ flows ‖ components ‖ assets)
 */
import { Pace, runWhole } from "../types/index.ts";
import type { Paced } from "../types/index.ts";
import type { Blake3 } from "./blake3.ts";
import type { ContentRef } from "./manifest.ts";
import { comparePaths } from "./entry-path.ts";

/** Entries that no group covers: the manifest has its own place in the pack hash, the signatures sign it. */
export const MANIFEST_PATH = "manifest.cbor";
export const SIGNATURE_PATH = "signature.sig";

/** Hashes what the manifest binds to one path. `hash` is the content's BLAKE3 in hex. */
export function leafHash(blake3: Blake3, content: ContentRef): Uint8Array {
  const path = new TextEncoder().encode(content.path);
  const head = new Uint8Array(1 + 4 + path.length + 8);
  const view = new DataView(head.buffer);
  view.setUint32(1, path.length);
  head.set(path, 5);
  view.setBigUint64(5 + path.length, BigInt(content.sizeBytes));
  return blake3(head, Uint8Array.fromHex(content.hash));
}

/** Hashes one group of entries; their order doesn't matter. */
export function groupHash(blake3: Blake3, contents: readonly ContentRef[]): Uint8Array {
  return runWhole(groupHashPaced(blake3, { contents, pace: new Pace() }));
}

/** Hashing one leaf takes about so many microseconds. */
const STEPS_PER_LEAF = 4;

function* groupHashPaced(
  blake3: Blake3,
  { contents, pace }: { readonly contents: readonly ContentRef[]; readonly pace: Pace },
): Paced<Uint8Array> {
  const leaves: Uint8Array[] = [];
  for (const content of contents.toSorted((a, b) => comparePaths(a.path, b.path))) {
    if (pace.spend(STEPS_PER_LEAF)) yield;
    leaves.push(leafHash(blake3, content));
  }
  return blake3(Uint8Array.of(1), ...leaves);
}

/**
 * Computes the pack hash from the manifest's bytes and the contents as they are in the archive, not as the manifest claims.
 * @returns lower-case hex
 */
export function computePackHash(
  blake3: Blake3,
  { manifest, contents }: { readonly manifest: Uint8Array; readonly contents: readonly ContentRef[] },
): string {
  return runWhole(computePackHashPaced(blake3, { manifestHash: blake3(manifest).toHex(), contents, pace: new Pace() }));
}

/** Computes as {@link computePackHash}, in turns; `manifestHash` is the BLAKE3 of manifest.cbor, lower-case hex. */
export function* computePackHashPaced(
  blake3: Blake3,
  {
    manifestHash,
    contents,
    pace,
  }: { readonly manifestHash: string; readonly contents: readonly ContentRef[]; readonly pace: Pace },
): Paced<string> {
  const groups: Record<"flows" | "components" | "assets", ContentRef[]> = { flows: [], components: [], assets: [] };
  for (const content of contents) {
    if (content.path !== MANIFEST_PATH && content.path !== SIGNATURE_PATH) groups[groupOf(content.path)].push(content);
  }
  const parts: Uint8Array[] = [Uint8Array.fromHex(manifestHash)];
  for (const group of [groups.flows, groups.components, groups.assets])
    parts.push(yield* groupHashPaced(blake3, { contents: group, pace }));
  return blake3(...parts).toHex();
}

function groupOf(path: string): "flows" | "components" | "assets" {
  if (path.startsWith("flows/")) return "flows";
  return path.startsWith("components/") ? "components" : "assets";
}
