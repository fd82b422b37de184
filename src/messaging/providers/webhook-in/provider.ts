import type { World } from "../../../types/index.ts";
import { createEventProvider } from "../../event-provider.ts";
import type { ChannelAddress, Provider } from "../../provider.ts";
import { readWebhook } from "./receive.ts";
import { verifyWebhook } from "./verify.ts";

/** What a channel of inbound webhooks needs. */
export interface WebhookInOptions {
  readonly address: ChannelAddress;
  readonly world: Pick<World, "nowMs">;
  /** Two while one is rotated. Without a secret and a public key every request is refused. */
  readonly secrets: () => Promise<readonly string[]>;
  /** `whpk_` and base64, of senders that sign with Ed25519. */
  readonly publicKeys: readonly string[];
}

// Senders by the specification give up within days; an operator may send again for a while.
const DEDUPE_TTL_MS = 7 * 24 * 3_600_000;

/** The channel of a sender of Standard Webhooks: each webhook is an event. */
export function createWebhookInProvider({ address, world, secrets, publicKeys }: WebhookInOptions): Provider {
  return createEventProvider(address, {
    type: "webhook-in",
    dedupeTtlMs: DEDUPE_TTL_MS,
    receive: async (request) => {
      const verified = verifyWebhook(request, { secrets: await secrets(), publicKeys, nowMs: world.nowMs() });
      if (typeof verified === "string") return { kind: "refused", reason: verified };
      return { kind: "messages", messages: [], events: [readWebhook(request, { ...verified, address })] };
    },
  });
}
