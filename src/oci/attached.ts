import { isGreenticError } from "../types/index.ts";
import type { OciClient } from "./client.ts";
import type { OciDigest } from "./digest.ts";
import type { OciLibrary } from "./library.ts";
import { EMPTY_CONFIG, EMPTY_DESCRIPTOR, describeBytes, encodeImageManifest } from "./manifest.ts";
import type { OciReference } from "./reference.ts";

/**
 * Documents about an artifact, as its referrers: a manifest whose subject is the artifact's, with one layer.
 * provenance   artifactType application/vnd.in-toto+json, layer application/vnd.dsse.envelope.v1+json
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidelines-for-artifact-usage
 */
const PROVENANCE_TYPE = "application/vnd.in-toto+json";
const ENVELOPE_TYPE = "application/vnd.dsse.envelope.v1+json";
const PREDICATE = "in-toto.io/predicate-type";
const SLSA = "https://slsa.dev/provenance/v1";

const MAX_ENVELOPE_BYTES = 8 << 20;
/** Anybody who may push can attach more: those that come first are looked at. */
const MAX_ATTACHED = 16;

/** Attaches a pack's provenance to its manifest; the same envelope is attached once. Returns the digest. @throws OCI_… */
export async function pushProvenance(
  client: OciClient,
  subject: OciReference & { readonly digest: OciDigest },
  envelope: Uint8Array,
): Promise<OciDigest> {
  const { registry, repository, digest } = subject;
  const place = { registry, repository };
  const { bytes, manifest } = await client.pullManifest({ ...place, digest });
  await client.pushBlob(place, EMPTY_CONFIG);
  await client.pushBlob(place, envelope);
  return client.pushManifest(
    place,
    encodeImageManifest({
      artifactType: PROVENANCE_TYPE,
      config: EMPTY_DESCRIPTOR,
      layers: [describeBytes(envelope, ENVELOPE_TYPE)],
      subject: { mediaType: manifest.mediaType, digest, size: bytes.byteLength, annotations: {} },
      annotations: { [PREDICATE]: SLSA },
    }),
  );
}

/**
 * Reads the envelopes that are attached to an artifact; whoever uses them verifies them. What is attached and isn't one is left out.
 * @throws OCI_OFFLINE, OCI_…
 */
export async function pullProvenance(
  library: OciLibrary,
  subject: OciReference & { readonly digest: OciDigest },
): Promise<readonly Uint8Array[]> {
  const envelopes: Uint8Array[] = [];
  for (const { digest } of (await library.referrers(subject, PROVENANCE_TYPE)).slice(0, MAX_ATTACHED)) {
    try {
      const { manifest } = await library.manifest(subject, digest);
      const [layer] = manifest.kind === "manifest" ? manifest.layers : [];
      if (layer?.mediaType !== ENVELOPE_TYPE || layer.size > MAX_ENVELOPE_BYTES) continue;
      envelopes.push((await library.blob(subject, layer)).bytes);
    } catch (error) {
      if (!isGreenticError(error) || (error.kind !== "invalid_input" && error.kind !== "not_found")) throw error;
    }
  }
  return envelopes;
}
