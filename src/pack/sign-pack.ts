import { sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import { GreenticError, Pace, quote, runInTurns } from "../types/index.ts";
import { SIGNATURE_PATH, MANIFEST_PATH } from "./digest.ts";
import { findingError } from "./finding-error.ts";
import type { SigningKey } from "./keys.ts";
import { decodeSignatures, encodeSignatures, signedStatement } from "./signature-file.ts";
import { TRUST_NOBODY } from "./trust.ts";
import { examinePack } from "./verify-pack.ts";
import { writeFileAtomic } from "../files/index.ts";
import { writeZipPaced } from "./zip-write.ts";

/** A pack with one signature more. */
export interface SignedPackFile {
  readonly bytes: Uint8Array;
  readonly keyId: string;
  /** Lower-case hex; signing doesn't change it. */
  readonly packHash: string;
}

/**
 * Adds a key's signature to a pack, or replaces the one that it has. Signs only what holds: a pack whose hashes don't is refused.
 * @throws the code of the first thing that is wrong with the pack
 */
export async function signPack(bytes: Uint8Array, key: SigningKey): Promise<SignedPackFile> {
  const { report, content } = await examinePack(bytes, { trust: { ...TRUST_NOBODY, rejectUnsigned: false }, nowMs: 0 });
  // The signatures are the one part that may be incomplete here.
  const problem = report.findings.find(
    (finding) => finding.severity === "error" && finding.code !== "PACK_SIGNATURE_MISSING",
  );
  if (problem !== undefined || content === undefined) throw findingError(problem, "Sign pack");
  const { archive, manifest, packHash } = content;
  const statement = signedStatement({ packHash, name: manifest.name, version: manifest.version });
  const others = archive.signatureBytes === undefined ? [] : decodeSignatures(archive.signatureBytes);
  const signatures = [
    ...others.filter(({ keyId }) => keyId !== key.id),
    { keyId: key.id, signature: sign(null, statement, key.privateKey) },
  ];
  const files = [
    { path: MANIFEST_PATH, bytes: archive.manifestBytes ?? new Uint8Array() },
    ...archive.contents.values(),
    { path: SIGNATURE_PATH, bytes: encodeSignatures(signatures) },
  ];
  const signed = await runInTurns(writeZipPaced(files, new Pace()));
  return { bytes: signed, keyId: key.id, packHash };
}

/** Signs a pack file in place; a crash leaves the old file or the new one, never half of either. */
export async function signPackFile(path: string, key: SigningKey): Promise<SignedPackFile> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new GreenticError("PACK_FILE_UNREADABLE", `Read pack ${quote(path)}: can't be read`, { cause: error });
  });
  const signed = await signPack(bytes, key);
  await writeFileAtomic(path, signed.bytes);
  return signed;
}
