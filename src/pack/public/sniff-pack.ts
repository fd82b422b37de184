import { decodeCborJson, isJsonObject } from "../../types/index.ts";
import type { JsonObject } from "../../types/index.ts";
import { MANIFEST_PATH } from "../digest.ts";
import { inflateEntry } from "../entry-content.ts";
import { encodeCbor } from "../cbor.ts";
import { MANIFEST_SCHEMA } from "../manifest.ts";
import { MAX_MANIFEST_BYTES } from "../pack-limits.ts";
import { LOCAL_BYTES, LOCAL_SIGNATURE, METHOD_STORE } from "../zip-format.ts";
import { readLooseDirectory } from "./loose-zip.ts";
import { isTar } from "./tar-read.ts";

/** Decodes a manifest.cbor of the public tools: any CBOR within bounds. @throws TYPES_CBOR_… */
export function decodePublicManifest(bytes: Uint8Array): JsonObject | undefined {
  const value = decodeCborJson(bytes, { maxBytes: MAX_MANIFEST_BYTES, maxDepth: 64, maxItems: 1_000_000 });
  if (!isJsonObject(value)) return undefined;
  const { schema_version: schema, meta } = value;
  const isG1 = schema === undefined && meta !== undefined && isJsonObject(meta) && meta["pack_id"] !== undefined;
  return schema === "pack-v1" || isG1 ? value : undefined;
}

/**
 * Tells whether bytes are a pack of the public tools, by its manifest alone. Everything else is held to the native format, whose
 * codes then say what is wrong with it: only what says that it is public is read leniently, and such a pack is never signed
 * by the native rules.
 */
export function sniffPack(bytes: Uint8Array): "native" | "zip" | "tar" {
  if (isTar(bytes)) return "tar";
  try {
    if (isNative(bytes)) return "native";
    const header = readLooseDirectory(bytes).headers.find(({ path }) => path === MANIFEST_PATH);
    if (header === undefined || header.sizeBytes > MAX_MANIFEST_BYTES) return "native";
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const at = header.localOffset;
    const data = at + LOCAL_BYTES + view.getUint16(at + 26, true) + view.getUint16(at + 28, true);
    const packed = bytes.subarray(data, data + header.packedSize);
    const manifest = header.method === METHOD_STORE ? packed : inflateEntry(packed, header);
    return decodePublicManifest(manifest) === undefined ? "native" : "zip";
  } catch {
    // Unreadable here means nothing: the strict reader says why.
    return "native";
  }
}

/** How every native manifest ends: the longest key is the last of its map. */
const NATIVE_END = Buffer.from(encodeCbor(new Map([["schema_version", MANIFEST_SCHEMA]]))).subarray(1);

/** Knows a native pack by its first entry alone, which saves reading thousands of headers and a large manifest twice. */
function isNative(bytes: Uint8Array): boolean {
  const archive = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = LOCAL_BYTES + MANIFEST_PATH.length;
  if (archive.length < data || archive.readUInt32LE(0) !== LOCAL_SIGNATURE) return false;
  if (archive.toString("latin1", LOCAL_BYTES, data) !== MANIFEST_PATH) return false;
  const end = data + archive.readUInt32LE(18);
  return archive.subarray(Math.max(data, end - NATIVE_END.length), end).equals(NATIVE_END);
}
