/** Compares what SBOM, pack lock and component manifests say with the bytes that are there: every mismatch by its path. */
import { createHash } from "node:crypto";
import { decodeCborJson, isJsonObject, parseJson } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import type { HashedContent } from "../content-hasher.ts";
import { objectOf, objectsOf, textOf } from "./json-fields.ts";
import type { PublicExtensions } from "./public-extensions.ts";
import { sha256Of } from "./public-extensions.ts";

/** How one list of hashes compares. */
export interface ListingVerdict {
  readonly status: "valid" | "mismatch" | "invalid" | "missing";
  /** What differs and how, in bytewise order of the paths. */
  readonly mismatches: readonly Mismatch[];
}

export interface Mismatch {
  readonly path: string;
  readonly problem: "changed" | "missing" | "unlisted";
  /** Hex digest as listed. */
  readonly expected?: string;
  readonly actual?: string;
}

type Contents = ReadonlyMap<string, HashedContent>;

export const SBOM_PATHS = ["sbom.cbor", "sbom.json"];
export const LOCK_PATH = "pack.lock.cbor";

/** Compares the SBOM with the archive, both ways; signatures and the SBOM itself stand outside. */
export function checkPublicSbom(contents: Contents): ListingVerdict & { readonly path?: string } {
  const path = SBOM_PATHS.find((name) => contents.has(name));
  if (path === undefined) return { status: "missing", mismatches: [] };
  const listed = sbomFiles(contents.get(path)?.bytes ?? new Uint8Array(), path);
  if (listed === undefined) return { status: "invalid", mismatches: [], path };
  const mismatches: Mismatch[] = [];
  const seen = new Set<string>();
  for (const { path: file, hash, sizeBytes } of listed) {
    seen.add(file);
    const content = contents.get(file);
    if (content === undefined) mismatches.push({ path: file, problem: "missing", expected: hash });
    else if (content.hash !== hash || (sizeBytes !== undefined && sizeBytes !== content.bytes.length))
      mismatches.push({ path: file, problem: "changed", expected: hash, actual: content.hash });
  }
  for (const [file, { hash }] of contents)
    if (!seen.has(file) && !SBOM_PATHS.includes(file) && !file.startsWith("signatures/"))
      mismatches.push({ path: file, problem: "unlisted", actual: hash });
  return { ...verdict(mismatches), path };
}

/** The SBOM as JSON text; empty where there is none that can be read. */
export function sbomText(contents: Contents): string {
  const path = SBOM_PATHS.find((name) => contents.has(name));
  const document = path === undefined ? undefined : decoded(contents.get(path)?.bytes ?? new Uint8Array(), path);
  return document === undefined ? "" : JSON.stringify(document);
}

/** A file as an SBOM lists it. */
export interface ListedFile {
  readonly path: string;
  readonly hash: string;
  readonly sizeBytes: number | undefined;
}

/** Reads the files of an SBOM; undefined where it is none. */
export function sbomFiles(bytes: Uint8Array, path: string): readonly ListedFile[] | undefined {
  const document = decoded(bytes, path);
  if (!Array.isArray(document?.["files"])) return undefined;
  return objectsOf(document["files"]).flatMap(({ path: file, hash_blake3: hash, size }) =>
    typeof file === "string" && typeof hash === "string"
      ? [{ path: file, hash: hash.toLowerCase(), sizeBytes: typeof size === "number" ? size : undefined }]
      : [],
  );
}

/** Compares the digests of the pack lock with the components. */
export function checkLock(contents: Contents, componentPath: (id: string) => string | undefined): ListingVerdict {
  const bytes = contents.get(LOCK_PATH)?.bytes;
  if (bytes === undefined) return { status: "missing", mismatches: [] };
  const lock = decoded(bytes, LOCK_PATH);
  if (lock === undefined || !isJsonObject(lock["components"] ?? null)) return { status: "invalid", mismatches: [] };
  const expected = Object.entries(objectOf(lock["components"])).flatMap(([id, entry]) => {
    const { resolved_digest: digest, role } = objectOf(entry);
    const sha256 = sha256Of(digest);
    // What the runner brings itself is locked under a digest of ones.
    if (sha256 === undefined || role === "builtin") return [];
    return [{ path: componentPath(id) ?? `components/${id}.wasm`, sha256 }];
  });
  return checkSha256(expected, contents);
}

/** Compares the digests that component sources and component manifests state. */
export function checkContentHashes(
  { componentManifests, componentSources }: PublicExtensions,
  from: { readonly contents: Contents; readonly componentPath: (id: string) => string | undefined },
): ListingVerdict {
  const manifests = componentManifests.map(({ path, sha256 }) => ({ path, sha256 }));
  const sources = componentSources.flatMap(({ id, sha256, wasmPath }) =>
    wasmPath === undefined ? [] : [{ path: from.componentPath(id) ?? wasmPath, sha256 }],
  );
  const stated = [...manifests, ...sources].flatMap(({ path, sha256 }) =>
    sha256 === undefined ? [] : [{ path, sha256 }],
  );
  return stated.length === 0 ? { status: "missing", mismatches: [] } : checkSha256(stated, from.contents);
}

function checkSha256(
  stated: readonly { readonly path: string; readonly sha256: string }[],
  contents: Contents,
): ListingVerdict {
  const mismatches = stated.flatMap(({ path, sha256 }): readonly Mismatch[] => {
    const content = contents.get(path);
    if (content === undefined) return [{ path, problem: "missing", expected: sha256 }];
    const actual = createHash("sha256").update(content.bytes).digest("hex");
    return actual === sha256 ? [] : [{ path, problem: "changed", expected: sha256, actual }];
  });
  return verdict(mismatches);
}

function verdict(mismatches: readonly Mismatch[]): ListingVerdict {
  const ordered = mismatches.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  return { status: mismatches.length === 0 ? "valid" : "mismatch", mismatches: ordered };
}

const MAX_LISTING_BYTES = 8 << 20;

function decoded(bytes: Uint8Array, path: string): JsonObject | undefined {
  let value: JsonValue;
  try {
    value = path.endsWith(".json")
      ? parseJson(bytes, { maxBytes: MAX_LISTING_BYTES })
      : decodeCborJson(bytes, { maxBytes: MAX_LISTING_BYTES });
  } catch {
    return undefined;
  }
  return isJsonObject(value) ? value : undefined;
}

/** A mismatch as a sentence. */
export function describeMismatch({ path, problem }: Mismatch): string {
  const states = {
    changed: "has other bytes than listed",
    missing: "is listed but not there",
    unlisted: "is there but not listed",
  };
  return `${JSON.stringify(path)} ${states[problem]}`;
}

/** Reads a text of an object of JSON bytes; undefined where it is none. */
export function jsonTexts(bytes: Uint8Array): ((key: string) => string | undefined) | undefined {
  const document = decoded(bytes, ".json");
  return document === undefined ? undefined : (key) => textOf(document[key]);
}
