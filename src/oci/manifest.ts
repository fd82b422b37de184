import { GreenticError, isJsonObject, parseJson, quote } from "../types/index.ts";
import type { JsonObject, JsonValue } from "../types/index.ts";
import type { OciDigest } from "./digest.ts";
import { digestOf, isDigest } from "./digest.ts";

/**
 * Manifests and indexes of the image specification 1.1, and Docker's version 2, which has the same fields:
 * { schemaVersion: 2, mediaType?, artifactType?, config, layers: [descriptor], subject?, annotations? }
 * { schemaVersion: 2, mediaType?, manifests: [descriptor], annotations? }
 * A descriptor is { mediaType, digest, size, artifactType?, annotations? }.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md
 */

const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
export const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";
const EMPTY_TYPE = "application/vnd.oci.empty.v1+json";
const DOCKER_MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST_TYPE = "application/vnd.docker.distribution.manifest.list.v2+json";

/** What is asked for; anything else a registry may convert, and the digest with it. */
export const MANIFEST_TYPES = [MANIFEST_TYPE, INDEX_TYPE, DOCKER_MANIFEST_TYPE, DOCKER_LIST_TYPE] as const;

/** Manifests are small; registries have the same limit. */
export const MAX_MANIFEST_BYTES = 4 << 20;
const MAX_DESCRIPTORS = 4_096;

/** What something is, how long and with which hash. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: OciDigest;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** One artifact. */
export interface ImageManifest {
  readonly kind: "manifest";
  readonly mediaType: string;
  /** Given, or the config's media type, as the specification has it. */
  readonly artifactType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A list of artifacts. */
export interface ImageIndex {
  readonly kind: "index";
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** The content of the empty descriptor, `{}`. */
export const EMPTY_CONFIG: Uint8Array = new TextEncoder().encode("{}");
/** Stands where a manifest must have a config and has nothing to say in it. */
export const EMPTY_DESCRIPTOR: Descriptor = {
  mediaType: EMPTY_TYPE,
  digest: digestOf(EMPTY_CONFIG),
  size: EMPTY_CONFIG.byteLength,
  annotations: {},
};

/** Reads a manifest or an index by its shape, which must be one of them. @throws OCI_MANIFEST_INVALID */
export function parseManifest(bytes: Uint8Array): ImageManifest | ImageIndex {
  let value: JsonValue;
  try {
    value = parseJson(bytes, { maxBytes: MAX_MANIFEST_BYTES, maxDepth: 16 });
  } catch (error) {
    throw new GreenticError("OCI_MANIFEST_INVALID", "Read manifest: not JSON within limits", { cause: error });
  }
  if (!isJsonObject(value)) throw invalid("", "an object", value);
  if (value["schemaVersion"] !== 2) throw invalid("schemaVersion", "2", value["schemaVersion"]);
  const annotations = readAnnotations(value["annotations"], "annotations");
  // A document that is both could be read as either by different readers.
  if ("manifests" in value === "layers" in value) throw invalid("", "either layers or manifests", undefined);
  if ("manifests" in value) {
    const mediaType = readType(value, "mediaType", [INDEX_TYPE, DOCKER_LIST_TYPE]);
    return { kind: "index", mediaType, manifests: readDescriptors(value["manifests"], "manifests"), annotations };
  }
  const config = readDescriptor(value["config"], "config");
  const artifactType = value["artifactType"];
  const isNamed = typeof artifactType === "string" && artifactType !== "";
  return {
    kind: "manifest",
    mediaType: readType(value, "mediaType", [MANIFEST_TYPE, DOCKER_MANIFEST_TYPE]),
    artifactType: isNamed ? artifactType : config.mediaType,
    config,
    layers: readDescriptors(value["layers"], "layers"),
    annotations,
    ...(value["subject"] !== undefined && { subject: readDescriptor(value["subject"], "subject") }),
  };
}

/** What a manifest is made of; absent parts are left out of the bytes. */
export interface ManifestParts {
  /** Absent in an image that runs: its config says what it is. */
  readonly artifactType?: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Writes a manifest; the same parts give the same bytes, since nothing of this machine or its clock goes in. */
export function encodeImageManifest(parts: ManifestParts): Uint8Array {
  return encode({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    ...(parts.artifactType !== undefined && { artifactType: parts.artifactType }),
    config: descriptorJson(parts.config),
    layers: parts.layers.map(descriptorJson),
    ...(parts.subject && { subject: descriptorJson(parts.subject) }),
    ...(parts.annotations && { annotations: sorted(parts.annotations) }),
  });
}

/** Writes an index. */
export function encodeIndex(manifests: readonly Descriptor[]): Uint8Array {
  return encode({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests: manifests.map(descriptorJson) });
}

/** Describes bytes. */
export function describeBytes(
  bytes: Uint8Array,
  mediaType: string,
  annotations: Readonly<Record<string, string>> = {},
): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength, annotations };
}

const encode = (value: JsonObject): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

function descriptorJson(descriptor: Descriptor): JsonObject {
  const { mediaType, digest, size, artifactType, annotations } = descriptor;
  const hasAnnotations = Object.keys(annotations).length > 0;
  return {
    mediaType,
    digest,
    size,
    ...(artifactType !== undefined && { artifactType }),
    ...(hasAnnotations && { annotations: sorted(annotations) }),
  };
}

function sorted(annotations: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function readDescriptors(value: JsonValue | undefined, path: string): readonly Descriptor[] {
  if (!Array.isArray(value) || value.length > MAX_DESCRIPTORS)
    throw invalid(path, `at most ${MAX_DESCRIPTORS} descriptors`, undefined);
  return (value as readonly JsonValue[]).map((entry, index) => readDescriptor(entry, `${path}[${index}]`));
}

function readDescriptor(value: JsonValue | undefined, path: string): Descriptor {
  if (!isJsonObject(value)) throw invalid(path, "a descriptor", value);
  const { mediaType, digest, size, artifactType } = value;
  if (typeof mediaType !== "string" || mediaType.length > 255) throw invalid(`${path}.mediaType`, "a text", mediaType);
  if (!isDigest(digest)) throw invalid(`${path}.digest`, "sha256: and 64 lower-case hex digits", digest);
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
    throw invalid(`${path}.size`, "a number of bytes", size);
  return {
    mediaType,
    digest,
    size,
    annotations: readAnnotations(value["annotations"], `${path}.annotations`),
    ...(typeof artifactType === "string" && { artifactType }),
  };
}

function readAnnotations(value: JsonValue | undefined, path: string): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {};
  if (!isJsonObject(value)) throw invalid(path, "an object of texts", value);
  const annotations = Object.create(null) as Record<string, string>;
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") throw invalid(`${path}.${quote(key)}`, "a text", text);
    annotations[key] = text;
  }
  return annotations;
}

function readType(value: JsonObject, key: string, types: readonly string[]): string {
  const type = value[key] ?? types[0];
  if (typeof type !== "string" || !types.includes(type)) throw invalid(key, types.join(" or "), type);
  return type;
}

function invalid(path: string, expected: string, got: JsonValue | undefined): GreenticError {
  const shown = typeof got === "string" ? `, got ${quote(got)}` : typeof got === "number" ? `, got ${got}` : "";
  const where = path === "" ? "" : ` at ${path}`;
  return new GreenticError("OCI_MANIFEST_INVALID", `Read manifest: expected ${expected}${where}${shown}`);
}
