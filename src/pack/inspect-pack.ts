import { createHash } from "node:crypto";
import type { PackKind } from "./capability-id.ts";
import { findingError } from "./finding-error.ts";
import { summariseFlow } from "./flow-summary.ts";
import type { ExaminedPack, VerifyOptions } from "./examined-pack.ts";
import type { PackGrants } from "./manifest.ts";
import type { PackGeneration } from "./report.ts";
import { TRUST_NOBODY } from "./trust.ts";
import { examinePack } from "./verify-pack.ts";

/** What `gtc pack inspect --json` prints. */
export interface PackInspection {
  readonly generation: PackGeneration;
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly kind: PackKind;
  readonly packHash: string;
  readonly flows: readonly InspectedFlow[];
  readonly components: readonly InspectedComponent[];
  readonly capabilities: { readonly id: string; readonly provides: readonly string[] };
  readonly dependencies: Readonly<Record<string, string>>;
  readonly secrets: { readonly required: readonly string[]; readonly optional: readonly string[] };
  /** Paths. */
  readonly assets: readonly string[];
}

export interface InspectedFlow {
  readonly id: string;
  /** The name under which the manifest lists it. */
  readonly name: string;
  readonly path: string;
  readonly type: string;
  readonly title?: string;
  readonly nodes: readonly string[];
  readonly entrypoints: readonly string[];
}

export interface InspectedComponent {
  readonly id: string;
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly abi: string;
  readonly world: string;
  readonly grants: PackGrants;
  /** Whether an instance may serve its tenant again. */
  readonly reuse: "none" | "tenant";
}

/**
 * Tells what a pack holds, whoever signed it. Hashes must hold all the same: nobody should read about files that aren't there.
 * @throws the code of the first thing that is wrong with the archive; the flow layer's errors
 */
export async function inspectPack(
  bytes: Uint8Array,
  { probeComponent }: Pick<VerifyOptions, "probeComponent"> = {},
): Promise<PackInspection> {
  const trust = { ...TRUST_NOBODY, rejectUnsigned: false };
  const { archive, manifest, packHash, kind, generation } = readable(
    await examinePack(bytes, { trust, nowMs: 0, sbom: "warn", probeComponent }),
  );
  const bytesOf = (path: string): Uint8Array => archive.contents.get(path)?.bytes ?? new Uint8Array();
  return {
    generation,
    name: manifest.name,
    version: manifest.version,
    description: manifest.description,
    kind,
    packHash,
    flows: [...manifest.flows].map(([name, { path }]) => ({
      ...summariseFlow(new TextDecoder().decode(bytesOf(path)), path),
      name,
      path,
    })),
    components: [...manifest.components].map(([id, { path, sizeBytes, abi, world, grants, reuse }]) => ({
      id,
      path,
      sha256: createHash("sha256").update(bytesOf(path)).digest("hex"),
      sizeBytes,
      abi,
      world,
      grants,
      reuse: reuse ?? "none",
    })),
    capabilities: manifest.capabilities,
    dependencies: Object.fromEntries([...manifest.dependencies].map(([name, { req }]) => [name, req])),
    secrets: manifest.secrets,
    assets: [...manifest.assets.keys()],
  };
}

function readable({ report, content }: ExaminedPack): NonNullable<ExaminedPack["content"]> & {
  readonly kind: PackKind;
  readonly generation: PackGeneration;
} {
  const { kind, generation } = report;
  const problem = report.findings.find(
    (finding) => finding.severity === "error" && !finding.code.startsWith("PACK_SIGN"),
  );
  if (problem !== undefined || content === undefined || kind === null || generation === null)
    throw findingError(problem, "Inspect pack");
  return { ...content, kind, generation };
}
