/** Compares what SBOM, pack lock and component manifests say with the bytes that are there: every mismatch by its path. */
import { createHash } from "node:crypto";
import { decodeCborJson, isJsonObject, parseJson } from "../../types/index.ts";
import type { JsonObject, JsonValue, Pace, Paced } from "../../types/index.ts";
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

/** What digests are compared with, and the pace at which files are hashed for it. */
interface Compared {
  readonly contents: Contents;
  readonly componentPath: (id: string) => string | undefined;
  readonly pace: Pace;
  /** Path → SHA-256 of what was hashed already: a list may name a file a thousand times. */
  readonly hashed: Map<string, string>;
}

/** Compares the digests of the pack lock with the components. */
export function* checkLock(compared: Compared): Paced<ListingVerdict> {
  const { contents, componentPath } = compared;
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
  return yield* checkSha256(expected, compared);
}

/** Compares the digests that component sources and component manifests state. */
export function* checkContentHashes(
  { componentManifests, componentSources }: PublicExtensions,
  from: Compared,
): Paced<ListingVerdict> {
  const manifests = componentManifests.map(({ path, sha256 }) => ({ path, sha256 }));
  const sources = componentSources.flatMap(({ id, sha256, wasmPath }) =>
    wasmPath === undefined ? [] : [{ path: from.componentPath(id) ?? wasmPath, sha256 }],
  );
  const stated = [...manifests, ...sources].flatMap(({ path, sha256 }) =>
    sha256 === undefined ? [] : [{ path, sha256 }],
  );
  return stated.length === 0 ? { status: "missing", mismatches: [] } : yield* checkSha256(stated, from);
}

/** Hashing so many bytes takes about a microsecond, and how many are hashed at once. */
const BYTES_PER_STEP = 400;
const SLICE_BYTES = 1 << 20;

function* checkSha256(
  stated: readonly { readonly path: string; readonly sha256: string }[],
  { contents, pace, hashed }: Compared,
): Paced<ListingVerdict> {
  const mismatches: Mismatch[] = [];
  for (const { path, sha256 } of stated) {
    const bytes = contents.get(path)?.bytes;
    if (bytes === undefined) {
      mismatches.push({ path, problem: "missing", expected: sha256 });
      continue;
    }
    const actual = hashed.get(path) ?? (yield* sha256InTurns(bytes, pace));
    hashed.set(path, actual);
    if (actual !== sha256) mismatches.push({ path, problem: "changed", expected: sha256, actual });
  }
  return verdict(mismatches);
}

function* sha256InTurns(bytes: Uint8Array, pace: Pace): Paced<string> {
  const hash = createHash("sha256");
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
    const slice = bytes.subarray(at, at + SLICE_BYTES);
    if (pace.spend(slice.length / BYTES_PER_STEP)) yield;
    hash.update(slice);
  }
  return hash.digest("hex");
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
