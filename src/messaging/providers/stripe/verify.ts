import { createHmac } from "node:crypto";
import type { WebhookRequest } from "../../provider.ts";
import { isOneOf } from "../webhook/standard-webhooks.ts";
import { MAX_SIGNATURES, MAX_SKEW_MS } from "./limits.ts";

const TIME = /^\d{1,12}$/;

/**
 * Verifies `Stripe-Signature: t=…,v1=hex(HMAC-SHA256(secret, t "." body)),…` over the raw bytes, against each of the secrets, and that
 * `t` is at most five minutes away, before or after. Returns why a request is refused, undefined where it is good. A repeated header and
 * a repeated time are refused.
 * @see https://docs.stripe.com/webhooks#verify-manually
 */
export function verifyStripe(
  { method, headers, body }: WebhookRequest,
  secrets: readonly string[],
  nowMs: number,
): string | undefined {
  const header = headers["stripe-signature"];
  const parts = typeof header === "string" ? header.split(",", MAX_SIGNATURES + 2) : [];
  const times = parts.filter((part) => part.startsWith("t=")).map((part) => part.slice(2));
  const given = parts.filter((part) => part.startsWith("v1=")).map((part) => part.slice(3));
  const [time = ""] = times;
  const isSigned = times.length === 1 && TIME.test(time) && given.length > 0;
  const stamp = isSigned ? time : "0";
  const expected = (secrets.length === 0 ? [""] : secrets).map((secret) =>
    createHmac("sha256", secret).update(`${stamp}.`).update(body).digest("hex"),
  );
  const isKnown = (isSigned ? given : [""]).map((one) => isOneOf(one, expected)).includes(true);
  if (!isSigned || secrets.length === 0 || method !== "POST") return "unsigned";
  if (Math.abs(nowMs - Number(stamp) * 1000) > MAX_SKEW_MS) return "stale";
  return isKnown ? undefined : "signature";
}
