/**
 * The deterministic profile of CBOR that packs use: RFC 8949 §4.2.1 with definite lengths, shortest heads, keys sorted
 * bytewise and unique, UTF-8 text, no tags, no floats, no simple values but false, true and null, depth at most 32.
 */
import { encode, rfc8949EncodeOptions } from "cborg";
import { GreenticError, Pace, readCborHead, runWhole } from "../types/index.ts";
import type { CborHead, Paced } from "../types/index.ts";

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
  decodeCbor(bytes);
  return bytes;
}

/**
 * Decodes bytes that are the one encoding of their value, so that encoding it again gives the same bytes.
 * @throws PACK_CBOR_INVALID, PACK_CBOR_NOT_DETERMINISTIC, PACK_CBOR_TOO_DEEP
 */
export function decodeCbor(bytes: Uint8Array): CborValue {
  return runWhole(decodeCborPaced(bytes, new Pace()));
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** An array or map whose items are being read. */
interface OpenItem {
  /** How many items are still to come; a map of n pairs has 2n. */
  left: number;
  /** Where the item begins that is being read. */
  start: number;
  readonly items: CborValue[] | Map<CborValue, CborValue>;
  /** A map's last key, and its encoding. */
  key?: CborValue;
  keyBytes?: Uint8Array;
}

/**
 * Decodes as {@link decodeCbor}, in turns: a manifest of 4,096 entries takes many milliseconds. There is no recursion, and nothing
 * is made for what is only announced, so that neither depth nor a huge length costs memory. The order of keys is compared
 * in place, which takes a tenth of the time of encoding again.
 */
export function* decodeCborPaced(bytes: Uint8Array, pace: Pace): Paced<CborValue> {
  const root: CborValue[] = [];
  const open: OpenItem[] = [{ left: 1, start: 0, items: root }];
  let at = 0;
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    if (top.left === 0) {
      open.pop();
      endItem(open.at(-1), { bytes, at, value: top.items });
      continue;
    }
    top.start = at;
    const { major, argument, info, next } = readHead(bytes, at);
    const isString = major === 2 || major === 3;
    if (pace.spend(isString ? 1 + Math.min(argument, bytes.length) / BYTES_PER_STEP : 1)) yield;
    at = next;
    if (major === 4 || major === 5) {
      if (isAtKey(top)) throw indeterminate(top.start, "a key that is an array or a map");
      const left = major === 5 ? argument * 2 : argument;
      // Every item takes a byte at least.
      if (left > bytes.length - at) throw malformed(at, "more items announced than bytes are left");
      open.push({ left, start: at, items: major === 5 ? new Map() : [] });
      if (open.length > MAX_DEPTH + 1)
        throw new GreenticError(
          "PACK_CBOR_TOO_DEEP",
          `Decode CBOR: nested more than ${MAX_DEPTH} deep at offset ${at}`,
        );
      continue;
    }
    let value: CborValue;
    if (isString) {
      if (argument > bytes.length - at) throw malformed(at, "a string reaches past the end");
      const content = bytes.subarray(at, at + argument);
      value = major === 3 ? readText(content, at) : new Uint8Array(content);
      at += argument;
    } else if (major === 7) value = info === 22 ? null : info === 21;
    else value = readInteger(bytes, { at: top.start, isNegative: major === 1, argument });
    endItem(top, { bytes, at, value });
  }
  if (at !== bytes.length) throw malformed(at, `${bytes.length - at} bytes after the value`);
  return root[0] ?? null;
}

/** Copying and checking text takes about a microsecond for so many bytes. */
const BYTES_PER_STEP = 1_000;

function isAtKey({ items, left }: OpenItem): boolean {
  return items instanceof Map && left % 2 === 0;
}

/** Puts an item into its array or map; a key must come after the one before it, bytewise. */
function endItem(
  open: OpenItem | undefined,
  { bytes, at, value }: { readonly bytes: Uint8Array; readonly at: number; readonly value: CborValue },
): void {
  if (open === undefined) return;
  if (isAtKey(open)) {
    const key = bytes.subarray(open.start, at);
    const order = open.keyBytes === undefined ? -1 : Buffer.compare(open.keyBytes, key);
    if (order === 0) throw malformed(open.start, "a key twice");
    if (order > 0) throw indeterminate(open.start, "a key that isn't in its order");
    open.keyBytes = key;
    open.key = value;
  } else if (open.items instanceof Map) open.items.set(open.key ?? null, value);
  else open.items.push(value);
  open.left--;
}

/** Reads an integer whose head was read; what a number doesn't hold exactly is a bigint. */
function readInteger(
  bytes: Uint8Array,
  from: { readonly at: number; readonly isNegative: boolean; readonly argument: number },
): number | bigint {
  const { at, isNegative, argument } = from;
  const value = isNegative ? -1 - argument : argument;
  if (Number.isSafeInteger(value)) return value;
  const exact = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at + 1);
  return isNegative ? -1n - exact : exact;
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

function readText(bytes: Uint8Array, at: number): string {
  try {
    return utf8.decode(bytes);
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
