/**
 * What a file is by its first bytes, as far as that matters: what runs, what a browser would run, and the types that people send.
 * @see https://mimesniff.spec.whatwg.org/
 */

/** How many bytes decide. */
export const SNIFF_BYTES = 4_096;

/** What the first bytes say: a type, that it runs, or nothing. */
export type Sniffed =
  | { readonly kind: "type"; readonly type: string }
  | { readonly kind: "runs" }
  | { readonly kind: "unknown" };

interface Magic {
  readonly bytes: readonly number[];
  readonly at?: number;
  readonly type: string;
}

const ascii = (text: string): readonly number[] => [...Buffer.from(text, "latin1")];

/** Windows, Linux and macOS programs, WebAssembly, Java classes, shortcuts, scripts, Android bytecode. */
const PROGRAMS: readonly (readonly number[])[] = [
  ascii("MZ"),
  ascii("\u007fELF"),
  [0xfe, 0xed, 0xfa, 0xce],
  [0xfe, 0xed, 0xfa, 0xcf],
  [0xce, 0xfa, 0xed, 0xfe],
  [0xcf, 0xfa, 0xed, 0xfe],
  [0xca, 0xfe, 0xba, 0xbe],
  ascii("\0asm"),
  [0x4c, 0, 0, 0, 0x01, 0x14, 0x02, 0],
  ascii("#!"),
  ascii("dex\n"),
  ascii("!<arch>\n"),
];

const TYPES: readonly Magic[] = [
  { bytes: [0x89, ...ascii("PNG\r\n"), 0x1a, 0x0a], type: "image/png" },
  { bytes: [0xff, 0xd8, 0xff], type: "image/jpeg" },
  { bytes: ascii("GIF87a"), type: "image/gif" },
  { bytes: ascii("GIF89a"), type: "image/gif" },
  { bytes: ascii("%PDF-"), type: "application/pdf" },
  { bytes: ascii("PK\u0003\u0004"), type: "application/zip" },
  { bytes: ascii("PK\u0005\u0006"), type: "application/zip" },
  { bytes: [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1], type: "application/x-ole-storage" },
  { bytes: [0x1f, 0x8b], type: "application/gzip" },
  { bytes: ascii("7z\u00bc\u00af\u0027\u001c"), type: "application/x-7z-compressed" },
  { bytes: ascii("Rar!\u001a\u0007"), type: "application/vnd.rar" },
  { bytes: ascii("OggS"), type: "application/ogg" },
  { bytes: ascii("fLaC"), type: "audio/flac" },
  { bytes: ascii("ID3"), type: "audio/mpeg" },
  { bytes: ascii("ftyp"), at: 4, type: "video/mp4" },
  { bytes: [0x1a, 0x45, 0xdf, 0xa3], type: "video/webm" },
  { bytes: ascii("BM"), type: "image/bmp" },
];

/** Tells what a file is by its first bytes. */
export function sniff(head: Uint8Array): Sniffed {
  if (PROGRAMS.some((bytes) => starts(head, bytes))) return { kind: "runs" };
  if (starts(head, ascii("RIFF"))) {
    if (starts(head, ascii("WEBP"), 8)) return { kind: "type", type: "image/webp" };
    if (starts(head, ascii("WAVE"), 8)) return { kind: "type", type: "audio/wav" };
  }
  const found = TYPES.find(({ bytes, at }) => starts(head, bytes, at));
  if (found !== undefined) return { kind: "type", type: found.type };
  const markup = sniffMarkup(head);
  return markup === undefined ? { kind: "unknown" } : { kind: "type", type: markup };
}

/** Whether the first bytes could be a text's: UTF-8, without control characters that no text has. */
export function isText(head: Uint8Array): boolean {
  // The last character may be cut in two.
  const whole = head.byteLength < SNIFF_BYTES ? head : head.subarray(0, -3);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(whole, { stream: true });
    return !/[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/.test(text);
  } catch {
    return false;
  }
}

const HTML =
  /^<(?:!doctype\s+html|html|head|body|script|iframe|style|title|meta|link|table|a|b|h[1-6]|div|font|img|p|br)(?=[\s>/])/i;

/** What a browser would render, behind white space, byte order marks and comments. */
function sniffMarkup(head: Uint8Array): string | undefined {
  const text = Buffer.from(head).toString(isUtf16(head) ? "utf16le" : "latin1");
  const start = text.replace(/^(?:\u00ef\u00bb\u00bf|\ufeff)?(?:\s|<!--[^]*?-->)*/, "");
  if (HTML.test(start)) return "text/html";
  if (/^<svg[\s>]/i.test(start)) return "image/svg+xml";
  if (!/^<(?:\?xml|!doctype|!entity)[\s>]/i.test(start)) return undefined;
  if (/<svg[\s>]/i.test(start)) return "image/svg+xml";
  return /<html[\s>]/i.test(start) ? "text/html" : "application/xml";
}

const isUtf16 = (head: Uint8Array): boolean => head[0] === 0xff && head[1] === 0xfe;

function starts(head: Uint8Array, bytes: readonly number[], at = 0): boolean {
  return head.byteLength >= at + bytes.length && bytes.every((byte, n) => head[at + n] === byte);
}
