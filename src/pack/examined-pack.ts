import type { BuildPackOptions } from "./build-pack.ts";
import type { SignatureVerdict } from "./judge-signatures.ts";
import type { ComponentEntry, FlowEntry, PackDescription } from "./manifest.ts";
import type { PublicExtensions } from "./public/public-extensions.ts";
import type { PackArchive } from "./read-archive.ts";
import type { PackFinding, PackReport } from "./report.ts";
import type { TrustPolicy } from "./trust.ts";

export interface VerifyOptions {
  readonly trust: TrustPolicy;
  /** Wall clock, for keys that expire. */
  readonly nowMs: number;
  /**
   * Whether what a pack lists of itself and doesn't hold refuses it: its SBOM; in public packs its lock, its components'
   * hashes and flows that can't be read too. Default "strict".
   */
  readonly sbom?: "strict" | "warn" | undefined;
  /** Envelopes that say how the pack was built; what `requireProvenance` of the trust asks for. */
  readonly provenance?: readonly Uint8Array[] | undefined;
  /** Tells the family of components whose manifest doesn't say; "unknown" where nobody can tell. */
  readonly probeComponent?: BuildPackOptions["probeComponent"] | undefined;
  /** The checks of `--full`, which belong to other layers. */
  readonly full?: FullChecks | undefined;
}

/** What signatures are judged by. */
export type JudgedBy = Pick<VerifyOptions, "trust" | "nowMs">;

/** What `--full` adds: flow doctor and component admission, handed in because packs know neither. */
export interface FullChecks {
  readonly checkFlow: (flow: FlowEntry & { readonly name: string; readonly source: string }) => Findings;
  /** What judges the pack as a whole. */
  readonly checkPack?: (pack: CheckedPack) => Findings;
  /** Imports within the grants that the manifest asks for. */
  readonly checkComponent: (
    component: ComponentEntry & { readonly name: string; readonly bytes: Uint8Array },
  ) => Findings;
}

/** A pack as validators see it. */
export interface CheckedPack {
  /** Bytes of manifest.cbor. */
  readonly manifest: Uint8Array;
  /** JSON text; empty where there is none. */
  readonly sbom: string;
  /** All entries of the archive. */
  readonly paths: readonly string[];
}

type Findings = readonly PackFinding[] | Promise<readonly PackFinding[]>;

/** A pack as far as it could be read, with the verdict. */
export interface ExaminedPack {
  readonly report: PackReport;
  /** Present where the archive and its manifest could be read; use them only if the report is ok. */
  readonly content?: {
    readonly archive: PackArchive;
    readonly manifest: PackDescription;
    readonly packHash: string;
    /** Judges the signatures again, by the trust and the time of now: of bytes that were hashed, nothing has to be again. */
    readonly judge: (by: JudgedBy) => Promise<SignatureVerdict>;
    /** What was given of how it was built, the statement that was believed first. */
    readonly provenance?: readonly Uint8Array[];
    /** Of public packs. */
    readonly extensions?: PublicExtensions;
    readonly checked: CheckedPack;
  };
}
