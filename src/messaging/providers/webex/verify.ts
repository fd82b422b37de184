import { createHmac } from "node:crypto";
import type { WebhookRequest } from "../../provider.ts";
import { isOneOf } from "../webhook/standard-webhooks.ts";

/**
 * Verifies `X-Spark-Signature: hex(HMAC-SHA1(secret, body))` over the raw bytes, against each of the secrets. A missing or repeated header
 * and a missing secret are compared against something too, so that time tells nothing.
 * @see https://developer.webex.com/docs/api/guides/webhooks
 */
export function isWebex({ method, headers, body }: WebhookRequest, secrets: readonly string[]): boolean {
  const given = headers["x-spark-signature"];
  const expected = (secrets.length === 0 ? [""] : secrets).map((secret) =>
    createHmac("sha1", secret).update(body).digest("hex"),
  );
  const isKnown = isOneOf(typeof given === "string" ? given : "", expected);
  return isKnown && typeof given === "string" && secrets.length > 0 && method === "POST";
}
