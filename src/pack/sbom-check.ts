import { isJsonObject, parseJsonPaced } from "../types/index.ts";
import type { JsonObject, JsonValue, Pace, Paced } from "../types/index.ts";
import { listedContents } from "./manifest-read.ts";
import type { PackManifest } from "./manifest.ts";
import { PACK_LIMITS } from "./pack-limits.ts";
import type { PackFinding, SbomStatus } from "./report.ts";

/** What comparing SBOM and manifest gave. */
export interface SbomVerdict {
  readonly status: SbomStatus;
  /** Paths that only one of them lists, or with another hash. */
  readonly mismatches: readonly string[];
  readonly findings: readonly Omit<PackFinding, "severity">[];
}

/** A pack of 4,096 entries has an SBOM of about 2 MB. */
const MAX_SBOM_BYTES = 8 << 20;

/** Comparing a file takes about so many microseconds. */
const STEPS_PER_FILE = 3;

/** Compares the files that the SBOM lists, in either format, with those of the manifest, in turns. */
export function* checkSbomPaced(manifest: PackManifest, bytes: Uint8Array | undefined, pace: Pace): Paced<SbomVerdict> {
  const { path } = manifest.sbom;
  if (bytes === undefined) return { status: "missing", mismatches: [], findings: [] };
  const listed = yield* readFileHashes(bytes, pace);
  if (listed === undefined) {
    const message = `Read SBOM ${JSON.stringify(path)}: expected CycloneDX 1.6 or SPDX 2.3 JSON`;
    return { status: "invalid", mismatches: [], findings: [{ code: "PACK_SBOM_INVALID", path, message }] };
  }
  const left = new Map(listed);
  const differing: string[] = [];
  for (const content of listedContents(manifest)) {
    if (pace.spend(STEPS_PER_FILE)) yield;
    if (content.path === path) continue;
    if (left.get(content.path) !== content.hash) differing.push(content.path);
    left.delete(content.path);
  }
  const mismatches = [...differing, ...left.keys()].toSorted();
  if (mismatches.length === 0) return { status: "valid", mismatches, findings: [] };
  const message = `Verify SBOM: ${mismatches.length} file${mismatches.length === 1 ? "" : "s"} differ from the manifest`;
  return { status: "mismatch", mismatches, findings: [{ code: "PACK_SBOM_MISMATCH", path, message }] };
}

type FileHashes = ReadonlyMap<string, string | undefined>;

/** Reads path → BLAKE3 of every file; undefined where the document is neither format, or lists more than a pack can hold. */
function* readFileHashes(bytes: Uint8Array, pace: Pace): Paced<FileHashes | undefined> {
  let document: JsonValue;
  try {
    document = yield* parseJsonPaced(bytes, { pace, maxBytes: MAX_SBOM_BYTES });
  } catch {
    return undefined;
  }
  if (!isJsonObject(document)) return undefined;
  if (document.bomFormat === "CycloneDX" && document.specVersion === "1.6") {
    return yield* collect(document.components, pace, (component) =>
      textOf(component["bom-ref"]).startsWith("file:")
        ? [textOf(component.name), hashOf(objects(component.hashes), "alg", "content")]
        : undefined,
    );
  }
  if (document.spdxVersion === "SPDX-2.3") {
    return yield* collect(document.files, pace, (file) => [
      textOf(file.fileName).replace(/^\.\//, ""),
      hashOf(objects(file.checksums), "algorithm", "checksumValue"),
    ]);
  }
  return undefined;
}

function* collect(
  items: JsonValue | undefined,
  pace: Pace,
  read: (item: JsonObject) => readonly [path: string, hash: string | undefined] | undefined,
): Paced<FileHashes | undefined> {
  const found = new Map<string, string | undefined>();
  if (!Array.isArray(items)) return found;
  for (const item of items as readonly JsonValue[]) {
    if (pace.spend(STEPS_PER_FILE)) yield;
    const file = isJsonObject(item) ? read(item) : undefined;
    if (file !== undefined) found.set(...file);
    if (found.size > PACK_LIMITS.maxEntries) return undefined;
  }
  return found;
}

function hashOf(hashes: readonly JsonObject[], algorithm: string, value: string): string | undefined {
  const found = hashes.find((hash) => hash[algorithm] === "BLAKE3")?.[value];
  return typeof found === "string" ? found : undefined;
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function objects(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
