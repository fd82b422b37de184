/** SHA-256 and SHA-1 with their HMACs, hex and base64, for components: their engine has no crypto. @see FIPS 180-4, RFC 2104 */
import { encodeUtf8 } from "./utf8.ts";

/** A hash function of this module. */
export type DigestName = "sha256" | "sha1";

const BLOCK = 64;
const K = roundConstants();

/** Hashes bytes, or a text's UTF-8. */
export function digest(name: DigestName, data: string | Uint8Array): Uint8Array {
  const message = padded(bytesOf(data));
  return name === "sha256" ? sha256(message) : sha1(message);
}

/** Makes an HMAC. */
export function hmac(name: DigestName, key: string | Uint8Array, data: string | Uint8Array): Uint8Array {
  const given = bytesOf(key);
  const whole = new Uint8Array(BLOCK);
  whole.set(given.length > BLOCK ? digest(name, given) : given);
  const inner = digest(name, joined([whole.map((byte) => byte ^ 0x36), bytesOf(data)]));
  return digest(name, joined([whole.map((byte) => byte ^ 0x5c), inner]));
}

/** Compares two texts in time that tells only of their lengths. */
export function isEqualText(a: string, b: string): boolean {
  const [left, right] = [bytesOf(a), bytesOf(b)];
  let difference = left.length ^ right.length;
  for (let i = 0; i < right.length; i++) difference |= (left[i] ?? 0) ^ (right[i] ?? 0);
  return difference === 0;
}

/** Lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Base64 with its padding. */
export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b = 0, c = 0] = [bytes[i], bytes[i + 1], bytes[i + 2]];
    const word = (a << 16) | (b << 8) | c;
    text += `${ALPHABET[(word >> 18) & 63]}${ALPHABET[(word >> 12) & 63]}`;
    text += `${i + 1 < bytes.length ? ALPHABET[(word >> 6) & 63] : "="}${i + 2 < bytes.length ? ALPHABET[word & 63] : "="}`;
  }
  return text;
}

/** Reads base64, of either alphabet, padded or not; what is none of it is skipped. */
export function fromBase64(text: string): Uint8Array {
  const bytes: number[] = [];
  let [word, bits] = [0, 0];
  for (const sign of text) {
    const value = ALPHABET.indexOf(sign === "-" ? "+" : sign === "_" ? "/" : sign);
    if (value < 0) continue;
    word = ((word << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((word >> bits) & 0xff);
  }
  return Uint8Array.from(bytes);
}

function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? encodeUtf8(data) : data;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The message with its end mark and length, as 32-bit words. */
function padded(message: Uint8Array): DataView {
  const size = Math.ceil((message.length + 9) / BLOCK) * BLOCK;
  const view = new DataView(joined([message, Uint8Array.of(0x80), new Uint8Array(size - message.length - 1)]).buffer);
  view.setUint32(size - 8, Math.floor(message.length / 2 ** 29));
  view.setUint32(size - 4, (message.length * 8) >>> 0);
  return view;
}

const left = (word: number, by: number): number => (word << by) | (word >>> (32 - by));

function sha256(message: DataView): Uint8Array {
  const state = Int32Array.of(
    0x6a09e667,
    0xbb67ae85,
    0x3c6ef372,
    0xa54ff53a,
    0x510e527f,
    0x9b05688c,
    0x1f83d9ab,
    0x5be0cd19,
  );
  const w = new Int32Array(64);
  for (let at = 0; at < message.byteLength; at += BLOCK) {
    for (let i = 0; i < 16; i++) w[i] = message.getInt32(at + i * 4);
    for (let i = 16; i < 64; i++) {
      const [x = 0, y = 0] = [w[i - 15], w[i - 2]];
      const s0 = left(x, 25) ^ left(x, 14) ^ (x >>> 3);
      const s1 = left(y, 15) ^ left(y, 13) ^ (y >>> 10);
      w[i] = (w[i - 16] ?? 0) + s0 + (w[i - 7] ?? 0) + s1;
    }
    let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
    for (let i = 0; i < 64; i++) {
      const s1 = left(e, 26) ^ left(e, 21) ^ left(e, 7);
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (K[i] ?? 0) + (w[i] ?? 0)) | 0;
      const s0 = left(a, 30) ^ left(a, 19) ^ left(a, 10);
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
    }
    add(state, [a, b, c, d, e, f, g, h]);
  }
  return bytesOfWords(state);
}

function sha1(message: DataView): Uint8Array {
  const state = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0);
  const w = new Int32Array(80);
  for (let at = 0; at < message.byteLength; at += BLOCK) {
    for (let i = 0; i < 16; i++) w[i] = message.getInt32(at + i * 4);
    for (let i = 16; i < 80; i++)
      w[i] = left((w[i - 3] ?? 0) ^ (w[i - 8] ?? 0) ^ (w[i - 14] ?? 0) ^ (w[i - 16] ?? 0), 1);
    let [a = 0, b = 0, c = 0, d = 0, e = 0] = state;
    for (let i = 0; i < 80; i++) {
      const [mixed, constant] =
        i < 20
          ? [(b & c) | (~b & d), 0x5a827999]
          : i < 40
            ? [b ^ c ^ d, 0x6ed9eba1]
            : i < 60
              ? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc]
              : [b ^ c ^ d, 0xca62c1d6];
      const next = (left(a, 5) + mixed + e + constant + (w[i] ?? 0)) | 0;
      [e, d, c, b, a] = [d, c, left(b, 30), a, next];
    }
    add(state, [a, b, c, d, e]);
  }
  return bytesOfWords(state);
}

function add(state: Int32Array, words: readonly number[]): void {
  words.forEach((word, i) => (state[i] = (state[i] ?? 0) + word));
}

function bytesOfWords(words: Int32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(words.length * 4));
  words.forEach((word, i) => view.setInt32(i * 4, word));
  return new Uint8Array(view.buffer);
}

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
function roundConstants(): Int32Array {
  const primes: number[] = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  return Int32Array.from(primes, (prime) => ((Math.cbrt(prime) % 1) * 2 ** 32) | 0);
}
