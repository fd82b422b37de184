import { decodeCborJson, isJsonObject } from "../../types/index.ts";
import type { JsonObject } from "../../types/index.ts";
import { MANIFEST_PATH } from "../digest.ts";
import { inflateEntry } from "../entry-content.ts";
import { LOCAL_BYTES, METHOD_STORE } from "../zip-format.ts";
import { readLooseDirectory } from "./loose-zip.ts";
import { isTar } from "./tar-read.ts";

/** A manifest of 4,096 entries and a few hundred flows takes less. */
const MAX_MANIFEST_BYTES = 8 << 20;

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
