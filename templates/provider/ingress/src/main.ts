import { defineIngress, digest, hmac, isEqualText, toHex } from "greentic/component-sdk";
import type { ProviderMessage, ProviderRequest } from "greentic/component-sdk";

/** How far a request's time may be from now, before and after. */
const MAX_SKEW_MS = 300_000;

interface Event {
  readonly id: string;
  readonly loft: string;
  readonly from: { readonly id: string; readonly name?: string; readonly is_bot?: boolean };
  readonly text?: string;
  readonly pressed?: Readonly<Record<string, unknown>>;
  readonly language?: string;
}

export default defineIngress({
  name: "ingress",
  version: "0.1.0",
  summary: "Verifies NAME's webhooks and tells what was said",
  receive: (request, ctx) => {
    // Without a secret nothing can be believed: get() throws, and the host refuses the request.
    const current = ctx.secrets.get("webhook_secret");
    const previous = ctx.secrets.getBytes("webhook_secret_previous");
    if (!isAuthentic(request, previous === undefined ? [current] : [current, previous])) return { refused: true };
    const { events } = request.json() as { readonly events: readonly Event[] };
    return { messages: events.filter(({ from }) => from.is_bot !== true).map(messageOf) };
  },
});

/** `x-NAME-signature` is v1= and the HMAC-SHA256 of `x-NAME-timestamp`, a dot, and the SHA-256 of the body, both in hex. */
function isAuthentic(request: ProviderRequest, secrets: readonly (string | Uint8Array)[]): boolean {
  const timestamp = request.header("x-NAME-timestamp") ?? "";
  const signature = request.header("x-NAME-signature") ?? "";
  const isFresh =
    /^\d{1,12}$/.test(timestamp) && Math.abs(request.receivedAtMs - Number(timestamp) * 1000) <= MAX_SKEW_MS;
  const signed = `${timestamp}.${toHex(digest("sha256", request.body))}`;
  const matches = secrets.filter((secret) => isEqualText(signature, `v1=${toHex(hmac("sha256", secret, signed))}`));
  return isFresh && matches.length > 0;
}

function messageOf({ id, loft, from, text, pressed, language }: Event): ProviderMessage {
  return {
    id,
    conversation: loft,
    user: from.id,
    ...(from.name === undefined ? {} : { name: from.name }),
    ...(text === undefined ? {} : { text }),
    ...(pressed === undefined ? {} : { submitted: pressed }),
    ...(language === undefined ? {} : { locale: language }),
  };
}
