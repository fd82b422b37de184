import { isGreenticError, quote } from "../../types/index.ts";
import type { ErrorCode } from "../../types/index.ts";
import { parseEnvelope, signedBytes } from "../dsse.ts";
import type { Envelope } from "../dsse.ts";
import type { ExaminedPack, JudgedBy, VerifyOptions } from "../examined-pack.ts";
import { judgeSignatures } from "../judge-signatures.ts";
import type { SignatureVerdict } from "../judge-signatures.ts";
import type { PackDescription } from "../manifest.ts";
import type { PackFinding, ProvenanceReport } from "../report.ts";
import { packHashOf, parseStatement, STATEMENT_TYPE } from "./statement.ts";
import type { Provenance } from "./statement.ts";

/** What provenance is held against. */
interface BuiltPack {
  readonly manifest: PackDescription;
  readonly packHash: string;
  /** Whether every file of the pack must be among the materials, which only our own builder promises. */
  readonly isNative: boolean;
}

interface Verdict {
  /** The envelope that the verdict is about. */
  readonly best?: Uint8Array;
  readonly report: ProvenanceReport;
  readonly findings: readonly PackFinding[];
}

/**
 * Adds the verdict on a pack's provenance to that on the pack, now and whenever it is judged again. Of several statements one
 * that holds is enough: anybody can put another beside it.
 */
export function withProvenance(examined: ExaminedPack, options: VerifyOptions): ExaminedPack {
  const { report, content } = examined;
  const { provenance = [] } = options;
  if (content === undefined) return examined;
  const pack = { manifest: content.manifest, packHash: content.packHash, isNative: report.generation === "native" };
  const judge = (by: JudgedBy): Verdict => judgeProvenance(pack, { envelopes: provenance, by });
  // Also where nobody asks for any now: policy may while the pack runs.
  const judged = {
    ...content,
    judge: async (by: JudgedBy): Promise<SignatureVerdict> => {
      const signatures = await content.judge(by);
      return { ...signatures, findings: [...signatures.findings, ...judge(by).findings] };
    },
  };
  if (provenance.length === 0 && options.trust.requireProvenance !== true) return { report, content: judged };
  const { best, report: told, findings: found } = judge(options);
  const findings = [...report.findings, ...found];
  const ok = findings.every(({ severity }) => severity !== "error");
  const given = best === undefined ? [] : [best, ...provenance.filter((bytes) => bytes !== best)];
  return { report: { ...report, ok, provenance: told, findings }, content: { ...judged, provenance: given } };
}

function judgeProvenance(
  pack: BuiltPack,
  { envelopes, by }: { readonly envelopes: readonly Uint8Array[]; readonly by: JudgedBy },
): Verdict {
  const isRequired = by.trust.requireProvenance === true;
  const missing: PackFinding = {
    code: "PACK_PROVENANCE_MISSING",
    severity: "error",
    message: `Verify provenance of ${quote(pack.manifest.name)}: there is none, and require_provenance asks for it`,
  };
  if (envelopes.length === 0)
    return { report: { status: "missing", keyIds: [] }, findings: isRequired ? [missing] : [] };
  const verdicts = envelopes.map((bytes) => judgeEnvelope(pack, { bytes, by }));
  const best = verdicts.find(({ report }) => report.status === "valid") ?? verdicts[0];
  return best ?? { report: { status: "missing", keyIds: [] }, findings: [missing] };
}

function judgeEnvelope(pack: BuiltPack, { bytes, by }: { readonly bytes: Uint8Array; readonly by: JudgedBy }): Verdict {
  let envelope: Envelope;
  let provenance: Provenance;
  try {
    envelope = parseEnvelope(bytes, STATEMENT_TYPE);
    provenance = parseStatement(envelope.payload);
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    const { code, message } = error;
    return { report: { status: "invalid", keyIds: [] }, findings: [{ code, severity: "error", message }] };
  }
  const signed = judgeSigners(pack, envelope, by);
  const findings = [...signed.findings, ...compare(pack, provenance)];
  const isSound = findings.every(({ severity }) => severity !== "error");
  const commit = provenance.materials.find(({ digest }) => digest["gitCommit"] !== undefined)?.digest["gitCommit"];
  return {
    best: bytes,
    report: {
      status: !isSound ? "invalid" : signed.isTrusted ? "valid" : "untrusted",
      keyIds: signed.keyIds,
      builder: provenance.builder,
      ...(commit !== undefined && { commit }),
    },
    findings,
  };
}

/** The same rules as for packs' signatures, under codes of their own; one trusted builder is enough. */
const SIGNER_CODES: Readonly<Partial<Record<string, ErrorCode>>> = {
  PACK_UNSIGNED: "PACK_PROVENANCE_UNSIGNED",
  PACK_SIGNATURE_UNTRUSTED: "PACK_PROVENANCE_UNTRUSTED",
  PACK_SIGNATURE_INVALID: "PACK_PROVENANCE_FORGED",
};

function judgeSigners(
  { manifest, packHash }: BuiltPack,
  envelope: Envelope,
  { trust, nowMs }: JudgedBy,
): { readonly isTrusted: boolean; readonly keyIds: readonly string[]; readonly findings: readonly PackFinding[] } {
  const { name, version } = manifest;
  const { status, keyIds, findings } = judgeSignatures(
    { name, version, packHash, signers: [] },
    {
      signatures: [...envelope.signatures].map(([keyId, signature]) => ({ keyId, signature })),
      trust: { ...trust, threshold: 1, rejectUnsigned: trust.requireProvenance === true },
      nowMs,
      statement: signedBytes(envelope),
    },
  );
  return {
    isTrusted: status === "valid",
    keyIds,
    findings: findings.map(({ code, severity, message }) => ({
      code: SIGNER_CODES[code] ?? code,
      severity,
      message: `Verify provenance: ${message}`,
    })),
  };
}

/** Holds what a statement says against the pack: what it is about, what went in, and which packs it was built with. */
function compare({ manifest, packHash, isNative }: BuiltPack, provenance: Provenance): readonly PackFinding[] {
  const findings: PackFinding[] = [];
  const say = (code: ErrorCode, state: string, path?: string): number =>
    findings.push({
      code,
      severity: "error",
      message: `Verify provenance: ${state}`,
      ...(path !== undefined && { path }),
    });
  if (provenance.subject.packHash !== packHash)
    say(
      "PACK_PROVENANCE_SUBJECT_MISMATCH",
      `it is about pack hash ${quote(provenance.subject.packHash)}, this pack has ${packHash}`,
    );
  if (!isNative) return findings;
  const materials = new Map(provenance.materials.map((material) => [material.name, material]));
  for (const { path, hash } of [
    ...manifest.flows.values(),
    ...manifest.components.values(),
    ...manifest.assets.values(),
  ]) {
    if (path !== "sbom.json" && materials.get(path)?.digest["blake3"] !== hash)
      say(
        "PACK_PROVENANCE_MATERIAL_MISMATCH",
        `${quote(path)} isn't among the materials with the hash that the pack has`,
        path,
      );
  }
  const packs = new Map(
    provenance.materials.flatMap((item) => (packHashOf(item) === undefined ? [] : [[item.name, packHashOf(item)]])),
  );
  for (const [name, { resolved }] of manifest.dependencies) {
    if (resolved?.packHash !== packs.get(name))
      say("PACK_PROVENANCE_DEPENDENCY_MISMATCH", `it says another ${quote(name)} than the pack was built with`);
  }
  return findings;
}
