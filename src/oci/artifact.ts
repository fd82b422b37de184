import { GreenticError, quote } from "../types/index.ts";
import type { OciClient } from "./client.ts";
import type { OciDigest } from "./digest.ts";
import { hashBytes } from "./digest.ts";
import type { OciLibrary } from "./library.ts";
import { EMPTY_CONFIG, EMPTY_DESCRIPTOR, describeBytes, encodeImageManifest } from "./manifest.ts";
import type { Descriptor, ImageManifest } from "./manifest.ts";
import type { PushBlobOptions } from "./push-blob.ts";
import type { OciReference } from "./reference.ts";
import { formatOciReference } from "./reference.ts";

/**
 * Artifacts as they stand in registries: a manifest with one layer, which is the file's bytes as they are.
 * pack       artifactType application/vnd.greentic.gtpack.v1, empty config, layer application/vnd.greentic.gtpack.v1+zip
 * component  artifactType application/vnd.wasm.config.v0+json by its config, layer application/wasm
 * @see docs/registries.md, https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/
 */
type ArtifactKind = "pack" | "component";

const PACK_TYPE = "application/vnd.greentic.gtpack.v1";
const PACK_LAYER_TYPE = "application/vnd.greentic.gtpack.v1+zip";
const WASM_CONFIG_TYPE = "application/vnd.wasm.config.v0+json";
const WASM_LAYER_TYPE = "application/wasm";
const TITLE = "org.opencontainers.image.title";
/** Annotation of the pack hash, for people; readers hash. */
const PACK_HASH = "ai.greentic.pack.hash";

/** Layers' media types that are read: ours, and those that public tools push. */
const LAYER_TYPES: Readonly<Record<ArtifactKind, readonly string[]>> = {
  pack: [
    PACK_LAYER_TYPE,
    "application/vnd.greentic.gtpack+zip",
    "application/vnd.greentic.gtpack",
    "application/vnd.greentic.pack+zip",
    "application/vnd.greentic.pack.v1+gtpack",
  ],
  component: [
    WASM_LAYER_TYPE,
    "application/wasm+component",
    "application/vnd.wasm.component.v1+wasm",
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
  ],
};
/** Types that say nothing: the file's name decides. */
const UNTYPED = ["application/octet-stream", "application/zip", "application/vnd.oci.image.layer.v1.tar"];
const SUFFIX: Readonly<Record<ArtifactKind, string>> = { pack: ".gtpack", component: ".wasm" };
const MAX_BYTES: Readonly<Record<ArtifactKind, number>> = { pack: 512 << 20, component: 64 << 20 };

/** An artifact's file, verified against the digests that lead to it; what is in it is not judged here. */
export interface PulledArtifact {
  /** The reference with its digest: what to write down. */
  readonly reference: OciReference & { readonly digest: OciDigest };
  readonly bytes: Uint8Array;
  readonly layer: Descriptor;
  /** Whether no byte of the layer came over the network. */
  readonly isCached: boolean;
  /** What the tag was locked to before, where `update` changed that. */
  readonly before?: OciDigest;
}

/** Pulls a pack's or a component's file. @throws OCI_ARTIFACT_UNSUPPORTED, OCI_OFFLINE, OCI_… */
export async function pullArtifact(
  library: OciLibrary,
  reference: OciReference,
  { kind, update = false }: { readonly kind: ArtifactKind; readonly update?: boolean },
): Promise<PulledArtifact> {
  const { digest, before } = await library.resolve(reference, { update });
  const { manifest } = await library.manifest(reference, digest);
  const doing = `Pull ${kind} ${quote(formatOciReference({ ...reference, digest }))}`;
  if (manifest.kind === "index")
    throw new GreenticError(
      "OCI_ARTIFACT_UNSUPPORTED",
      `${doing}: it is a list of ${manifest.manifests.length} artifacts; name one by its digest`,
    );
  const layer = layerOf(manifest, { kind, doing });
  const { bytes, isCached } = await library.blob(reference, layer);
  return { reference: { ...reference, digest }, bytes, layer, isCached, ...(before !== undefined && { before }) };
}

function layerOf(
  manifest: ImageManifest,
  { kind, doing }: { readonly kind: ArtifactKind; readonly doing: string },
): Descriptor {
  const isMeant = ({ mediaType, annotations }: Descriptor): boolean =>
    LAYER_TYPES[kind].includes(mediaType) ||
    (UNTYPED.includes(mediaType) && annotations[TITLE]?.endsWith(SUFFIX[kind]) === true);
  const [layer, ...others] = manifest.layers.filter(isMeant);
  const unsupported = (state: string): GreenticError =>
    new GreenticError("OCI_ARTIFACT_UNSUPPORTED", `${doing}: ${state}`);
  if (layer === undefined)
    throw unsupported(`no layer is a ${kind}; the artifact is of type ${quote(manifest.artifactType)}`);
  if (others.length > 0) throw unsupported(`${others.length + 1} layers are ${kind}s, expected one`);
  if (layer.size > MAX_BYTES[kind])
    throw new GreenticError(
      "OCI_BODY_TOO_LARGE",
      `${doing}: expected at most ${MAX_BYTES[kind]} bytes, got ${layer.size}`,
    );
  return layer;
}

/** What a pack's manifest says of it beside its bytes. */
export interface PackLabels {
  readonly name: string;
  readonly version: string;
  /** Lower-case hex. */
  readonly packHash: string;
}

/** Pushes a pack's bytes; the same pack gives the same digest wherever it is pushed from. @throws OCI_… */
export async function pushPack(
  client: OciClient,
  reference: OciReference,
  { bytes, labels, ...options }: PushBlobOptions & { readonly bytes: Uint8Array; readonly labels: PackLabels },
): Promise<OciDigest> {
  const { name, version, packHash } = labels;
  const layer: Descriptor = {
    mediaType: PACK_LAYER_TYPE,
    digest: await hashBytes(bytes),
    size: bytes.byteLength,
    annotations: { [TITLE]: `${name}-${version}.gtpack` },
  };
  await client.pushBlob(reference, EMPTY_CONFIG);
  await client.pushBlob(reference, bytes, options);
  return client.pushManifest(
    reference,
    encodeImageManifest({
      artifactType: PACK_TYPE,
      config: EMPTY_DESCRIPTOR,
      layers: [layer],
      annotations: { [TITLE]: name, "org.opencontainers.image.version": version, [PACK_HASH]: packHash },
    }),
  );
}

/** Pushes a component as the CNCF's wasm artifact. @throws OCI_… */
export async function pushComponent(
  client: OciClient,
  reference: OciReference,
  { bytes, title, ...options }: PushBlobOptions & { readonly bytes: Uint8Array; readonly title: string },
): Promise<OciDigest> {
  const layer = describeBytes(bytes, WASM_LAYER_TYPE, { [TITLE]: `${title}.wasm` });
  const config = Buffer.from(JSON.stringify({ architecture: "wasm", os: "wasip2", layerDigests: [layer.digest] }));
  await client.pushBlob(reference, config);
  await client.pushBlob(reference, bytes, options);
  return client.pushManifest(
    reference,
    encodeImageManifest({
      artifactType: WASM_CONFIG_TYPE,
      config: describeBytes(config, WASM_CONFIG_TYPE),
      layers: [layer],
      annotations: { [TITLE]: title },
    }),
  );
}
