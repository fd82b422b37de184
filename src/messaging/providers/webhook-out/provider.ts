import type { ChannelMessageEnvelope, JsonValue } from "../../../types/index.ts";
import type { ChannelAddress, Provider } from "../../provider.ts";
import type { WebhookSending } from "./send.ts";
import { postWebhook } from "./send.ts";

/** What a channel of outbound webhooks needs. */
export interface WebhookOutOptions extends WebhookSending {
  readonly address: ChannelAddress;
}

/** How long an endpoint that said it is gone isn't asked again. */
const GONE_MS = 60_000;

/** The channel whose messages leave as signed webhooks; nothing comes in by it. The key of each makes repetitions harmless. */
export function createWebhookOutProvider({ address, ...sending }: WebhookOutOptions): Provider {
  let goneUntilMs = 0;
  let pausedUntilMs = 0;
  return {
    type: "webhook-out",
    address,
    delivery: { kind: "send", sinkClass: "A" },
    dedupeTtlMs: 0,
    project: (message) => [eventOf(message, sending.world.nowMs())],
    // An endpoint that asks for a while means all that comes to it, not one conversation's.
    readyAtMs: () => pausedUntilMs,
    send: async (payload, options) => {
      const { world } = sending;
      if (goneUntilMs > world.nowMs()) return { kind: "failed", error: "MESSAGING_ENDPOINT_GONE" };
      const result = await postWebhook(payload, options, sending);
      if (result.kind === "failed" && result.error === "MESSAGING_ENDPOINT_GONE") goneUntilMs = world.nowMs() + GONE_MS;
      if (result.kind === "retry" && result.error === "MESSAGING_RATE_LIMITED") pausedUntilMs = result.notBeforeMs;
      return result;
    },
  };
}

/** The payload's form that the specification recommends: what happened, when, and the message. */
function eventOf(message: ChannelMessageEnvelope, nowMs: number): JsonValue {
  return {
    type: "message.sent",
    timestamp: new Date(nowMs).toISOString(),
    data: message as unknown as JsonValue,
  };
}
