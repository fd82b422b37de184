// CBOR (RFC 8949) of JSON values inside a component, whose engine has neither TextEncoder nor packages. Definite lengths,
// shortest integers and floats of 64 bits are written, keys in their order of bytes; other definite forms are read too.
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

const MAX_DEPTH = 64;

/** Encodes a JSON value; what JSON leaves out of objects is left out. */
export function encodeCbor(value: unknown): Uint8Array {
  const bytes: number[] = [];
  write(bytes, value, 0);
  return Uint8Array.from(bytes);
}

/** Decodes one value; byte strings become Uint8Arrays, big integers lose what a number can't hold. Throws RangeError. */
export function decodeCbor(bytes: Uint8Array): unknown {
  const reader: Reader = { bytes, at: 0 };
  const value = read(reader, 0);
  if (reader.at !== bytes.length) throw new RangeError("CBOR: bytes after the value");
  return value;
}

function write(out: number[], value: unknown, depth: number): void {
  if (depth > MAX_DEPTH) throw new RangeError("CBOR: deeper than 64 levels");
  if (value === null || value === undefined) out.push(0xf6);
  else if (typeof value === "boolean") out.push(value ? 0xf5 : 0xf4);
  else if (typeof value === "number") writeNumber(out, value);
  else if (typeof value === "string") writeBytes(out, 3, encodeUtf8(value));
  else if (value instanceof Uint8Array) writeBytes(out, 2, value);
  else if (Array.isArray(value)) {
    writeHead(out, 4, value.length);
    for (const item of value) write(out, item, depth + 1);
  } else if (typeof value === "object") writeMap(out, value, depth);
  else throw new RangeError(`CBOR: a ${typeof value} is no JSON`);
}

function writeMap(out: number[], value: object, depth: number): void {
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .map(([key, item]) => {
      const bytes: number[] = [];
      writeBytes(bytes, 3, encodeUtf8(key));
      return { bytes, item: item as unknown };
    });
  entries.sort((a, b) => compare(a.bytes, b.bytes));
  writeHead(out, 5, entries.length);
  for (const { bytes, item } of entries) {
    append(out, bytes);
    write(out, item, depth + 1);
  }
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function writeNumber(out: number[], value: number): void {
  if (Number.isSafeInteger(value)) {
    if (value >= 0) writeHead(out, 0, value);
    else writeHead(out, 1, -1 - value);
    return;
  }
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  out.push(0xfb);
  for (let i = 0; i < 8; i++) out.push(view.getUint8(i));
}

function writeBytes(out: number[], major: number, bytes: Uint8Array): void {
  writeHead(out, major, bytes.length);
  append(out, bytes);
}

function append(out: number[], bytes: ArrayLike<number>): void {
  for (let i = 0; i < bytes.length; i++) out.push(bytes[i] ?? 0);
}

function writeHead(out: number[], major: number, argument: number): void {
  const top = major << 5;
  if (argument < 24) out.push(top | argument);
  else if (argument < 0x100) out.push(top | 24, argument);
  else if (argument < 0x10000) out.push(top | 25, argument >> 8, argument & 0xff);
  else if (argument < 0x100000000) out.push(top | 26, ...word(argument));
  else out.push(top | 27, ...word(Math.floor(argument / 0x100000000)), ...word(argument >>> 0));
}

function word(value: number): readonly number[] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

interface Reader {
  readonly bytes: Uint8Array;
  at: number;
}

function read(reader: Reader, depth: number): unknown {
  if (depth > MAX_DEPTH) throw new RangeError("CBOR: deeper than 64 levels");
  const head = byte(reader);
  const major = head >> 5;
  const info = head & 31;
  if (major === 7) return readSimple(reader, info);
  const argument = readArgument(reader, info);
  switch (major) {
    case 0:
      return argument;
    case 1:
      return -1 - argument;
    case 2:
      return take(reader, argument).slice();
    case 3:
      return decodeUtf8(take(reader, argument));
    case 4:
      return readItems(reader, argument, depth);
    case 5:
      return readMap(reader, argument, depth);
    default:
      // A tag means nothing here; what it tags is the value.
      return read(reader, depth + 1);
  }
}

function readItems(reader: Reader, count: number, depth: number): unknown[] {
  const items: unknown[] = [];
  for (let i = 0; i < count; i++) items.push(read(reader, depth + 1));
  return items;
}

function readMap(reader: Reader, count: number, depth: number): object {
  const map: Record<string, unknown> = {};
  for (let i = 0; i < count; i++) {
    const key = read(reader, depth + 1);
    const value = read(reader, depth + 1);
    // A key `__proto__` is a name like any other.
    Object.defineProperty(map, String(key), { value, writable: true, enumerable: true, configurable: true });
  }
  return map;
}

function readSimple(reader: Reader, info: number): unknown {
  switch (info) {
    case 20:
      return false;
    case 21:
      return true;
    case 22:
    case 23:
      return null;
    case 25:
      return halfOf(readArgument(reader, 25));
    case 26:
      return view(reader, 4).getFloat32(0);
    case 27:
      return view(reader, 8).getFloat64(0);
    default:
      throw new RangeError(`CBOR: simple value ${info} is no JSON`);
  }
}

function halfOf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

function view(reader: Reader, size: number): DataView {
  const bytes = take(reader, size);
  return new DataView(bytes.buffer, bytes.byteOffset, size);
}

function readArgument(reader: Reader, info: number): number {
  if (info < 24) return info;
  if (info > 27) throw new RangeError("CBOR: an indefinite length or a reserved form");
  let value = 0;
  for (const part of take(reader, 1 << (info - 24))) value = value * 256 + part;
  return value;
}

function byte(reader: Reader): number {
  return take(reader, 1)[0] ?? 0;
}

function take(reader: Reader, size: number): Uint8Array {
  if (size > reader.bytes.length - reader.at) throw new RangeError("CBOR: ends too early");
  const part = reader.bytes.subarray(reader.at, reader.at + size);
  reader.at += size;
  return part;
}
