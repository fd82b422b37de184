/**
 * The signatures of the 2026 generation, in the manifest itself: `signatures: { signatures: [{ key_id, algorithm, signature }] }`,
 * each by Ed25519 over the same manifest with that list empty. The signer's encoder is deterministic and writes the list in its
 * place, so that the signed bytes are the manifest's own with the list's encoding replaced by that of an empty one.
 * `key_id` is whatever the signer called the key. The list covers no file: a manifest of this generation binds none.
 * @see upstream reference §2.6
 */
import { nextTurn, readCborHead } from "../../types/index.ts";
import type { CborHead } from "../../types/index.ts";
import { isSignatureValid } from "../public-key.ts";
import type { PublisherKey } from "../public-key.ts";

/** What the signatures of a manifest say. */
export interface ManifestSignatures {
  readonly count: number;
  /** Ids of the given keys that signed the manifest as it is. */
  readonly signedBy: readonly string[];
}

/** Cut off, or in a form that the signer's encoder never writes: nothing that was signed. */
class Unreadable extends Error {}

const EMPTY_LIST = 0x80;
/** Each is tried with each key, since nothing says whose it is. */
const MAX_SIGNATURES = 8;

/** Tries the signatures of a manifest with keys; undefined where the manifest has none that could be read. */
export async function readManifestSignatures(
  manifest: Uint8Array,
  keys: readonly PublisherKey[],
): Promise<ManifestSignatures | undefined> {
  try {
    const list = findMember(manifest, findMember(manifest, 0, "signatures"), "signatures");
    const end = endOf(manifest, list);
    const statement = Buffer.concat([manifest.subarray(0, list), Uint8Array.of(EMPTY_LIST), manifest.subarray(end)]);
    const items = itemsOf(manifest, list);
    if (items.length === 0) return undefined;
    const signatures = items.slice(0, MAX_SIGNATURES).flatMap((at) => signatureAt(manifest, at) ?? []);
    const signedBy = new Set<string>();
    for (const key of keys) {
      for (const signature of signedBy.has(key.id) ? [] : signatures) {
        await nextTurn();
        if (isSignatureValid(key, { message: statement, signature })) signedBy.add(key.id);
      }
    }
    return { count: items.length, signedBy: [...signedBy] };
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

function headAt(bytes: Uint8Array, at: number): CborHead {
  const head = readCborHead(bytes, at);
  if (typeof head === "string" || head.info === 31) throw new Unreadable();
  return head;
}

/** Finds where the item ends that begins at an offset, without recursion. */
function endOf(bytes: Uint8Array, start: number): number {
  let at = start;
  for (let left = 1; left > 0; left--) {
    const { major, argument, next } = headAt(bytes, at);
    at = major === 2 || major === 3 ? next + argument : next;
    if (major >= 4 && major <= 6) left += major === 6 ? 1 : major === 5 ? 2 * argument : argument;
    if (at > bytes.length) throw new Unreadable();
  }
  return at;
}

/** Finds the value of a map's text key. */
function findMember(bytes: Uint8Array, map: number, name: string): number {
  const { major, argument, next } = headAt(bytes, map);
  if (major !== 5) throw new Unreadable();
  let at = next;
  for (let i = 0; i < argument; i++) {
    const value = endOf(bytes, at);
    if (textAt(bytes, at) === name) return value;
    at = endOf(bytes, value);
  }
  throw new Unreadable();
}

function itemsOf(bytes: Uint8Array, list: number): readonly number[] {
  const { major, argument, next } = headAt(bytes, list);
  if (major !== 4) throw new Unreadable();
  const items: number[] = [];
  for (let at = next; items.length < argument; at = endOf(bytes, at)) items.push(at);
  return items;
}

function textAt(bytes: Uint8Array, at: number): string | undefined {
  const { major, argument, next } = headAt(bytes, at);
  return major === 3 ? Buffer.from(bytes.subarray(next, next + argument)).toString("utf8") : undefined;
}

/** Reads one signature's 64 bytes, which are a byte string or a list of numbers; undefined where it is none by Ed25519. */
function signatureAt(bytes: Uint8Array, entry: number): Uint8Array | undefined {
  if (textAt(bytes, findMember(bytes, entry, "algorithm"))?.toLowerCase() !== "ed25519") return undefined;
  const at = findMember(bytes, entry, "signature");
  const { major, argument, next } = headAt(bytes, at);
  if (argument !== 64) return undefined;
  if (major === 2) return bytes.subarray(next, next + argument);
  if (major !== 4) return undefined;
  return Uint8Array.from(itemsOf(bytes, at), (item) => {
    const number = headAt(bytes, item);
    if (number.major !== 0 || number.argument > 255) throw new Unreadable();
    return number.argument;
  });
}
