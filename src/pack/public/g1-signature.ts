/**
 * The signature of the 2025 generation: `signatures/pack.sig`, JSON { alg, sig, digest, signed_at_utc, key_fingerprint }, by the key of
 * the first certificate of `signatures/chain.pem`, over
 *   digest = BLAKE3(manifest.cbor ‖ sbom ‖ for each SBOM entry in path order: path ‖ "\n" ‖ hash_blake3 in hex)
 * A certificate proves nothing by itself: its key counts where the operator trusts it.
 * @see upstream reference §2.6
 */
import { X509Certificate } from "node:crypto";
import { loadBlake3 } from "../blake3.ts";
import type { HashedContent } from "../content-hasher.ts";
import { MANIFEST_PATH } from "../digest.ts";
import { comparePaths } from "../entry-path.ts";
import { isSignatureValid, publisherKey, rawPublicKey } from "../public-key.ts";
import type { PublisherKey } from "../public-key.ts";
import { jsonTexts, SBOM_PATHS, sbomFiles } from "./check-listing.ts";

/** The folder that no listing covers. */
export const SIGNATURES = "signatures/";
export const G1_SIGNATURE_PATH = `${SIGNATURES}pack.sig`;
const CHAIN_PATH = `${SIGNATURES}chain.pem`;

/** A signature whose key and statement are known; it may still not hold. */
export interface G1Signature {
  readonly keyId: string;
  readonly statement: Uint8Array;
  readonly signature: Uint8Array;
}

/** Reads the signature; undefined where there is none, a sentence where it can't hold for anybody. */
export async function readG1Signature(
  contents: ReadonlyMap<string, HashedContent>,
): Promise<G1Signature | string | undefined> {
  const file = contents.get(G1_SIGNATURE_PATH)?.bytes;
  if (file === undefined) return undefined;
  const text = jsonTexts(file);
  const sbomPath = SBOM_PATHS.find((path) => contents.has(path));
  const sbom = sbomPath === undefined ? undefined : contents.get(sbomPath)?.bytes;
  const listed = sbom === undefined ? undefined : sbomFiles(sbom, sbomPath ?? "");
  const manifest = contents.get(MANIFEST_PATH)?.bytes;
  if (text === undefined || text("alg") !== "ed25519") return "pack.sig is no Ed25519 signature in JSON";
  if (sbom === undefined || listed === undefined || manifest === undefined) return "the SBOM that it covers is missing";
  const key = await chainKey(contents.get(CHAIN_PATH)?.bytes);
  if (key === undefined) return "chain.pem holds no certificate with an Ed25519 key";
  if (text("key_fingerprint") !== key.id) return "its fingerprint is another key's than the certificate's";
  const entries = listed
    .toSorted((a, b) => comparePaths(a.path, b.path))
    .map(({ path, hash }) => Buffer.from(`${path}\n${hash}`));
  const blake3 = await loadBlake3();
  const statement = blake3(manifest, sbom, ...entries);
  if (text("digest") !== statement.toHex()) return "its digest is another pack's";
  const signature = Buffer.from(text("sig") ?? "", "base64url");
  if (!isSignatureValid(key, { message: statement, signature })) return `the signature of key ${key.id} doesn't hold`;
  return { keyId: key.id, statement, signature };
}

async function chainKey(pem: Uint8Array | undefined): Promise<PublisherKey | undefined> {
  if (pem === undefined) return undefined;
  try {
    return await publisherKey(rawPublicKey(new X509Certificate(pem).publicKey));
  } catch {
    return undefined;
  }
}
