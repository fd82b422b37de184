import type { AbiContext } from "./abi-context.ts";
import { misfit } from "./codec.ts";
import type { StringEncoding } from "./plan.ts";
import { abiTrap } from "./trap.ts";

/** Moves strings between JavaScript and a guest's memory in one encoding. */
export interface StringCodec {
  /** Reads a string; `length` is in code units, with the tag where the encoding has one. */
  load(cx: AbiContext, pointer: number, length: number): string;
  /** Writes a string to fresh memory; leaves its place in `cx.storedPointer` and `cx.storedLength`. */
  store(cx: AbiContext, value: string): void;
}

// A leading byte order mark is content like any other.
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const UTF16 = new TextDecoder("utf-16le", { fatal: true, ignoreBOM: true });
const ENCODER = new TextEncoder();
/** Below this length a loop over ASCII beats the decoder's call. */
const SHORT = 24;
/** In latin1+utf16 a length with this bit counts UTF-16 code units. */
const UTF16_TAG = 0x8000_0000;
/** A JavaScript string's own size beside its characters. */
const STRING_COST = 16;

const utf8: StringCodec = {
  load(cx, pointer, length) {
    const bytes = take(cx, pointer, { size: length, align: 1 });
    if (length < SHORT) {
      const short = shortAscii(bytes, pointer, length);
      if (short !== undefined) return short;
    }
    return decode(UTF8, bytes.subarray(pointer, pointer + length));
  },
  store(cx, value) {
    // Lone surrogates count three bytes here and become U+FFFD, three bytes, in the encoder.
    const size = Buffer.byteLength(value, "utf8");
    const pointer = cx.allocate(size, 1);
    ENCODER.encodeInto(value, cx.bytes.subarray(pointer, pointer + size));
    stored(cx, pointer, size);
  },
};

const utf16: StringCodec = {
  load(cx, pointer, length) {
    const size = length * 2;
    return decode(UTF16, take(cx, pointer, { size, align: 2 }).subarray(pointer, pointer + size));
  },
  store(cx, value) {
    storeUtf16(cx, value);
  },
};

const latin1OrUtf16: StringCodec = {
  load(cx, pointer, length) {
    if (length >= UTF16_TAG) return utf16.load(cx, pointer, length - UTF16_TAG);
    const bytes = take(cx, pointer, { size: length, align: 2 });
    return Buffer.from(bytes.buffer, bytes.byteOffset + pointer, length).toString("latin1");
  },
  store(cx, value) {
    if (!isLatin1(value)) {
      storeUtf16(cx, value);
      cx.storedLength += UTF16_TAG;
      return;
    }
    const pointer = cx.allocate(value.length, 2);
    const { bytes } = cx;
    for (let index = 0; index < value.length; index++) bytes[pointer + index] = value.charCodeAt(index);
    stored(cx, pointer, value.length);
  },
};

const CODECS: Readonly<Record<StringEncoding, StringCodec>> = { utf8, utf16, "latin1+utf16": latin1OrUtf16 };

/** Gives the codec of an encoding. */
export function stringCodec(encoding: StringEncoding): StringCodec {
  return CODECS[encoding];
}

/** Writes a string that a host or caller gave. */
export function storeString(cx: AbiContext, value: unknown): void {
  if (typeof value !== "string") misfit("string", value);
  cx.strings.store(cx, value);
}

function take(cx: AbiContext, pointer: number, part: { readonly size: number; readonly align: number }): Uint8Array {
  cx.checkByteLength(part.size);
  cx.check(pointer, part.size, part.align);
  cx.charge(part.size + STRING_COST);
  return cx.bytes;
}

function decode(decoder: TextDecoder, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return abiTrap("a string is not well-formed");
  }
}

function shortAscii(bytes: Uint8Array, pointer: number, length: number): string | undefined {
  let text = "";
  for (let index = 0; index < length; index++) {
    const unit = bytes[pointer + index] as number;
    if (unit >= 0x80) return undefined;
    text += String.fromCharCode(unit);
  }
  return text;
}

function storeUtf16(cx: AbiContext, value: string): void {
  const text = value.toWellFormed();
  const pointer = cx.allocate(text.length * 2, 2);
  const { view } = cx;
  for (let index = 0; index < text.length; index++) view.setUint16(pointer + index * 2, text.charCodeAt(index), true);
  stored(cx, pointer, text.length);
}

function isLatin1(value: string): boolean {
  for (let index = 0; index < value.length; index++) if (value.charCodeAt(index) > 0xff) return false;
  return true;
}

function stored(cx: AbiContext, pointer: number, length: number): void {
  cx.storedPointer = pointer;
  cx.storedLength = length;
}
