import { createHmac, hash, timingSafeEqual } from "node:crypto";
import type { WebhookRequest } from "../../provider.ts";

/** One or two secrets: the second serves while the first is rotated. `whsec_` and base64, or raw text. */
export type WebhookSecrets = readonly [string, string?];

const MAX_SKEW_MS = 300_000;
const MAX_SIGNATURES = 16;
const TIME = /^\d{1,12}$/;

/** The form of a secret, for set-up. */
export const WEBHOOK_SECRET = {
  pattern: /^(?:whsec_[A-Za-z0-9+/]{32,}={0,2}|(?!whsec_).{24,})$/,
  words: "whsec_ and base64 of 24 bytes or more",
} as const;

/** What a request says of its signatures; where something is missing or repeated, all that is compared is empty. */
export interface SignedWebhook {
  /** Whether each header is there once. */
  readonly isWhole: boolean;
  readonly id: string;
  /** In seconds. */
  readonly timestamp: number;
  /** What is signed. */
  readonly content: Uint8Array;
  /** The signatures as they stand, `v1,…` among them. */
  readonly given: readonly string[];
  /** Those by private keys, in base64. */
  readonly v1a: readonly string[];
  /** Whether it is more than five minutes off, before or after. */
  readonly isStale: (nowMs: number) => boolean;
}

/** Reads `{brand}-id`, `{brand}-timestamp` and `{brand}-signature`, several signatures separated by spaces. */
export function readSigned(brand: "webhook" | "svix", { headers, body }: WebhookRequest): SignedWebhook {
  const id = headers[`${brand}-id`];
  const timestamp = headers[`${brand}-timestamp`];
  const signature = headers[`${brand}-signature`];
  const isWhole =
    typeof id === "string" && typeof timestamp === "string" && typeof signature === "string" && TIME.test(timestamp);
  const stamp = isWhole ? Number(timestamp) : 0;
  const given = isWhole ? signature.split(" ").slice(0, MAX_SIGNATURES) : [""];
  return {
    isWhole,
    id: isWhole ? id : "",
    timestamp: stamp,
    content: Buffer.concat([Buffer.from(isWhole ? `${id}.${timestamp}.` : ".."), body]),
    given,
    v1a: given.filter((one) => one.startsWith("v1a,")).map((one) => one.slice(4)),
    isStale: (nowMs) => Math.abs(nowMs - stamp * 1000) > MAX_SKEW_MS,
  };
}

/** Tells whether any of the secrets made one of the signatures; without a secret none did, in the same time. */
export function signsAny({ content, given }: SignedWebhook, secrets: readonly string[]): boolean {
  const expected = (secrets.length === 0 ? ["none"] : secrets).map(
    (secret) => `v1,${createHmac("sha256", keyOf(secret)).update(content).digest("base64")}`,
  );
  const isKnown = given.map((one) => isOneOf(one, expected)).includes(true);
  return isKnown && secrets.length > 0;
}

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
  const signed = readSigned("webhook", request);
  const isKnown = signsAny(
    signed,
    secrets.filter((secret) => secret !== undefined),
  );
  if (!signed.isWhole) return "unsigned";
  if (signed.isStale(nowMs)) return "stale";
  return isKnown ? undefined : "signature";
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
