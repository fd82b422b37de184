import { GreenticError, quote } from "../types/index.ts";
import type { OciCache } from "./cache.ts";
import type { OciClient, PulledManifest } from "./client.ts";
import type { OciDigest } from "./digest.ts";
import type { Descriptor } from "./manifest.ts";
import { encodeIndex, parseManifest } from "./manifest.ts";
import type { OciReference } from "./reference.ts";
import { formatOciReference } from "./reference.ts";

/** Artifacts of registries, each fetched once and kept. */
export interface LibraryOptions {
  readonly client: OciClient;
  readonly cache: OciCache;
  /** Only what is kept; nothing is asked of anybody. */
  readonly isOffline?: boolean;
}

/** What a reference meant. */
export interface ResolvedReference {
  readonly digest: OciDigest;
  /** What the tag was locked to before, where that changed now. */
  readonly before?: OciDigest;
}

/** Finds artifacts in the cache, and in their registry where the cache doesn't have them. */
export class OciLibrary {
  readonly #options: LibraryOptions;

  constructor(options: LibraryOptions) {
    this.#options = options;
  }

  /**
   * Finds the digest of a reference. A tag is asked about once and means the same from then on, unless `update` asks again.
   * @throws OCI_OFFLINE, OCI_NOT_FOUND, OCI_…
   */
  async resolve(reference: OciReference, { update = false } = {}): Promise<ResolvedReference> {
    const { client, cache, isOffline } = this.#options;
    if (reference.digest !== undefined) return { digest: reference.digest };
    const text = formatOciReference({ ...reference, tag: reference.tag ?? "latest" });
    const locked = await cache.lockedTag(text);
    if (locked !== undefined && (!update || isOffline === true)) return { digest: locked };
    if (isOffline === true) throw offline(text);
    const digest = await client.resolve(reference);
    if (digest === locked) return { digest };
    await cache.lockTag(text, digest);
    return { digest, ...(locked !== undefined && { before: locked }) };
  }

  /** Reads the manifest of a digest. @throws OCI_OFFLINE, OCI_NOT_FOUND, OCI_DIGEST_MISMATCH, OCI_MANIFEST_INVALID, OCI_… */
  async manifest(reference: OciReference, digest: OciDigest): Promise<PulledManifest> {
    const { client, cache, isOffline } = this.#options;
    const kept = await cache.read(digest);
    if (kept !== undefined) return { digest, bytes: kept, manifest: parseManifest(kept) };
    if (isOffline === true) throw offline(formatOciReference({ ...reference, digest }));
    const pulled = await client.pullManifest({ ...reference, digest });
    await cache.write(digest, [pulled.bytes]);
    return pulled;
  }

  /**
   * Lists what refers to an artifact, of one type. A registry is asked each time, since lists grow; offline the list counts that
   * was seen last.
   * @throws OCI_OFFLINE, OCI_…
   */
  async referrers(
    subject: OciReference & { readonly digest: OciDigest },
    artifactType: string,
  ): Promise<readonly Descriptor[]> {
    const { client, cache, isOffline } = this.#options;
    const { registry, repository, digest } = subject;
    const text = `${formatOciReference({ registry, repository, digest })}#${artifactType}`;
    if (isOffline !== true) {
      const found = await client.listReferrers({ registry, repository }, digest, { artifactType });
      await cache.lockTag(text, await cache.add(encodeIndex(found)));
      return found;
    }
    const locked = await cache.lockedTag(text);
    const kept = locked === undefined ? undefined : await cache.read(locked);
    if (kept === undefined) throw offline(text);
    const index = parseManifest(kept);
    return index.kind === "index" ? index.manifests : [];
  }

  /** Reads a blob. @throws OCI_OFFLINE, OCI_NOT_FOUND, OCI_DIGEST_MISMATCH, OCI_SIZE_MISMATCH, OCI_… */
  async blob(reference: OciReference, descriptor: Descriptor): Promise<{ bytes: Uint8Array; isCached: boolean }> {
    const { client, cache, isOffline } = this.#options;
    const kept = await cache.read(descriptor.digest);
    if (kept !== undefined) return { bytes: kept, isCached: true };
    if (isOffline === true) throw offline(formatOciReference({ ...reference, digest: descriptor.digest }));
    // Made at once and filled as it arrives: joining chunks would copy all of it in one go. What isn't filled costs no memory.
    const bytes = Buffer.allocUnsafeSlow(descriptor.size);
    await cache.write(descriptor.digest, keeping(client.pullBlob(reference, descriptor), bytes));
    return { bytes, isCached: false };
  }
}

/** Hands chunks on and keeps them: what was verified on its way to the disk is what the caller gets. */
async function* keeping(source: AsyncIterable<Uint8Array>, bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  let offset = 0;
  for await (const chunk of source) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
    yield chunk;
  }
}

function offline(text: string): GreenticError {
  return new GreenticError("OCI_OFFLINE", `Fetch ${quote(text)}: offline, and the cache doesn't have it`);
}
