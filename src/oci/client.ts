import { GreenticError, isGreenticError, isJsonObject, parseJson, quote } from "../types/index.ts";
import type { JsonObject } from "../types/index.ts";
import type { OciDigest } from "./digest.ts";
import { digestOf, hashBytes, isDigest } from "./digest.ts";
import { readBody } from "./exchange.ts";
import type { RegistryResponse } from "./exchange.ts";
import {
  INDEX_TYPE,
  MANIFEST_TYPES,
  MAX_MANIFEST_BYTES,
  describeBytes,
  encodeIndex,
  parseManifest,
} from "./manifest.ts";
import type { Descriptor, ImageIndex, ImageManifest } from "./manifest.ts";
import { pullBlob } from "./pull-blob.ts";
import { pushBlob } from "./push-blob.ts";
import type { PushBlobOptions } from "./push-blob.ts";
import type { OciReference } from "./reference.ts";
import { formatOciReference } from "./reference.ts";
import { RegistrySession } from "./session.ts";
import type { Repository, SessionOptions } from "./session.ts";

/** A manifest with the bytes that its digest is of. */
export interface PulledManifest {
  readonly digest: OciDigest;
  readonly bytes: Uint8Array;
  readonly manifest: ImageManifest | ImageIndex;
}

const PAGE = 1_000;
const MAX_PAGES = 100;
const MAX_PAGE_BYTES = 4 << 20;
const ACCEPT = MANIFEST_TYPES.join(", ");

/**
 * A client of registries after the distribution specification 1.1. Everything that it gives was hashed and is within limits.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
 */
export class OciClient {
  readonly #session: RegistrySession;

  constructor(options: SessionOptions = {}) {
    this.#session = new RegistrySession(options);
  }

  /** Finds the digest of a reference; one that has a digest is asked about nowhere. @throws OCI_NOT_FOUND, OCI_… */
  async resolve(reference: OciReference): Promise<OciDigest> {
    if (reference.digest !== undefined) return reference.digest;
    const response = await this.#session.send(reference, {
      method: "HEAD",
      path: `manifests/${placeOf(reference)}`,
      access: "pull",
      headers: { accept: ACCEPT },
      accept: [404, 405],
    });
    await response.cancel();
    if (response.status === 404) throw notFound(reference);
    const said = response.headers.get("docker-content-digest");
    if (response.status === 200 && isDigest(said)) return said;
    return (await this.pullManifest(reference)).digest;
  }

  /**
   * Reads the manifest of a digest, or of a tag where there is none.
   * @throws OCI_NOT_FOUND, OCI_DIGEST_MISMATCH, OCI_BODY_TOO_LARGE, OCI_MANIFEST_INVALID, OCI_…
   */
  async pullManifest(reference: OciReference): Promise<PulledManifest> {
    const response = await this.#session.send(reference, {
      method: "GET",
      path: `manifests/${placeOf(reference)}`,
      access: "pull",
      headers: { accept: ACCEPT },
      accept: [404],
    });
    if (response.status === 404) {
      await response.cancel();
      throw notFound(reference);
    }
    const bytes = await readBody(response, MAX_MANIFEST_BYTES);
    const digest = digestOf(bytes);
    const said = response.headers.get("docker-content-digest");
    for (const expected of [reference.digest, isDigest(said) ? said : undefined]) {
      if (expected !== undefined && expected !== digest) throw mismatch(reference, expected, digest);
    }
    return { digest, bytes, manifest: parseManifest(bytes) };
  }

  /**
   * Streams a blob; it ends without an error only where it has the descriptor's length and digest. A connection that breaks is
   * taken up again where it broke.
   * @throws OCI_NOT_FOUND, OCI_DIGEST_MISMATCH, OCI_SIZE_MISMATCH, OCI_BODY_TOO_LARGE, OCI_REDIRECT_REFUSED, OCI_…
   */
  pullBlob(repository: Repository, descriptor: Pick<Descriptor, "digest" | "size">): AsyncGenerator<Uint8Array> {
    return pullBlob(this.#session, repository, descriptor);
  }

  /** Pushes a blob unless the repository has it; says whether it was sent. @throws OCI_DIGEST_MISMATCH, OCI_… */
  async pushBlob(repository: Repository, bytes: Uint8Array, options: PushBlobOptions = {}): Promise<boolean> {
    return pushBlob(this.#session, { repository, bytes, digest: await hashBytes(bytes), ...options });
  }

  /**
   * Pushes a manifest under the reference's tag, or by its digest; what it names must be there. Where the registry doesn't keep
   * referrers itself, a manifest with a subject is entered in the subject's list.
   * @throws OCI_DIGEST_MISMATCH, OCI_…
   */
  async pushManifest(reference: OciReference, bytes: Uint8Array): Promise<OciDigest> {
    const manifest = parseManifest(bytes);
    const digest = digestOf(bytes);
    const response = await this.#session.send(reference, {
      method: "PUT",
      path: `manifests/${reference.tag ?? digest}`,
      access: "push",
      headers: { "content-type": manifest.mediaType },
      body: bytes,
    });
    await response.cancel();
    const said = response.headers.get("docker-content-digest");
    if (said !== null && said !== digest) throw mismatch(reference, digest, said);
    if (manifest.kind === "manifest" && manifest.subject && !response.headers.has("oci-subject"))
      await this.#enterReferrer(reference, manifest.subject.digest, {
        ...describeBytes(bytes, manifest.mediaType, manifest.annotations),
        artifactType: manifest.artifactType,
      });
    return digest;
  }

  /** Lists a repository's tags, at most 100,000. @throws OCI_NOT_FOUND, OCI_RESPONSE_INVALID, OCI_… */
  async listTags(repository: Repository): Promise<readonly string[]> {
    const tags: string[] = [];
    for await (const page of this.#pages(repository, `tags/list?n=${PAGE}`)) {
      const body = await readJson(page);
      // Some registries say null where there is none.
      const found = body["tags"] ?? [];
      if (!Array.isArray(found)) throw unexpected(page, "no list of tags");
      for (const tag of found as readonly unknown[]) if (typeof tag === "string") tags.push(tag);
    }
    return tags;
  }

  /** Lists what refers to a manifest: signatures, SBOMs; of one artifact type where one is given. @throws OCI_… */
  async listReferrers(
    repository: Repository,
    digest: OciDigest,
    { artifactType }: { readonly artifactType?: string } = {},
  ): Promise<readonly Descriptor[]> {
    const query = artifactType === undefined ? "" : `?artifactType=${encodeURIComponent(artifactType)}`;
    const found: Descriptor[] = [];
    for await (const page of this.#pages(repository, `referrers/${digest}${query}`, [404])) {
      if (page.status === 404) {
        await page.cancel();
        found.push(...(await this.#referrersByTag(repository, digest)));
        break;
      }
      const index = parseManifest(await readBody(page, MAX_MANIFEST_BYTES));
      if (index.kind !== "index") throw unexpected(page, "no index of referrers");
      found.push(...index.manifests);
    }
    return found.filter((entry) => artifactType === undefined || entry.artifactType === artifactType);
  }

  async #referrersByTag(repository: Repository, digest: OciDigest): Promise<readonly Descriptor[]> {
    try {
      const { manifest } = await this.pullManifest({ ...onlyPlace(repository), tag: referrersTag(digest) });
      return manifest.kind === "index" ? manifest.manifests : [];
    } catch (error) {
      if (isGreenticError(error, "OCI_NOT_FOUND")) return [];
      throw error;
    }
  }

  async #enterReferrer(repository: Repository, subject: OciDigest, referrer: Descriptor): Promise<void> {
    const before = await this.#referrersByTag(repository, subject);
    if (before.some(({ digest }) => digest === referrer.digest)) return;
    const response = await this.#session.send(repository, {
      method: "PUT",
      path: `manifests/${referrersTag(subject)}`,
      access: "push",
      headers: { "content-type": INDEX_TYPE },
      body: encodeIndex([...before, referrer]),
    });
    await response.cancel();
  }

  /** Follows `Link: rel="next"` within the registry, each page once. */
  async *#pages(
    repository: Repository,
    first: string,
    accept: readonly number[] = [],
  ): AsyncGenerator<RegistryResponse, void> {
    const seen = new Set<string>();
    for (let path: string | URL = first; ;) {
      const page: RegistryResponse = await this.#session.send(repository, {
        method: "GET",
        path,
        access: "pull",
        accept,
      });
      yield page;
      const next = /<([^>]{1,2048})>\s*;[^,]*\brel="?next"?/i.exec(page.headers.get("link") ?? "")?.[1];
      if (next === undefined) return;
      path = this.#session.locate(repository, next, page.url);
      if (seen.has(path.href) || seen.size >= MAX_PAGES) throw unexpected(page, "its pages don't end");
      seen.add(path.href);
    }
  }
}

const placeOf = ({ digest, tag }: OciReference): string => digest ?? tag ?? "latest";
const onlyPlace = ({ registry, repository }: Repository): Repository => ({ registry, repository });
const referrersTag = (digest: OciDigest): string => digest.replace(":", "-");

async function readJson(page: RegistryResponse): Promise<JsonObject> {
  const bytes = await readBody(page, MAX_PAGE_BYTES);
  try {
    const value = parseJson(bytes, { maxBytes: MAX_PAGE_BYTES });
    if (isJsonObject(value)) return value;
  } catch {
    // Said below, without the registry's words.
  }
  throw unexpected(page, "no JSON object");
}

function unexpected({ url }: RegistryResponse, state: string): GreenticError {
  return new GreenticError("OCI_RESPONSE_INVALID", `Read from ${quote(url.origin)}: ${state}`);
}

function notFound(reference: OciReference): GreenticError {
  return new GreenticError("OCI_NOT_FOUND", `Read ${quote(formatOciReference(reference))}: there is none`);
}

function mismatch(reference: OciReference, expected: string, got: string): GreenticError {
  return new GreenticError(
    "OCI_DIGEST_MISMATCH",
    `Read ${quote(formatOciReference(reference))}: expected ${expected}, got ${quote(got)}`,
  );
}
