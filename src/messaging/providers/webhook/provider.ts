import type { ChannelAddress, Provider } from "../../provider.ts";
import type { JsonValue } from "../../../types/index.ts";
import { receiveWebhook } from "./receive-webhook.ts";
import type { WebhookSecrets } from "./standard-webhooks.ts";
import { verifyStandardWebhook } from "./standard-webhooks.ts";
import type { World } from "../../../types/index.ts";

/** What a generic webhook channel needs. */
export interface WebhookOptions {
  readonly world: Pick<World, "nowMs" | "randomBytes">;
  /** Where given, requests must be signed by one of them after the Standard Webhooks specification. */
  readonly secrets?: WebhookSecrets;
}

/** `webhook-id` is remembered this long: senders of the Standard Webhooks specification give up within days. */
const DEDUPE_TTL_MS = 4 * 24 * 3_600_000;

/** The channel of `/v1/webhook/{tenant}/{flow}`: each request is one message, its turn's end is the answer. */
export function createWebhookProvider(address: ChannelAddress, options: WebhookOptions): Provider {
  const { secrets, world } = options;
  return {
    type: "webhook",
    address,
    delivery: { kind: "answer" },
    dedupeTtlMs: DEDUPE_TTL_MS,
    isOneOff: true,
    receive: (request) => {
      const refusal = secrets === undefined ? undefined : verifyStandardWebhook(request, secrets, world.nowMs());
      if (refusal !== undefined) return Promise.resolve({ kind: "refused", reason: refusal });
      return Promise.resolve({ kind: "messages", messages: [receiveWebhook(address, request, world)] });
    },
    project: (message) => [message as unknown as JsonValue],
  };
}

/** The channel of `runner run-flow`: the report that the caller waits for carries the replies. */
export function createConsoleProvider(address: ChannelAddress): Provider {
  return {
    type: "console",
    address,
    delivery: { kind: "answer" },
    dedupeTtlMs: 3_600_000,
    project: (message) => [message as unknown as JsonValue],
  };
}
