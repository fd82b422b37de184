import type { Received, WebhookRequest } from "../../provider.ts";
import { isOneOf } from "../webhook/standard-webhooks.ts";

const CHALLENGE = /^[\x21-\x7e]{1,200}$/;

/**
 * Answers the handshake by which the platform makes sure of the address: `GET ?hub.mode=subscribe&hub.verify_token=…&hub.challenge=…`.
 * Repeated parameters are refused.
 */
export function answerHandshake({ url }: WebhookRequest, verifyTokens: readonly string[]): Received {
  const query = new URLSearchParams(url.slice(url.indexOf("?") + 1));
  const [mode, token, challenge] = ["hub.mode", "hub.verify_token", "hub.challenge"].map((name) => query.getAll(name));
  const isKnown = isOneOf(token?.[0] ?? "", verifyTokens.length === 0 ? [""] : verifyTokens);
  const isWhole = [mode, token, challenge].every((values) => values?.length === 1);
  const text = challenge?.[0] ?? "";
  if (!isKnown || !isWhole || verifyTokens.length === 0 || mode?.[0] !== "subscribe" || !CHALLENGE.test(text))
    return { kind: "refused", reason: "handshake" };
  return { kind: "answer", status: 200, contentType: "text/plain; charset=utf-8", body: text };
}
