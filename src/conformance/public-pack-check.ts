// The public `check-pack`: what the report of the public greentic-conformance says of a pack.
import type { TrustPolicy } from "../pack/index.ts";
import { openPack, TRUST_NOBODY } from "../pack/index.ts";
import { judgePack } from "./pack-suite.ts";

/** Whose signature counts: a trusted publisher's, anybody's, or none. */
export type PublicSignaturePolicy = "strict" | "dev_ok" | "unsigned_ok";

/** The public form. */
export interface PublicPackReport {
  readonly pack_path: string;
  readonly signature_policy: PublicSignaturePolicy;
  /** No issue. */
  readonly pack_v1_basic: boolean;
  /** No warning either, and a signature and an SBOM that hold. */
  readonly pack_v1_full: boolean;
  readonly signature_ok: boolean;
  readonly sbom_ok: boolean;
  readonly issues: readonly string[];
  readonly warnings: readonly string[];
}

/** What is told by a word of its own. */
const TOLD_APART: readonly string[] = ["pack.signature", "pack.sbom"];
const SIGNATURE = /^PACK_(?:SIGNATURE_|SIGNER_|UNSIGNED$)/;

/**
 * Checks a pack by the public `check-pack` contract, with the cases of our own suite for its structure.
 * @throws what opening the pack throws: one that is refused has no report
 */
export async function checkPublicPack(
  bytes: Uint8Array,
  options: {
    readonly path: string;
    readonly nowMs: number;
    readonly trust: TrustPolicy;
    readonly policy: PublicSignaturePolicy;
  },
): Promise<PublicPackReport> {
  const { path, nowMs, policy } = options;
  const isStrict = policy === "strict";
  const trust = isStrict ? options.trust : { ...TRUST_NOBODY, rejectUnsigned: false };
  const { report } = await openPack(bytes, { trust, nowMs, policy: { sbom: isStrict ? "strict" : "warn" } });
  const { cases } = await judgePack(bytes, { target: path, nowMs, trust, allowUnsigned: true });
  const signed = report.signature.status;
  const isSigned = signed === "valid" || (signed === "untrusted" && !isStrict);
  const isListed = report.sbom.status === "valid";
  const issues = cases
    .filter(({ id, status }) => status === "fail" && !TOLD_APART.includes(id))
    .map(({ id, reason = "" }) => `${id}: ${reason}`);
  const warnings = report.findings
    .filter(({ severity, code }) => severity === "warning" && !SIGNATURE.test(code))
    .map(({ code, message }) => `${code}: ${message}`);
  if (!isSigned && policy === "unsigned_ok")
    warnings.push("pack signature verification failed (allowed by --allow-unsigned)");
  else if (!isSigned) issues.push("pack signature verification failed");
  if (!isListed) warnings.push("sbom validation reported issues");
  const isBasic = issues.length === 0;
  return {
    pack_path: path,
    signature_policy: policy,
    pack_v1_basic: isBasic,
    pack_v1_full: isBasic && warnings.length === 0 && isSigned && isListed,
    signature_ok: isSigned || policy === "unsigned_ok",
    sbom_ok: isListed,
    issues,
    warnings,
  };
}
