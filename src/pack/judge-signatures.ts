import { quote } from "../types/index.ts";
import type { ErrorCode } from "../types/index.ts";
import { SIGNATURE_PATH } from "./digest.ts";
import { isSignatureValid } from "./public-key.ts";
import type { PackFinding, SignatureStatus } from "./report.ts";
import { signedStatement } from "./signature-file.ts";
import type { PackSignature } from "./signature-file.ts";
import { isNameCovered } from "./trust.ts";
import type { TrustPolicy, TrustedPublisher } from "./trust.ts";

/** What signatures are judged about. */
export interface SignedPack {
  readonly name: string;
  readonly version: string;
  readonly packHash: string;
  /** Ids of the keys that the manifest expects to have signed. */
  readonly signers: readonly string[];
}

/** The verdict on a pack's signatures. */
export interface SignatureVerdict {
  readonly status: SignatureStatus;
  readonly keyIds: readonly string[];
  readonly findings: readonly PackFinding[];
}

/**
 * Judges detached signatures by a trust policy. A trusted key whose signature doesn't hold makes the pack invalid, whatever
 * else holds; keys that nobody trusts say nothing, since anyone can add them.
 */
export function judgeSignatures(
  pack: SignedPack,
  {
    signatures,
    trust,
    nowMs,
    path = SIGNATURE_PATH,
    statement = signedStatement(pack),
  }: {
    readonly signatures: readonly PackSignature[];
    readonly trust: TrustPolicy;
    readonly nowMs: number;
    /** The entry that holds the signatures. */
    readonly path?: string;
    /** What they sign, where that isn't the native statement. */
    readonly statement?: Uint8Array;
  },
): SignatureVerdict {
  const findings: PackFinding[] = [];
  const say = (code: ErrorCode, message: string, severity: PackFinding["severity"] = "error"): number =>
    findings.push({ code, severity, path, message });
  const counted: string[] = [];
  // A publisher who goes from one key to the next signs with both, and is one publisher still.
  const signedBy = new Set<string>();
  const revoked: string[] = [];
  let isInvalid = false;
  for (const { keyId, signature } of signatures) {
    if (trust.revoked.has(keyId)) {
      revoked.push(keyId);
      continue;
    }
    const publishers = trust.publishers.filter(({ key }) => key.id === keyId);
    const [publisher] = publishers;
    if (publisher === undefined) continue;
    if (!isSignatureValid(publisher.key, { message: statement, signature })) {
      isInvalid = true;
      say("PACK_SIGNATURE_INVALID", `Verify signature: the signature of key ${keyId} doesn't hold`);
      continue;
    }
    const obstacles = publishers.map((entry) => obstacleOf(entry, pack.name, nowMs));
    const counting = publishers[obstacles.indexOf(undefined)];
    if (counting !== undefined) {
      counted.push(keyId);
      signedBy.add(counting.publisher ?? keyId);
    } else
      say(
        obstacles[0] ?? "PACK_SIGNATURE_UNTRUSTED",
        `Verify signature: key ${keyId} doesn't count for ${quote(pack.name)}`,
        "warning",
      );
  }
  // A revoked key doesn't count. Beside one that does it's the trace of a rotation, alone it refuses the pack under any policy.
  for (const keyId of revoked)
    say(
      "PACK_SIGNER_REVOKED",
      `Verify signature: key ${keyId} is revoked`,
      signedBy.size >= trust.threshold ? "warning" : "error",
    );
  if (trust.revokedPacks?.has(pack.packHash) === true)
    say("PACK_REVOKED", `Verify signature: pack ${pack.packHash} is revoked, whoever signed it`);
  for (const keyId of pack.signers) {
    if (!signatures.some((s) => s.keyId === keyId))
      say("PACK_SIGNATURE_MISSING", `Verify signature: the manifest expects key ${keyId} to have signed`);
  }
  const status = statusOf({
    isInvalid,
    signatures: signatures.length,
    counted: signedBy.size,
    threshold: trust.threshold,
  });
  const severity = trust.rejectUnsigned ? "error" : "warning";
  if (status === "none") say("PACK_UNSIGNED", "Verify signature: the pack is unsigned", severity);
  if (status === "untrusted")
    say(
      "PACK_SIGNATURE_UNTRUSTED",
      `Verify signature: expected ${trust.threshold} trusted signature${trust.threshold === 1 ? "" : "s"}, got ${signedBy.size}`,
      severity,
    );
  return { status, keyIds: counted.length > 0 ? counted : signatures.map((s) => s.keyId), findings };
}

function statusOf(facts: {
  readonly isInvalid: boolean;
  readonly signatures: number;
  readonly counted: number;
  readonly threshold: number;
}): SignatureStatus {
  if (facts.isInvalid) return "invalid";
  if (facts.signatures === 0) return "none";
  return facts.counted >= facts.threshold ? "valid" : "untrusted";
}

/** Says why a trusted key's good signature doesn't count for this name at this time. */
function obstacleOf(publisher: TrustedPublisher, name: string, nowMs: number): ErrorCode | undefined {
  if (!isNameCovered(name, publisher.names)) return "PACK_SIGNER_OUT_OF_SCOPE";
  if (publisher.notBeforeMs !== undefined && nowMs < publisher.notBeforeMs) return "PACK_SIGNER_NOT_YET_VALID";
  if (publisher.notAfterMs !== undefined && nowMs >= publisher.notAfterMs) return "PACK_SIGNER_EXPIRED";
  return undefined;
}
