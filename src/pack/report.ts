import type { PackKind } from "./capability-id.ts";

/** One thing that was found while a pack was judged; `code` is a public error code or a finding code of flow or component. */
export interface PackFinding {
  readonly code: string;
  readonly severity: "error" | "warning" | "info";
  /** The entry that it is about. */
  readonly path?: string;
  readonly message: string;
}

/** Which format a pack has: ours, or a generation of the public tools' (`tar` is the form of their deployment packs). */
export type PackGeneration = "native" | "g1" | "g2" | "g3" | "tar";

export type SignatureStatus = "valid" | "untrusted" | "invalid" | "none";
export type SbomStatus = "valid" | "mismatch" | "invalid" | "missing";

/** The verdict on a pack, as `gtc pack verify --json` prints it; what a broken archive doesn't tell is null. */
export interface PackReport {
  /** True exactly where no finding is an error. */
  readonly ok: boolean;
  readonly generation: PackGeneration | null;
  readonly kind: PackKind | null;
  readonly name: string | null;
  readonly version: string | null;
  /** Lower-case hex, computed from the bytes that are there. */
  readonly packHash: string | null;
  readonly signature: {
    readonly status: SignatureStatus;
    /** Keys whose signature holds and counts; the claimed ones where none does. */
    readonly keyIds: readonly string[];
    /** Of public packs: trusted keys that signed the manifest alone, which covers no file and so makes nothing valid. */
    readonly manifestSignedBy?: readonly string[];
  };
  readonly sbom: ListingReport;
  /** Where some was given, or is asked for. */
  readonly provenance?: ProvenanceReport;
  /** Of public packs: their pack lock's digests. */
  readonly lock?: ListingReport;
  /** Of public packs: the hashes that component sources and component manifests state. */
  readonly contentHashes?: ListingReport;
  readonly findings: readonly PackFinding[];
}

/** Who says how a pack was built. */
export interface ProvenanceReport {
  /** "untrusted" is sound and signed by nobody who is trusted. */
  readonly status: "valid" | "untrusted" | "invalid" | "missing";
  /** Keys whose signature holds and counts; the claimed ones where none does. */
  readonly keyIds: readonly string[];
  /** A URI. */
  readonly builder?: string;
  /** The git commit that was built. */
  readonly commit?: string;
}

/** How a list of files compares with the files; the findings say how each differs. */
export interface ListingReport {
  readonly status: SbomStatus;
  /** Paths. */
  readonly mismatches: readonly string[];
}
