import { plainType } from "./rules.ts";

const DATA_URL = /^data:([^,]{0,200}),/i;

/** A file that stands in a URL. */
export interface DataUrl {
  readonly mimeType: string;
  readonly bytes: Uint8Array;
}

/** Whether a URL holds its own bytes. */
export function isDataUrl(url: string | undefined): url is string {
  return url !== undefined && /^data:/i.test(url);
}

/** Reads a `data:` URL; undefined where it has no such form. @see RFC 2397 */
export function readDataUrl(url: string): DataUrl | undefined {
  const [start, head = ""] = DATA_URL.exec(url) ?? [];
  if (start === undefined) return undefined;
  const content = url.slice(start.length);
  const isBase64 = /;\s*base64\s*$/i.test(head);
  const mimeType = head === "" || head.startsWith(";") ? "text/plain" : plainType(head);
  try {
    if (!isBase64) return { mimeType, bytes: Buffer.from(decodeURIComponent(content)) };
    const base64 = content.includes("%") ? decodeURIComponent(content) : content;
    return /^[A-Za-z0-9+/_-]*={0,2}\s*$/.test(base64) ? { mimeType, bytes: Buffer.from(base64, "base64") } : undefined;
  } catch {
    return undefined;
  }
}
