import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { GreenticError, quote } from "../../types/index.ts";
import { inspectComponent } from "./inspect-component.ts";

/** A component that was fetched and is kept by its digest. */
export interface FetchedComponent {
  /** Where it is kept: `<cache>/sha256/<hex>`, as in an OCI layout's blobs. */
  readonly path: string;
  /** `sha256:` and lower-case hex. */
  readonly digest: string;
  readonly sizeBytes: number;
  readonly bytes: Uint8Array;
  /** Whether the cache had it. */
  readonly isCached: boolean;
}

export interface FetchComponentOptions {
  readonly cwd: string;
  /** Shared with whatever else keeps content by its digest in this layout. */
  readonly cacheDirectory: string;
  /** Pulls from registries: the bytes of the artifact's component, verified against the reference. */
  readonly pull?: (reference: string) => Promise<{ readonly bytes: Uint8Array; readonly isCached: boolean }>;
}

/**
 * Fetches a component by its reference and keeps it by its digest: a path or `file://` URL, either with `@sha256:<hex>` behind it,
 * an `oci://` reference, whose digest is its manifest's, or `sha256:<hex>` alone for what the cache has. Everything that is read is
 * hashed, the cache's own files too.
 * @throws COMPONENT_FETCH_MISSING, COMPONENT_FETCH_UNSUPPORTED, COMPONENT_DIGEST_MISMATCH, COMPONENT_BINARY_INVALID, and what `pull` throws
 */
export async function fetchComponent(
  reference: string,
  { cwd, cacheDirectory, pull }: FetchComponentOptions,
): Promise<FetchedComponent> {
  if (pull !== undefined && /^oci:/i.test(reference)) {
    const { bytes, isCached } = await pull(reference);
    return { ...(await keep(bytes, cacheDirectory)), isCached };
  }
  const [, place = reference, wanted] = /^(.*?)(?:@?(sha256:[0-9a-f]{64}))?$/s.exec(reference) ?? [];
  const folder = join(cacheDirectory, "sha256");
  if (wanted !== undefined) {
    const path = pathOf(folder, wanted);
    const bytes = await readFile(path).catch(() => undefined);
    // A damaged file of the cache is fetched again.
    if (bytes !== undefined && digestOf(bytes) === wanted)
      return { path, digest: wanted, sizeBytes: bytes.byteLength, bytes, isCached: true };
  }
  const bytes = await readPlace(place, { cwd, reference });
  const digest = digestOf(bytes);
  if (wanted !== undefined && wanted !== digest) {
    throw new GreenticError(
      "COMPONENT_DIGEST_MISMATCH",
      `Fetch ${quote(reference)}: expected ${wanted}, got ${digest}; nothing is kept`,
    );
  }
  return { ...(await keep(bytes, cacheDirectory)), isCached: false };
}

/** Keeps a component; what is none isn't kept. */
async function keep(bytes: Uint8Array, cacheDirectory: string): Promise<Omit<FetchedComponent, "isCached">> {
  inspectComponent(bytes);
  const digest = digestOf(bytes);
  const folder = join(cacheDirectory, "sha256");
  const path = pathOf(folder, digest);
  await mkdir(folder, { recursive: true });
  const part = `${path}.${randomUUID()}.part`;
  await writeFile(part, bytes);
  await rename(part, path);
  return { path, digest, sizeBytes: bytes.byteLength, bytes };
}

function pathOf(folder: string, digest: string): string {
  return join(folder, digest.slice("sha256:".length));
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

async function readPlace(
  place: string,
  { cwd, reference }: { readonly cwd: string; readonly reference: string },
): Promise<Uint8Array> {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(place)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== "file") {
    const what = scheme === "oci" ? "there is no way to registries here" : "no such scheme";
    throw new GreenticError("COMPONENT_FETCH_UNSUPPORTED", `Fetch ${quote(reference)}: ${what}`);
  }
  const missing = (what: string, cause?: unknown): GreenticError =>
    new GreenticError("COMPONENT_FETCH_MISSING", `Fetch ${quote(reference)}: ${what}`, { cause });
  if (place === "") throw missing("the cache has none of that digest");
  try {
    return await readFile(scheme === "file" ? fileURLToPath(place) : resolve(cwd, place));
  } catch (error) {
    throw missing("no such file, or not readable", error);
  }
}
