import { createHmac } from "node:crypto";
import type { WebhookRequest } from "../provider.ts";
import { isOneOf } from "./webhook/standard-webhooks.ts";

const SIGNATURE_HEADER = "x-hub-signature-256";

/**
 * Verifies `X-Hub-Signature-256: sha256=hex(HMAC-SHA256(app secret, body))` over the raw bytes, against each of the secrets. A missing
 * header and a missing secret are compared against something too, so that time tells nothing.
 */
export function isAuthentic({ headers, body }: WebhookRequest, secrets: readonly string[]): boolean {
  const given = headers[SIGNATURE_HEADER];
  const expected = (secrets.length === 0 ? [""] : secrets).map(
    (secret) => `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
  );
  const isKnown = isOneOf(typeof given === "string" ? given : "", expected);
  return isKnown && typeof given === "string" && secrets.length > 0;
}
