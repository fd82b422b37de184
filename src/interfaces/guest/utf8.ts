/** Decodes UTF-8 in a component, whose engine has no TextDecoder; what is malformed becomes U+FFFD. */
export function decodeUtf8(bytes: ArrayLike<number>): string {
  // The engine interprets: its own functions on chunks are twenty times faster than a loop over bytes.
  let binary = "";
  for (let start = 0; start < bytes.length; start += CHUNK) {
    binary += String.fromCharCode.apply(null, Array.prototype.slice.call(bytes, start, start + CHUNK) as number[]);
  }
  try {
    return decodeURIComponent(escape(binary));
  } catch {
    return decodeMalformed(bytes);
  }
}

const CHUNK = 4096;

function decodeMalformed(bytes: ArrayLike<number>): string {
  let text = "";
  let at = 0;
  while (at < bytes.length) {
    const first = bytes[at] ?? 0;
    const size =
      first < 0x80
        ? 1
        : first >= 0xc2 && first < 0xe0
          ? 2
          : first >= 0xe0 && first < 0xf0
            ? 3
            : first >= 0xf0 && first < 0xf5
              ? 4
              : 0;
    let point = size === 1 ? first : size === 0 ? -1 : first & (0xff >> (size + 1));
    let used = 1;
    while (point >= 0 && used < size) {
      const next = bytes[at + used] ?? 0;
      if ((next & 0xc0) !== 0x80 || !isAllowedSecond(first, next, used)) point = -1;
      else {
        point = (point << 6) | (next & 0x3f);
        used++;
      }
    }
    text += point < 0 ? "\ufffd" : String.fromCodePoint(point);
    at += used;
  }
  return text;
}

/** Encodes text as UTF-8 in a component, whose engine has no TextEncoder; lone surrogates become U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    let point = character.codePointAt(0) ?? 0;
    if (point >= 0xd800 && point <= 0xdfff) point = 0xfffd;
    if (point < 0x80) bytes.push(point);
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), 0x80 | (point & 0x3f));
    else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f));
    else
      bytes.push(
        0xf0 | (point >> 18),
        0x80 | ((point >> 12) & 0x3f),
        0x80 | ((point >> 6) & 0x3f),
        0x80 | (point & 0x3f),
      );
  }
  return Uint8Array.from(bytes);
}

// Overlong forms, surrogates and points above U+10FFFF show in the second byte.
function isAllowedSecond(first: number, second: number, index: number): boolean {
  if (index !== 1) return true;
  switch (first) {
    case 0xe0:
      return second >= 0xa0;
    case 0xed:
      return second < 0xa0;
    case 0xf0:
      return second >= 0x90;
    case 0xf4:
      return second < 0x90;
    default:
      return true;
  }
}
