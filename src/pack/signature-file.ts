/**
 * signature.sig: deterministic CBOR, `[{ key_id: 32 bytes, algorithm: "ed25519", signature: 64 bytes }]`, in order of key ids,
 * one for each key. Each signs "gtpack-sig-v1" ‖ 0x00 ‖ pack_hash ‖ cbor([name, version]).
 * @see pack-format.md, "Signatures"
 */
import { GreenticError } from "../types/index.ts";
import { decodeCbor, encodeCbor } from "./cbor.ts";

/** One detached signature; the algorithm is always Ed25519. */
export interface PackSignature {
  /** BLAKE3 of the raw public key, lower-case hex. */
  readonly keyId: string;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

const ALGORITHM = "ed25519";
const MAX_SIGNATURES = 64;

/** What a signature of a pack signs. The prefix keeps it from being taken for anything else that a key signs. */
export function signedStatement(pack: {
  readonly packHash: string;
  readonly name: string;
  readonly version: string;
}): Uint8Array {
  return Buffer.concat([
    Buffer.from("gtpack-sig-v1\0"),
    Uint8Array.fromHex(pack.packHash),
    encodeCbor([pack.name, pack.version]),
  ]);
}

/** Encodes signature.sig. */
export function encodeSignatures(signatures: readonly PackSignature[]): Uint8Array {
  const ordered = signatures.toSorted((a, b) => (a.keyId < b.keyId ? -1 : 1));
  return encodeCbor(
    ordered.map(
      ({ keyId, signature }) =>
        new Map<string, string | Uint8Array>([
          ["key_id", Uint8Array.fromHex(keyId)],
          ["algorithm", ALGORITHM],
          ["signature", signature],
        ]),
    ),
  );
}

/** Decodes signature.sig. @throws PACK_SIGNATURE_MALFORMED, also for an empty list, another algorithm or a key that stands twice */
export function decodeSignatures(bytes: Uint8Array): readonly PackSignature[] {
  let value: unknown;
  try {
    value = decodeCbor(bytes);
  } catch (error) {
    throw new GreenticError("PACK_SIGNATURE_MALFORMED", "Read signature.sig: not deterministic CBOR", { cause: error });
  }
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_SIGNATURES)
    throw malformed(`expected a list of 1 to ${MAX_SIGNATURES} signatures`);
  const signatures = value.map(readSignature);
  for (const [i, { keyId }] of signatures.entries()) {
    if (i > 0 && keyId <= (signatures[i - 1]?.keyId ?? "")) throw malformed("expected ascending key ids, each once");
  }
  return signatures;
}

function readSignature(value: unknown): PackSignature {
  if (!(value instanceof Map) || value.size !== 3) throw malformed("expected maps of key_id, algorithm and signature");
  const [keyId, algorithm, signature]: unknown[] = [
    value.get("key_id"),
    value.get("algorithm"),
    value.get("signature"),
  ];
  // The algorithm is not the pack's to choose: the field says what it is, and anything else is refused.
  if (algorithm !== ALGORITHM) throw malformed(`expected algorithm "${ALGORITHM}"`);
  if (!(keyId instanceof Uint8Array) || keyId.length !== 32) throw malformed("expected a key_id of 32 bytes");
  if (!(signature instanceof Uint8Array) || signature.length !== 64)
    throw malformed("expected a signature of 64 bytes");
  return { keyId: keyId.toHex(), signature };
}

function malformed(state: string): GreenticError {
  return new GreenticError("PACK_SIGNATURE_MALFORMED", `Read signature.sig: ${state}`);
}
