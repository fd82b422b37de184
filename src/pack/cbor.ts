/**
 * The deterministic profile of CBOR that packs use: RFC 8949 §4.2.1 with definite lengths, shortest heads, keys sorted
 * bytewise and unique, UTF-8 text, no tags, no floats, no simple values but false, true and null, depth at most 32.
 */
import { decode, encode, rfc8949EncodeOptions } from "cborg";
import { GreenticError, readCborHead } from "../types/index.ts";
import type { CborHead } from "../types/index.ts";

/** Any value of the profile; maps are `Map`s, so that no key can reach a prototype. */
export type CborValue =
  | number
  | bigint
  | string
  | boolean
  | null
  | Uint8Array
  | readonly CborValue[]
  | ReadonlyMap<CborValue, CborValue>;

const MAX_DEPTH = 32;

/** Encodes a value deterministically. @throws PACK_CBOR_NOT_DETERMINISTIC for a float, PACK_CBOR_TOO_DEEP */
export function encodeCbor(value: CborValue): Uint8Array {
  const bytes = encode(value, rfc8949EncodeOptions);
  checkHeads(bytes);
  return bytes;
}

/**
 * Decodes bytes that are the one encoding of their value. Heads are walked before anything is built, so that neither depth
 * nor a huge length costs memory; then encoding the value again must give the same bytes.
 * @throws PACK_CBOR_INVALID, PACK_CBOR_NOT_DETERMINISTIC, PACK_CBOR_TOO_DEEP
 */
export function decodeCbor(bytes: Uint8Array): CborValue {
  checkHeads(bytes);
  let value: CborValue;
  try {
    value = decode(bytes, {
      strict: true,
      useMaps: true,
      rejectDuplicateMapKeys: true,
      allowIndefinite: false,
    }) as CborValue;
  } catch (error) {
    throw new GreenticError("PACK_CBOR_INVALID", "Decode CBOR: malformed", { cause: error });
  }
  if (!Buffer.from(encode(value, rfc8949EncodeOptions)).equals(bytes))
    throw new GreenticError("PACK_CBOR_NOT_DETERMINISTIC", "Decode CBOR: keys are not sorted, or not unique");
  return value;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Walks all heads without recursion and refuses what the profile excludes. */
function checkHeads(bytes: Uint8Array): void {
  // How many items are still open at each level; a map of n pairs opens 2n.
  const open = [1];
  let at = 0;
  while (open.length > 0) {
    const left = open.length - 1;
    if (open[left] === 0) {
      open.pop();
      continue;
    }
    open[left] = (open[left] ?? 0) - 1;
    const head = readHead(bytes, at);
    at = head.next;
    const { major, argument } = head;
    if (major === 2 || major === 3) {
      if (argument > bytes.length - at) throw malformed(at, "a string reaches past the end");
      if (major === 3) checkText(bytes.subarray(at, at + argument), at);
      at += argument;
    } else if (major === 4 || major === 5) {
      const items = major === 5 ? argument * 2 : argument;
      // Every item takes a byte at least.
      if (items > bytes.length - at) throw malformed(at, "more items announced than bytes are left");
      open.push(items);
      if (open.length > MAX_DEPTH + 1)
        throw new GreenticError(
          "PACK_CBOR_TOO_DEEP",
          `Decode CBOR: nested more than ${MAX_DEPTH} deep at offset ${at}`,
        );
    }
  }
  if (at !== bytes.length) throw malformed(at, `${bytes.length - at} bytes after the value`);
}

function readHead(bytes: Uint8Array, at: number): CborHead {
  const head = readCborHead(bytes, at);
  if (head === "cut") throw malformed(at, "cut off");
  if (head === "reserved") throw malformed(at, "a reserved head");
  const { major, info, isShortest } = head;
  if (major === 6) throw indeterminate(at, "a tag");
  if (major === 7 && (info < 20 || info > 22)) {
    throw indeterminate(at, info >= 25 && info <= 27 ? "a float" : "a simple value");
  }
  if (info === 31) throw indeterminate(at, "an indefinite length");
  if (!isShortest) throw indeterminate(at, "a number that isn't in its shortest form");
  return head;
}

function checkText(bytes: Uint8Array, at: number): void {
  try {
    utf8.decode(bytes);
  } catch (error) {
    throw new GreenticError("PACK_CBOR_INVALID", `Decode CBOR: text at offset ${at} is not UTF-8`, { cause: error });
  }
}

function malformed(at: number, state: string): GreenticError {
  return new GreenticError("PACK_CBOR_INVALID", `Decode CBOR: ${state} at offset ${at}`);
}

function indeterminate(at: number, state: string): GreenticError {
  return new GreenticError("PACK_CBOR_NOT_DETERMINISTIC", `Decode CBOR: ${state} at offset ${at}`);
}
