import { createHmac, hash, timingSafeEqual } from "node:crypto";
import type { WebhookRequest } from "../../provider.ts";

/** One or two secrets: the second serves while the first is rotated. `whsec_` and base64, or raw text. */
export type WebhookSecrets = readonly [string, string?];

const MAX_SKEW_MS = 300_000;
const MAX_SIGNATURES = 16;

/**
 * Verifies `webhook-id`, `webhook-timestamp` and `webhook-signature` (`v1,base64(HMAC-SHA256(secret, id.timestamp.body))`, several
 * separated by spaces). Returns why a request is refused, undefined where it is good.
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function verifyStandardWebhook(
  request: WebhookRequest,
  secrets: WebhookSecrets,
  nowMs: number,
): string | undefined {
  const id = request.headers["webhook-id"];
  const timestamp = request.headers["webhook-timestamp"];
  const signature = request.headers["webhook-signature"];
  if (typeof id !== "string" || typeof timestamp !== "string" || typeof signature !== "string") return "unsigned";
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(nowMs - Number(timestamp) * 1000) > MAX_SKEW_MS) return "stale";
  const given = signature.split(" ").slice(0, MAX_SIGNATURES);
  const expected: string[] = [];
  for (const secret of secrets) {
    if (secret === undefined) continue;
    const mac = createHmac("sha256", keyOf(secret)).update(`${id}.${timestamp}.`).update(request.body);
    expected.push(`v1,${mac.digest("base64")}`);
  }
  return given.map((signature) => isOneOf(signature, expected)).includes(true) ? undefined : "signature";
}

/** Signs a webhook: `v1,` and the signature by each of the secrets, separated by spaces. `timestamp` is in seconds. */
export function signStandardWebhook(
  { id, timestamp, body }: { readonly id: string; readonly timestamp: number; readonly body: Uint8Array },
  secrets: readonly string[],
): string {
  const signatures = secrets.map((secret) => {
    const mac = createHmac("sha256", keyOf(secret)).update(`${id}.${timestamp}.`).update(body);
    return `v1,${mac.digest("base64")}`;
  });
  return signatures.join(" ");
}

function keyOf(secret: string): Buffer {
  return secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret);
}

/**
 * Tells whether a text is one of the expected ones, in time that tells nothing about them: digests of equal length, each compared in
 * constant time, all of them always.
 */
export function isOneOf(given: string, expected: readonly string[]): boolean {
  const digest = hash("sha256", given, "buffer");
  let matches = 0;
  for (const text of expected) if (timingSafeEqual(digest, hash("sha256", text, "buffer"))) matches++;
  return matches > 0;
}
