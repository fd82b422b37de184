import { isJsonObject, parseJson } from "../types/index.ts";
import type { JsonObject, JsonValue } from "../types/index.ts";
import { listedContents } from "./manifest-read.ts";
import type { PackManifest } from "./manifest.ts";
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

/** Compares the files that the SBOM lists, in either format, with those of the manifest. */
export function checkSbom(manifest: PackManifest, bytes: Uint8Array | undefined): SbomVerdict {
  const { path } = manifest.sbom;
  if (bytes === undefined) return { status: "missing", mismatches: [], findings: [] };
  const listed = readFileHashes(bytes);
  if (listed === undefined) {
    const message = `Read SBOM ${JSON.stringify(path)}: expected CycloneDX 1.6 or SPDX 2.3 JSON`;
    return { status: "invalid", mismatches: [], findings: [{ code: "PACK_SBOM_INVALID", path, message }] };
  }
  const expected = new Map(
    listedContents(manifest).flatMap((content) => (content.path === path ? [] : [[content.path, content.hash]])),
  );
  const paths = new Set([...expected.keys(), ...listed.keys()]);
  const mismatches = [...paths].filter((p) => expected.get(p) !== listed.get(p)).toSorted();
  if (mismatches.length === 0) return { status: "valid", mismatches, findings: [] };
  const message = `Verify SBOM: ${mismatches.length} file${mismatches.length === 1 ? "" : "s"} differ from the manifest`;
  return { status: "mismatch", mismatches, findings: [{ code: "PACK_SBOM_MISMATCH", path, message }] };
}

/** Reads path → BLAKE3 of every file; undefined where the document is neither format. */
function readFileHashes(bytes: Uint8Array): ReadonlyMap<string, string | undefined> | undefined {
  let document: JsonValue;
  try {
    document = parseJson(bytes, { maxBytes: MAX_SBOM_BYTES });
  } catch {
    return undefined;
  }
  if (!isJsonObject(document)) return undefined;
  if (document.bomFormat === "CycloneDX" && document.specVersion === "1.6") {
    const files = objects(document.components).filter((component) => textOf(component["bom-ref"]).startsWith("file:"));
    return new Map(files.map((file) => [textOf(file.name), hashOf(objects(file.hashes), "alg", "content")]));
  }
  if (document.spdxVersion === "SPDX-2.3") {
    return new Map(
      objects(document.files).map((file) => [
        textOf(file.fileName).replace(/^\.\//, ""),
        hashOf(objects(file.checksums), "algorithm", "checksumValue"),
      ]),
    );
  }
  return undefined;
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
