import { createPublicKey, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { GreenticError } from "../types/index.ts";
import { loadBlake3 } from "./blake3.ts";

/** A publisher's key that passed the door. */
export interface PublisherKey {
  /** BLAKE3 of the 32 raw bytes, lower-case hex. */
  readonly id: string;
  readonly key: KeyObject;
}

/**
 * Checks a raw Ed25519 key and gives it its id. Small-order keys make signatures that hold for any message, and node:crypto
 * verifies them; keys with several encodings would have several ids.
 * @throws PACK_KEY_INVALID, PACK_KEY_WEAK
 */
export async function publisherKey(raw: Uint8Array): Promise<PublisherKey> {
  if (raw.length !== 32)
    throw new GreenticError("PACK_KEY_INVALID", `Read public key: expected 32 bytes, got ${raw.length}`);
  const y = yOf(raw);
  if (y >= FIELD_PRIME) throw new GreenticError("PACK_KEY_WEAK", "Read public key: not a canonical encoding");
  if (SMALL_ORDER_Y.has(y)) throw new GreenticError("PACK_KEY_WEAK", "Read public key: a point of small order");
  const key = createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(raw).toString("base64url") },
    format: "jwk",
  });
  const blake3 = await loadBlake3();
  return { id: blake3(raw).toHex(), key };
}

/** Reads a publisher's key from SPKI PEM. @throws PACK_KEY_INVALID, PACK_KEY_WEAK */
export async function readPublicKey(pem: string | Uint8Array): Promise<PublisherKey> {
  const text = typeof pem === "string" ? pem : Buffer.from(pem).toString("latin1");
  if (!text.includes("-----BEGIN PUBLIC KEY-----"))
    throw new GreenticError("PACK_KEY_INVALID", "Read public key: expected SPKI PEM (BEGIN PUBLIC KEY)");
  let key: KeyObject;
  try {
    key = createPublicKey({ key: text, format: "pem", type: "spki" });
  } catch (error) {
    throw new GreenticError("PACK_KEY_INVALID", "Read public key: damaged PEM", { cause: error });
  }
  return publisherKey(rawPublicKey(key));
}

/** Returns the 32 raw bytes of an Ed25519 key, private or public. @throws PACK_KEY_INVALID for another algorithm */
export function rawPublicKey(key: KeyObject): Uint8Array {
  if (key.asymmetricKeyType !== "ed25519")
    throw new GreenticError(
      "PACK_KEY_INVALID",
      `Read key: expected ed25519, got ${key.asymmetricKeyType ?? "no asymmetric key"}`,
    );
  const jwk = (key.type === "private" ? createPublicKey(key) : key).export({ format: "jwk" });
  return Buffer.from(jwk.x ?? "", "base64url");
}

/** Tells whether an Ed25519 signature holds; S must be below the group order (RFC 8032 §5.1.7). */
export function isSignatureValid(
  publisher: PublisherKey,
  signed: { readonly message: Uint8Array; readonly signature: Uint8Array },
): boolean {
  return signed.signature.length === 64 && verify(null, signed.message, publisher.key, signed.signature);
}

const FIELD_PRIME = 2n ** 255n - 19n;

// The y coordinates of the eight points whose order divides 8; each stands for both signs of x.
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  FIELD_PRIME - 1n,
  0x5fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
]);

/** The y coordinate: little-endian, without the sign bit of x. */
function yOf(raw: Uint8Array): bigint {
  let y = 0n;
  for (let i = 31; i >= 0; i--) y = (y << 8n) | BigInt((raw[i] ?? 0) & (i === 31 ? 0x7f : 0xff));
  return y;
}
