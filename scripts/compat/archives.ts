// Archives as they are found in the wild, read for what is in them and nothing else: no profile is enforced, everything is bounded.
import { gunzipSync, inflateRawSync } from "node:zlib";

/** A file of an archive. */
export interface ArchiveEntry {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const MAX_ENTRIES = 20_000;
const MAX_ENTRY_BYTES = 64 << 20;

/** Opens ZIP, tar and gzip by their first bytes; undefined where a file is none of them, or broken. */
export function openArchive(bytes: Buffer): readonly ArchiveEntry[] | undefined {
  try {
    if (bytes.subarray(0, 2).equals(Buffer.from([0x1f, 0x8b]))) {
      return [{ name: "", bytes: gunzipSync(bytes, { maxOutputLength: 4 * MAX_ENTRY_BYTES }) }];
    }
    if (bytes.subarray(0, 4).toString("latin1") === "PK\u0003\u0004") return zipEntries(bytes);
    if (bytes.length > 512 && bytes.subarray(257, 262).toString("latin1") === "ustar") return tarEntries(bytes);
  } catch {
    // What can't be read holds no component that anybody could run.
  }
  return undefined;
}

/** ZIP: the directory at the end names every file's place. */
function zipEntries(bytes: Buffer): readonly ArchiveEntry[] {
  const end = bytes.lastIndexOf(Buffer.from("PK\u0005\u0006", "latin1"));
  if (end < 0) return [];
  const count = bytes.readUInt16LE(end + 10);
  let at = bytes.readUInt32LE(end + 16);
  const entries: ArchiveEntry[] = [];
  for (let index = 0; index < Math.min(count, MAX_ENTRIES); index++) {
    const [method, packed, size] = [
      bytes.readUInt16LE(at + 10),
      bytes.readUInt32LE(at + 20),
      bytes.readUInt32LE(at + 24),
    ];
    const [nameLength, extra, comment] = [28, 30, 32].map((offset) => bytes.readUInt16LE(at + offset));
    const name = bytes.toString("utf8", at + 46, at + 46 + (nameLength ?? 0));
    const local = bytes.readUInt32LE(at + 42);
    const from = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const body = bytes.subarray(from, from + packed);
    if (!name.endsWith("/") && size <= MAX_ENTRY_BYTES && (method === 0 || method === 8)) {
      entries.push({ name, bytes: method === 0 ? body : inflateRawSync(body, { maxOutputLength: MAX_ENTRY_BYTES }) });
    }
    at += 46 + (nameLength ?? 0) + (extra ?? 0) + (comment ?? 0);
  }
  return entries;
}

/** Tar: blocks of 512 bytes, a header before every file. */
function tarEntries(bytes: Buffer): readonly ArchiveEntry[] {
  const entries: ArchiveEntry[] = [];
  for (let at = 0; at + 512 <= bytes.length && entries.length < MAX_ENTRIES;) {
    const text = (from: number, length: number): string =>
      bytes.toString("utf8", at + from, at + from + length).replace(/\0.*$/s, "");
    const name = text(0, 100);
    if (name === "") break;
    const size = Number.parseInt(text(124, 12).trim() || "0", 8);
    const type = text(156, 1);
    if (type === "" || type === "0") entries.push({ name, bytes: bytes.subarray(at + 512, at + 512 + size) });
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return entries;
}
