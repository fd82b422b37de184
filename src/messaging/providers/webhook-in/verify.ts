import { createPublicKey, verify } from "node:crypto";
import type { WebhookRequest } from "../../provider.ts";
import { readSigned, signsAny, WEBHOOK_SECRET } from "../webhook/standard-webhooks.ts";

/** Ed25519 keys as the specification writes them. */
export const PUBLIC_KEYS = {
  pattern: /^whpk_[A-Za-z0-9+/]{43}=(?:\s*,\s*whpk_[A-Za-z0-9+/]{43}=)*$/,
  words: "whpk_ and base64 of 32 bytes, several separated by commas",
} as const;

const ID = /^[\x21-\x7e]{1,256}$/;

/** What requests are believed by. */
export interface WebhookKeys {
  readonly secrets: readonly string[];
  readonly publicKeys: readonly string[];
  readonly nowMs: number;
}

/**
 * Verifies a webhook by any of the secrets (`v1`) or public keys (`v1a`, Ed25519 over the same bytes) and that it is at most five minutes
 * off, before or after. `svix-*` headers are the same under another name. Returns why it is refused.
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function verifyWebhook(
  request: WebhookRequest,
  { secrets, publicKeys, nowMs }: WebhookKeys,
): { readonly id: string; readonly timeMs: number } | string {
  if (request.method !== "POST") return "method";
  const signed = readSigned(request.headers["webhook-id"] === undefined ? "svix" : "webhook", request);
  // What was written by hand without the form may decode to an empty key, which anybody has.
  const good = secrets.filter((secret) => WEBHOOK_SECRET.pattern.test(secret));
  const isKnown = signsAny(signed, good);
  const isKnownByKey = publicKeys.map((key) => signed.v1a.some((one) => isSignedBy(key, one, signed.content)));
  if (!signed.isWhole) return "unsigned";
  if (signed.isStale(nowMs)) return "stale";
  if (!isKnown && !isKnownByKey.includes(true)) return "signature";
  return ID.test(signed.id) ? { id: signed.id, timeMs: signed.timestamp * 1000 } : "id";
}

function isSignedBy(publicKey: string, signature: string, content: Uint8Array): boolean {
  const x = Buffer.from(publicKey.replace(/^whpk_/, ""), "base64");
  const given = Buffer.from(signature, "base64");
  // Base64 that says more than one thing is refused: what is signed has one form.
  if (x.byteLength !== 32 || given.byteLength !== 64 || given.toString("base64") !== signature) return false;
  try {
    const key = createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x: x.toString("base64url") } });
    return verify(null, content, key, given);
  } catch {
    return false;
  }
}
