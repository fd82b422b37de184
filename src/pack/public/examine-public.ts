import { GreenticError, nextTurn, Pace, runInTurns } from "../../types/index.ts";
import type { ErrorCode } from "../../types/index.ts";
import { loadBlake3 } from "../blake3.ts";
import { packKindOf } from "../capability-id.ts";
import { ContentHasher } from "../content-hasher.ts";
import type { HashedContent } from "../content-hasher.ts";
import { computePackHashPaced, MANIFEST_PATH } from "../digest.ts";
import type { ExaminedPack, JudgedBy, VerifyOptions } from "../examined-pack.ts";
import { judgeSignatures } from "../judge-signatures.ts";
import type { SignatureVerdict } from "../judge-signatures.ts";
import type { PackFinding, PackReport } from "../report.ts";
import type { PublicArchive } from "./archive.ts";
import { checkContentHashes, checkLock, checkPublicSbom, describeMismatch, sbomText } from "./check-listing.ts";
import type { ListingVerdict } from "./check-listing.ts";
import { describePublicPack } from "./describe-pack.ts";
import { G1_SIGNATURE_PATH, readG1Signature, SIGNATURES } from "./g1-signature.ts";
import { invalidField } from "./json-fields.ts";
import { readLooseZip } from "./loose-zip.ts";
import { findPublicComponents, originsOf } from "./public-components.ts";
import { readPublicExtensions } from "./public-extensions.ts";
import type { PublicManifest } from "./public-manifest.ts";
import { readG1 } from "./read-g1.ts";
import { readManifestSignatures } from "./manifest-signature.ts";
import { readPackV1 } from "./read-pack-v1.ts";
import { decodePublicManifest } from "./sniff-pack.ts";
import { readTar } from "./tar-read.ts";

/**
 * Judges a pack of the public tools by their own rules: the archive within the limits of the strict profile, then SBOM, lock,
 * component hashes and the signature of the 2025 generation, each against the bytes that are there.
 * @throws PACK_ZIP_…, PACK_TAR_INVALID, PACK_MANIFEST_…, TYPES_CBOR_… where there is nothing to judge
 */
export async function examinePublic(
  bytes: Uint8Array,
  container: "zip" | "tar",
  options: VerifyOptions,
): Promise<ExaminedPack> {
  const pace = new Pace();
  // What tells the form has read the directory and the manifest already.
  await nextTurn();
  const archive = await readPublicArchive(bytes, container, pace);
  const { contents } = archive;
  const manifestBytes = contents.get(MANIFEST_PATH)?.bytes;
  if (manifestBytes === undefined) throw new GreenticError("PACK_MANIFEST_MISSING", "Read pack: no manifest.cbor");
  const manifest = readPublicManifest(manifestBytes, container);
  await nextTurn();
  const extensions = readPublicExtensions(manifest);
  const origins = originsOf(contents, extensions);
  const components = findPublicComponents(manifest, { extensions, paths: new Set(contents.keys()), origins });
  const componentPath = (id: string): string | undefined => components.find((found) => found.id === id)?.path;
  const packHash = await hashOf(contents, pace);
  const described = await describePublicPack({ manifest, extensions, components, contents }, options);
  const { name, version } = described.description;

  await nextTurn();
  const sbom = checkPublicSbom(contents);
  await nextTurn();
  const compared = { contents, componentPath, pace, hashed: new Map<string, string>() };
  const lock = await runInTurns(checkLock(compared));
  const hashes = await runInTurns(checkContentHashes(extensions, compared));
  const judge = (by: JudgedBy): Promise<PublicSignatureVerdict> =>
    judgePublicSignatures({ name, version, packHash }, { contents, manifest, sbom, options: by });
  const signature = await judge(options);
  const severity = options.sbom === "warn" ? "warning" : "error";
  const findings: readonly PackFinding[] = [
    ...archive.findings,
    ...described.findings.map((finding) => ({ ...finding, severity: finding.severity ?? severity }) as const),
    ...listingFindings("PACK_SBOM_MISMATCH", { doing: "Verify SBOM", verdict: sbom, severity }),
    ...listingFindings("PACK_LOCK_MISMATCH", { doing: "Verify pack lock", verdict: lock, severity }),
    ...listingFindings("PACK_CONTENT_HASH_MISMATCH", { doing: "Verify component hashes", verdict: hashes, severity }),
    ...signature.findings,
  ];
  const report: PackReport = {
    ok: findings.every((finding) => finding.severity !== "error"),
    generation: manifest.generation,
    kind: packKindOf(described.description.capabilities.id),
    name,
    version,
    packHash,
    signature: {
      status: signature.status,
      keyIds: signature.keyIds,
      ...(signature.manifestSignedBy && { manifestSignedBy: signature.manifestSignedBy }),
    },
    sbom: listingReport(sbom),
    lock: listingReport(lock),
    contentHashes: listingReport(hashes),
    findings,
  };
  const { contents: readable, description } = described;
  return {
    report,
    content: {
      archive: { contents: readable, manifestBytes, signatureBytes: undefined, packHash },
      manifest: description,
      packHash,
      judge,
      extensions,
      checked: { manifest: manifestBytes, sbom: sbomText(contents), paths: [...contents.keys()] },
    },
  };
}

async function readPublicArchive(bytes: Uint8Array, container: "zip" | "tar", pace: Pace): Promise<PublicArchive> {
  const contents = new Map<string, HashedContent>();
  await using hasher = await ContentHasher.open(pace);
  if (container === "tar") {
    for (const file of readTar(bytes)) contents.set(file.path, await hasher.hashFile(file.path, file.bytes));
    return { container, contents, findings: [] };
  }
  const { entries, findings } = readLooseZip(bytes);
  await nextTurn();
  for (const entry of entries) contents.set(entry.path, await hasher.readEntry(entry));
  return { container, contents, findings };
}

function readPublicManifest(bytes: Uint8Array, container: "zip" | "tar"): PublicManifest {
  const root = decodePublicManifest(bytes);
  if (root === undefined) throw invalidField("schema_version", "expected pack-v1, or meta with a pack_id");
  return root["schema_version"] === undefined ? readG1(root) : readPackV1(root, container);
}

/** The native formula over the entries as they are: what identifies a pack is its content, not how it was zipped or who signed it. */
async function hashOf(contents: ReadonlyMap<string, HashedContent>, pace: Pace): Promise<string> {
  const covered = [...contents.values()].filter(({ path }) => !path.startsWith(SIGNATURES));
  const refs = covered.map(({ path, hash, bytes }) => ({ path, hash, sizeBytes: bytes.length }));
  const manifestHash = contents.get(MANIFEST_PATH)?.hash ?? "";
  return runInTurns(computePackHashPaced(await loadBlake3(), { manifestHash, contents: refs, pace }));
}

interface SignedContent {
  readonly contents: ReadonlyMap<string, HashedContent>;
  readonly manifest: PublicManifest;
  readonly sbom: ListingVerdict;
  readonly options: JudgedBy;
}

interface PublicSignatureVerdict extends SignatureVerdict {
  readonly manifestSignedBy?: readonly string[];
}

async function judgePublicSignatures(
  pack: { readonly name: string; readonly version: string; readonly packHash: string },
  { contents, manifest, sbom, options }: SignedContent,
): Promise<PublicSignatureVerdict> {
  const { trust, nowMs } = options;
  const signed = { ...pack, signers: [] };
  const read = await readG1Signature(contents);
  const invalid = (path: string, state: string): SignatureVerdict => ({
    status: "invalid",
    keyIds: [],
    findings: [{ code: "PACK_SIGNATURE_INVALID", severity: "error", path, message: `Verify signature: ${state}` }],
  });
  if (typeof read === "string") return invalid(G1_SIGNATURE_PATH, read);
  // The signature covers the SBOM and that the files: where files and SBOM part, it covers other files than these.
  if (read !== undefined && sbom.status !== "valid")
    return invalid(G1_SIGNATURE_PATH, "it covers an SBOM that the files don't match");
  if (read === undefined && manifest.signatures.length > 0) {
    const keys = trust.publishers.map(({ key }) => key).filter(({ id }) => !trust.revoked.has(id));
    const own = await readManifestSignatures(contents.get(MANIFEST_PATH)?.bytes ?? new Uint8Array(), keys);
    const manifestSignedBy = own?.signedBy ?? [];
    const whose = manifestSignedBy.length === 0 ? "none of a trusted key" : `of key ${manifestSignedBy.join(", ")}`;
    const message = `Verify signature: ${manifest.signatures.length} in the manifest, ${whose}; they cover it alone and none of the files`;
    const verdict = judgeSignatures(signed, { signatures: [], trust, nowMs, path: MANIFEST_PATH });
    const finding: PackFinding = {
      code: "PACK_SIGNATURE_UNTRUSTED",
      severity: "warning",
      path: MANIFEST_PATH,
      message,
    };
    return { ...verdict, manifestSignedBy, findings: [finding, ...verdict.findings] };
  }
  if (read === undefined) return judgeSignatures(signed, { signatures: [], trust, nowMs, path: MANIFEST_PATH });
  const { keyId, signature, statement } = read;
  return judgeSignatures(signed, {
    signatures: [{ keyId, signature }],
    trust,
    nowMs,
    path: G1_SIGNATURE_PATH,
    statement,
  });
}

function listingReport({ status, mismatches }: ListingVerdict): {
  readonly status: ListingVerdict["status"];
  readonly mismatches: readonly string[];
} {
  return { status, mismatches: mismatches.map(({ path }) => path) };
}

function listingFindings(
  code: ErrorCode,
  from: { readonly doing: string; readonly verdict: ListingVerdict; readonly severity: PackFinding["severity"] },
): readonly PackFinding[] {
  const { doing, verdict, severity } = from;
  if (verdict.status === "invalid") return [{ code, severity, message: `${doing}: unreadable` }];
  return verdict.mismatches.map((mismatch) => {
    const { path, expected, actual } = mismatch;
    const digests = expected === undefined || actual === undefined ? "" : `: expected ${expected}, got ${actual}`;
    return { code, severity, path, message: `${doing}: ${describeMismatch(mismatch)}${digests}` };
  });
}
