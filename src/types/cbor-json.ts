/**
 * CBOR (RFC 8949) to and from JSON, as components exchange it. Written: the core deterministic encoding of §4.2.1. Read: anything
 * well-formed within bounds, turned to JSON in the spirit of §6.1: byte strings become base64, undefined and numbers that
 * aren't finite null, integers that a JSON number can't carry decimal text; tags give way to what they tag.
 */
import { readCborHead } from "./cbor-head.ts";
import type { CborHead } from "./cbor-head.ts";
import { GreenticError } from "./errors.ts";
import type { JsonObject, JsonValue } from "./json.ts";

/** Bounds of CBOR from outside. */
export interface CborJsonLimits {
  /** Default 4 MiB. */
  readonly maxBytes?: number;
  /** Levels of lists, maps and tags. Default 64. */
  readonly maxDepth?: number;
  /** Values at all levels together. Default 500,000. */
  readonly maxItems?: number;
}

/**
 * Decodes one value.
 * @throws TYPES_CBOR_INVALID, TYPES_CBOR_TOO_DEEP, TYPES_CBOR_TOO_LARGE
 */
export function decodeCborJson(bytes: Uint8Array, limits: CborJsonLimits = {}): JsonValue {
  const maxBytes = limits.maxBytes ?? 4 << 20;
  if (bytes.length > maxBytes) throw tooLarge(`expected at most ${maxBytes} bytes, got ${bytes.length}`);
  const reader = new Reader(bytes, limits.maxDepth ?? 64, limits.maxItems ?? 500_000);
  const value = reader.value(0);
  if (reader.at !== bytes.length) throw malformed(reader.at, `${bytes.length - reader.at} bytes after the value`);
  return value;
}

const MAX_BIGNUM_BYTES = 1024;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

class Reader {
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #maxDepth: number;
  #itemsLeft: number;

  constructor(bytes: Uint8Array, maxDepth: number, maxItems: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#maxDepth = maxDepth;
    this.#itemsLeft = maxItems;
  }

  value(depth: number): JsonValue {
    const from = this.at;
    const head = this.#head();
    if (--this.#itemsLeft < 0) throw tooLarge(`too many values at offset ${from}`);
    if (depth > this.#maxDepth) {
      throw new GreenticError(
        "TYPES_CBOR_TOO_DEEP",
        `Read CBOR: nested more than ${this.#maxDepth} deep at offset ${from}`,
      );
    }
    switch (head.major) {
      case 0:
        return this.#integer(head, from);
      case 1:
        return this.#integer(head, from);
      case 2:
        return Buffer.from(this.#string(head, from)).toString("base64");
      case 3:
        return this.#text(this.#string(head, from), from);
      case 4:
        return this.#list(head, from, depth);
      case 5:
        return this.#map(head, from, depth);
      case 6:
        return this.#tagged(head, from, depth);
      default:
        return this.#simple(head, from);
    }
  }

  #head(): CborHead {
    const head = readCborHead(this.#bytes, this.at);
    if (head === "cut") throw malformed(this.at, "cut off");
    if (head === "reserved") throw malformed(this.at, "a reserved head");
    this.at = head.next;
    return head;
  }

  #integer({ major, info, argument }: CborHead, from: number): JsonValue {
    if (info === 31) throw malformed(from, "an integer without a length");
    if (argument < Number.MAX_SAFE_INTEGER) return major === 0 ? argument : -1 - argument;
    const exact = this.#view.getBigUint64(from + 1);
    return integerJson(major === 0 ? exact : -1n - exact);
  }

  /** The bytes of a byte or text string, its chunks joined. */
  #string({ major, info, argument }: CborHead, from: number): Uint8Array {
    if (info !== 31) return this.#take(argument, from);
    const chunks: Uint8Array[] = [];
    for (;;) {
      const chunkAt = this.at;
      const chunk = this.#head();
      if (chunk.major === 7 && chunk.info === 31) return Buffer.concat(chunks);
      if (chunk.major !== major || chunk.info === 31) throw malformed(chunkAt, "a chunk of another type");
      if (--this.#itemsLeft < 0) throw tooLarge(`too many values at offset ${chunkAt}`);
      const bytes = this.#take(chunk.argument, chunkAt);
      if (major === 3) this.#text(bytes, chunkAt);
      chunks.push(bytes);
    }
  }

  #take(length: number, from: number): Uint8Array {
    if (length > this.#bytes.length - this.at) throw malformed(from, "a string reaches past the end");
    const taken = this.#bytes.subarray(this.at, this.at + length);
    this.at += length;
    return taken;
  }

  #text(bytes: Uint8Array, from: number): string {
    try {
      return utf8.decode(bytes);
    } catch (error) {
      throw new GreenticError("TYPES_CBOR_INVALID", `Read CBOR: text at offset ${from} is not UTF-8`, { cause: error });
    }
  }

  #list(head: CborHead, from: number, depth: number): JsonValue {
    const items: JsonValue[] = [];
    const more = this.#counter(head, head.argument, from);
    while (more()) items.push(this.value(depth + 1));
    return items;
  }

  #map(head: CborHead, from: number, depth: number): JsonObject {
    const entries = new Map<string, JsonValue>();
    const more = this.#counter(head, head.argument * 2, from);
    while (more()) {
      const keyAt = this.at;
      const key = this.value(depth + 1);
      if (typeof key === "object") throw malformed(keyAt, "a key that is no text, number or boolean");
      const name = String(key);
      if (entries.has(name)) throw malformed(keyAt, "a key that is there already");
      if (!more()) throw malformed(this.at, "a key without its value");
      entries.set(name, this.value(depth + 1));
    }
    // Defines own properties, whatever they are called.
    return Object.fromEntries(entries);
  }

  /** Tells whether another item follows; takes the break of an indefinite length. */
  #counter({ info }: CborHead, count: number, from: number): () => boolean {
    if (info === 31) {
      return () => {
        if (this.#bytes[this.at] !== 0xff) return true;
        this.at++;
        return false;
      };
    }
    // Every item takes a byte at least.
    if (count > this.#bytes.length - this.at) throw malformed(from, "more items announced than bytes are left");
    let left = count;
    return () => left-- > 0;
  }

  #tagged({ info, argument }: CborHead, from: number, depth: number): JsonValue {
    if (info === 31) throw malformed(from, "a tag without a number");
    if (argument !== 2 && argument !== 3) return this.value(depth + 1);
    const at = this.at;
    const head = this.#head();
    if (head.major !== 2) throw malformed(at, "a big number that is no byte string");
    const bytes = this.#string(head, at);
    if (bytes.length > MAX_BIGNUM_BYTES) throw tooLarge(`a number of ${bytes.length} bytes at offset ${at}`);
    const magnitude = BigInt(`0x0${Buffer.from(bytes).toString("hex")}`);
    return integerJson(argument === 2 ? magnitude : -1n - magnitude);
  }

  #simple({ info, argument, next }: CborHead, from: number): JsonValue {
    switch (info) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
      case 23:
        return null;
      case 25:
        return finite(this.#view.getFloat16(from + 1));
      case 26:
        return finite(this.#view.getFloat32(from + 1));
      case 27:
        return finite(this.#view.getFloat64(from + 1));
      case 31:
        throw malformed(from, "a break without a beginning");
      default:
        if (next - from === 2 && argument < 32) throw malformed(from, "a simple value in a wrong form");
        return null;
    }
  }
}

function finite(value: number): JsonValue {
  return Number.isFinite(value) ? value : null;
}

/** An integer as JSON: a number where that is exact, else its decimal text. */
function integerJson(value: bigint): JsonValue {
  const isSafe = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
  return isSafe ? Number(value) : value.toString();
}

function malformed(at: number, state: string): GreenticError {
  return new GreenticError("TYPES_CBOR_INVALID", `Read CBOR: ${state} at offset ${at}`);
}

function tooLarge(state: string): GreenticError {
  return new GreenticError("TYPES_CBOR_TOO_LARGE", `Read CBOR: ${state}`);
}

const MAX_WRITE_DEPTH = 256;
const utf8Encoder = new TextEncoder();

/** Encodes JSON deterministically: shortest heads and floats, keys sorted bytewise. @throws TYPES_CBOR_TOO_DEEP */
export function encodeCborJson(value: JsonValue): Uint8Array {
  const chunks: Uint8Array[] = [];
  write(value, chunks, 0);
  return Buffer.concat(chunks);
}

function write(value: JsonValue, out: Uint8Array[], depth: number): void {
  if (depth > MAX_WRITE_DEPTH) {
    throw new GreenticError("TYPES_CBOR_TOO_DEEP", `Write CBOR: nested more than ${MAX_WRITE_DEPTH} deep`);
  }
  switch (typeof value) {
    case "boolean":
      out.push(Uint8Array.of(value ? 0xf5 : 0xf4));
      return;
    case "number":
      out.push(Number.isSafeInteger(value) ? integer(value) : float(value));
      return;
    case "string":
      out.push(...textBytes(value));
      return;
    default:
      break;
  }
  if (value === null) out.push(Uint8Array.of(0xf6));
  else if (Array.isArray(value)) {
    out.push(head(4, value.length));
    for (const item of value as readonly JsonValue[]) write(item, out, depth + 1);
  } else {
    const entries = Object.entries(value as JsonObject).map(([key, item]) => ({
      key: Buffer.concat(textBytes(key)),
      item,
    }));
    entries.sort((one, other) => Buffer.compare(one.key, other.key));
    out.push(head(5, entries.length));
    for (const { key, item } of entries) {
      out.push(key);
      write(item, out, depth + 1);
    }
  }
}

function textBytes(text: string): readonly Uint8Array[] {
  const bytes = utf8Encoder.encode(text);
  return [head(3, bytes.length), bytes];
}

function integer(value: number): Uint8Array {
  return value < 0 ? head(1, -1 - value) : head(0, value);
}

function head(major: number, argument: number): Uint8Array {
  const type = major << 5;
  if (argument < 24) return Uint8Array.of(type | argument);
  if (argument < 0x1_00) return Uint8Array.of(type | 24, argument);
  if (argument < 0x1_00_00) return Uint8Array.of(type | 25, argument >> 8, argument & 255);
  const bytes = Buffer.alloc(argument < 0x1_00_00_00_00 ? 5 : 9);
  bytes[0] = type | (bytes.length === 5 ? 26 : 27);
  if (bytes.length === 5) bytes.writeUInt32BE(argument, 1);
  else bytes.writeBigUInt64BE(BigInt(argument), 1);
  return bytes;
}

function float(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(9));
  const form = Math.f16round(value) === value ? 0 : Math.fround(value) === value ? 1 : 2;
  view.setUint8(0, 0xf9 + form);
  if (form === 0) view.setFloat16(1, value);
  else if (form === 1) view.setFloat32(1, value);
  else view.setFloat64(1, value);
  return new Uint8Array(view.buffer, 0, 1 + (2 << form));
}
