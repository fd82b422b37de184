import { createHmac } from "node:crypto";
import type { WebhookRequest } from "../../provider.ts";
import { isOneOf } from "../webhook/standard-webhooks.ts";

const MAX_SKEW_SECONDS = 300;
const TIMESTAMP = /^\d{1,12}$/;

/**
 * Verifies `X-Slack-Signature: v0=hex(HMAC-SHA256(secret, "v0:" timestamp ":" body))` over the raw bytes, against each of the secrets,
 * and that `X-Slack-Request-Timestamp` is at most five minutes away, before or after. Returns why a request is refused, undefined where
 * it is good. Repeated headers are refused.
 * @see https://docs.slack.dev/authentication/verifying-requests-from-slack
 */
export function verifySlack(
  { headers, body }: WebhookRequest,
  secrets: readonly string[],
  nowMs: number,
): string | undefined {
  const signature = headers["x-slack-signature"];
  const timestamp = headers["x-slack-request-timestamp"];
  const isSigned = typeof signature === "string" && typeof timestamp === "string" && TIMESTAMP.test(timestamp);
  const stamp = isSigned ? timestamp : "0";
  // What is missing is compared against something too, so that time tells nothing.
  const known = secrets.length === 0 ? [""] : secrets;
  const expected = known.map(
    (secret) => `v0=${createHmac("sha256", secret).update(`v0:${stamp}:`).update(body).digest("hex")}`,
  );
  const isKnown = isOneOf(isSigned ? signature : "", expected);
  if (!isSigned || secrets.length === 0) return "unsigned";
  if (Math.abs(nowMs / 1000 - Number(stamp)) > MAX_SKEW_SECONDS) return "stale";
  return isKnown ? undefined : "signature";
}
