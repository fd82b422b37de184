import { GreenticError, isGreenticError, Pace, quote, runInTurns, toGreenticError } from "../types/index.ts";
import type { ErrorCode, Paced } from "../types/index.ts";
import { packKindOf } from "./capability-id.ts";
import { judgeSignatures } from "./judge-signatures.ts";
import type { SignatureVerdict } from "./judge-signatures.ts";
import { MANIFEST_PATH } from "./digest.ts";
import type { CheckedPack, ExaminedPack, FullChecks, JudgedBy, VerifyOptions } from "./examined-pack.ts";
import type { PackManifest } from "./manifest.ts";
import { decodeManifestPaced, listedContents } from "./manifest-read.ts";
import { withProvenance } from "./provenance/judge-provenance.ts";
import { examinePublic } from "./public/examine-public.ts";
import { sniffPack } from "./public/sniff-pack.ts";
import { readArchive } from "./read-archive.ts";
import type { PackArchive } from "./read-archive.ts";
import type { PackFinding, PackReport } from "./report.ts";
import { checkSbomPaced } from "./sbom-check.ts";
import { decodeSignatures } from "./signature-file.ts";
import type { PackSignature } from "./signature-file.ts";

/** Judges a pack and never throws for a bad one. Reads as the format's "Verification, as it reads". */
export async function verifyPack(bytes: Uint8Array, options: VerifyOptions): Promise<PackReport> {
  return (await examinePack(bytes, options)).report;
}

/** Judges a pack and keeps what was read, so that the verified bytes are the bytes that are loaded. */
export async function examinePack(bytes: Uint8Array, options: VerifyOptions): Promise<ExaminedPack> {
  let examined: ExaminedPack;
  try {
    const form = sniffPack(bytes);
    examined = await (form === "native" ? examineNative(bytes, options) : examinePublic(bytes, form, options));
  } catch (error) {
    return { report: unreadable(error) };
  }
  examined = withProvenance(examined, options);
  const { report, content } = examined;
  if (options.full === undefined || content === undefined) return examined;
  const findings = [...report.findings, ...(await checkFully(content, options.full))];
  return { content, report: { ...report, ok: findings.every(({ severity }) => severity !== "error"), findings } };
}

/** @throws PACK_ZIP_…, PACK_MANIFEST_…, PACK_CBOR_… where there is nothing to judge */
async function examineNative(bytes: Uint8Array, options: VerifyOptions): Promise<ExaminedPack> {
  // Each step is short; one after the other they would hold up the event loop where a pack has thousands of entries.
  const pace = new Pace();
  const archive = await readArchive(bytes, pace);
  const manifest = await readManifest(archive, pace);
  const packHash = archive.packHash ?? "";
  const judge = (by: JudgedBy): SignatureVerdict => checkSignatures(archive, { manifest, packHash, options: by });
  const signature = judge(options);
  const sbom = await runInTurns(checkSbomPaced(manifest, archive.contents.get(manifest.sbom.path)?.bytes, pace));
  const sbomSeverity = options.sbom === "warn" ? "warning" : "error";
  const findings = [
    ...(await runInTurns(checkHashes(archive, manifest, pace))),
    ...signature.findings,
    ...sbom.findings.map((finding) => ({ ...finding, severity: sbomSeverity }) as const),
  ];
  const report: PackReport = {
    ok: findings.every((finding) => finding.severity !== "error"),
    generation: "native",
    kind: packKindOf(manifest.capabilities.id),
    name: manifest.name,
    version: manifest.version,
    packHash,
    signature: { status: signature.status, keyIds: signature.keyIds },
    sbom: { status: sbom.status, mismatches: sbom.mismatches },
    findings,
  };
  const checked: CheckedPack = {
    manifest: archive.manifestBytes ?? new Uint8Array(),
    sbom: new TextDecoder().decode(archive.contents.get(manifest.sbom.path)?.bytes),
    paths: [MANIFEST_PATH, ...archive.contents.keys()],
  };
  return { report, content: { archive, manifest, packHash, judge: async (by) => judge(by), checked } };
}

function readManifest(archive: PackArchive, pace: Pace): Promise<PackManifest> {
  if (archive.manifestBytes === undefined)
    throw new GreenticError("PACK_MANIFEST_MISSING", "Read pack: no manifest.cbor");
  return runInTurns(decodeManifestPaced(archive.manifestBytes, pace));
}

/** Comparing an entry, or saying what is wrong with it, takes about so many microseconds. */
const STEPS_PER_ENTRY = 3;

/** Holds the entries to the manifest, both ways: every entry is listed, every listed entry is there and has its bytes. */
function* checkHashes(archive: PackArchive, manifest: PackManifest, pace: Pace): Paced<readonly PackFinding[]> {
  const findings: PackFinding[] = [];
  const say = (code: ErrorCode, path: string, state: string): number =>
    findings.push({ code, severity: "error", path, message: `Verify entry ${quote(path)}: ${state}` });
  const listed = new Set<string>();
  for (const { path, hash, sizeBytes } of listedContents(manifest)) {
    if (pace.spend(STEPS_PER_ENTRY)) yield;
    listed.add(path);
    const content = archive.contents.get(path);
    if (content === undefined) say("PACK_ENTRY_MISSING", path, "listed in the manifest but not there");
    else if (content.bytes.length !== sizeBytes)
      say("PACK_HASH_MISMATCH", path, `expected ${sizeBytes} bytes, got ${content.bytes.length}`);
    else if (content.hash !== hash) say("PACK_HASH_MISMATCH", path, "its hash differs from the manifest's");
  }
  for (const path of archive.contents.keys()) {
    if (pace.spend(STEPS_PER_ENTRY)) yield;
    if (!listed.has(path)) say("PACK_ENTRY_UNLISTED", path, "there but not listed in the manifest");
  }
  return findings;
}

function checkSignatures(
  archive: PackArchive,
  {
    manifest,
    packHash,
    options,
  }: { readonly manifest: PackManifest; readonly packHash: string; readonly options: JudgedBy },
): SignatureVerdict {
  let signatures: readonly PackSignature[] = [];
  try {
    if (archive.signatureBytes !== undefined) signatures = decodeSignatures(archive.signatureBytes);
  } catch (error) {
    return { status: "invalid", keyIds: [], findings: [toFinding(error)] };
  }
  const { name, version, signers } = manifest;
  return judgeSignatures(
    { name, version, packHash, signers },
    { signatures, trust: options.trust, nowMs: options.nowMs },
  );
}

async function checkFully(
  { archive, manifest, checked }: NonNullable<ExaminedPack["content"]>,
  full: FullChecks,
): Promise<readonly PackFinding[]> {
  const findings: PackFinding[] = [];
  const bytesOf = (path: string): Uint8Array => archive.contents.get(path)?.bytes ?? new Uint8Array();
  for (const [name, flow] of manifest.flows) {
    const source = new TextDecoder().decode(bytesOf(flow.path));
    findings.push(...(await full.checkFlow({ ...flow, name, source })));
  }
  for (const [name, component] of manifest.components)
    findings.push(...(await full.checkComponent({ ...component, name, bytes: bytesOf(component.path) })));
  if (full.checkPack !== undefined) findings.push(...(await full.checkPack(checked)));
  return findings;
}

function unreadable(error: unknown): PackReport {
  return {
    ok: false,
    generation: null,
    kind: null,
    name: null,
    version: null,
    packHash: null,
    signature: { status: "invalid", keyIds: [] },
    sbom: { status: "missing", mismatches: [] },
    findings: [toFinding(error)],
  };
}

function toFinding(thrown: unknown): PackFinding {
  if (!isGreenticError(thrown) && (thrown instanceof TypeError || thrown instanceof RangeError)) throw thrown;
  const error = toGreenticError(thrown, "PACK_MANIFEST_INVALID", "Read pack");
  const path = error.details?.path;
  return { code: error.code, severity: "error", ...(typeof path === "string" ? { path } : {}), message: error.message };
}
