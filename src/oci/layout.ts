/**
 * Images in a directory, as other tools read them: `skopeo inspect oci:DIR`, `podman pull oci:DIR`.
 *   oci-layout              {"imageLayoutVersion":"1.0.0"}
 *   index.json              the image's manifest under its name, and the documents about it
 *   blobs/sha256/<hex>      layers, configs, manifests
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { GreenticError, quote } from "../types/index.ts";
import type { OciClient } from "./client.ts";
import { digestOf } from "./digest.ts";
import type { OciDigest } from "./digest.ts";
import {
  describeBytes,
  EMPTY_CONFIG,
  EMPTY_DESCRIPTOR,
  encodeImageManifest,
  encodeIndex,
  parseManifest,
} from "./manifest.ts";
import type { Descriptor } from "./manifest.ts";
import type { OciReference } from "./reference.ts";

const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
const SBOM_TYPE = "application/vnd.cyclonedx+json";
const REF_NAME = "org.opencontainers.image.ref.name";

/** What becomes an image; the layers' bytes are in `blobs/sha256` already. */
export interface LayoutImage {
  /** The image's config, JSON. */
  readonly config: Uint8Array;
  readonly layers: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
  /** A CycloneDX document about it, which becomes its referrer. */
  readonly sbom: Uint8Array;
  /** What the image is called in the directory. */
  readonly name: string;
}

/** Writes everything of an image but its layers, index last. Returns the manifest's digest. */
export async function writeLayout(dir: string, image: LayoutImage): Promise<OciDigest> {
  const { config, layers, annotations, sbom, name } = image;
  const manifest = encodeImageManifest({ config: describeBytes(config, CONFIG_TYPE), layers, annotations });
  const described = describeBytes(manifest, MANIFEST_TYPE);
  const referrer = encodeImageManifest({
    artifactType: SBOM_TYPE,
    config: EMPTY_DESCRIPTOR,
    layers: [describeBytes(sbom, SBOM_TYPE, { "org.opencontainers.image.title": "sbom.cdx.json" })],
    subject: described,
  });
  const blobs = join(dir, "blobs/sha256");
  await mkdir(blobs, { recursive: true });
  for (const bytes of [config, EMPTY_CONFIG, sbom, manifest, referrer])
    await writeFile(join(blobs, digestOf(bytes).slice("sha256:".length)), bytes);
  await writeFile(join(dir, "oci-layout"), `{"imageLayoutVersion":"1.0.0"}`);
  await writeFile(
    join(dir, "index.json"),
    encodeIndex([
      { ...described, annotations: { [REF_NAME]: name } },
      { ...describeBytes(referrer, MANIFEST_TYPE), artifactType: SBOM_TYPE },
    ]),
  );
  return described.digest;
}

/**
 * Pushes an image of a directory under a reference, and the documents about it by their digests. What the registry has isn't sent.
 * @throws OCI_MANIFEST_INVALID where the directory holds none, OCI_DIGEST_MISMATCH, OCI_…
 */
export async function pushLayout(client: OciClient, reference: OciReference, dir: string): Promise<OciDigest> {
  const index = parseManifest(await readFile(join(dir, "index.json")));
  const [image, ...about] = index.kind === "index" ? index.manifests : [];
  if (image === undefined) throw new GreenticError("OCI_MANIFEST_INVALID", `Push image: no image in ${quote(dir)}`);
  const { registry, repository } = reference;
  const place = { registry, repository };
  const push = async (descriptor: Descriptor, to: OciReference): Promise<OciDigest> => {
    const bytes = await readBlob(dir, descriptor);
    const manifest = parseManifest(bytes);
    if (manifest.kind === "manifest")
      for (const part of [manifest.config, ...manifest.layers]) await client.pushBlob(place, await readBlob(dir, part));
    return client.pushManifest(to, bytes);
  };
  const digest = await push(image, reference);
  for (const descriptor of about) await push(descriptor, place);
  return digest;
}

async function readBlob(dir: string, { digest, size }: Descriptor): Promise<Uint8Array> {
  const bytes = await readFile(join(dir, "blobs/sha256", digest.slice("sha256:".length)));
  if (bytes.byteLength !== size || digestOf(bytes) !== digest)
    throw new GreenticError("OCI_DIGEST_MISMATCH", `Push image: ${quote(dir)} holds other bytes as ${digest}`);
  return bytes;
}
