import type { ProviderEntry } from "../entry.ts";
import { WEBHOOK_SECRET } from "../webhook/standard-webhooks.ts";
import { createWebhookOutProvider } from "./provider.ts";
import { webhookOutSetup } from "./setup.ts";

/** Outbound webhooks in the catalogue. */
export const webhookOut: ProviderEntry = {
  type: "webhook-out",
  title: "Outbound webhooks",
  secrets: [
    {
      name: "webhook_secret",
      title: "What requests are signed with; the receiver has it too",
      isRequired: true,
      isRotated: true,
      form: WEBHOOK_SECRET,
      generate: (random) => `whsec_${Buffer.from(random).toString("base64")}`,
    },
  ],
  settings: [
    {
      name: "url",
      title: "Where messages are posted",
      isRequired: true,
      form: { pattern: /^https?:\/\/[^\s/?#@]+(?:[/?][^\s#]*)?$/, words: "an http or https URL without a login" },
    },
  ],
  setup: webhookOutSetup,
  create: (address, { world, http, config, secrets }) => {
    const { url } = config;
    return createWebhookOutProvider({
      address,
      world,
      http,
      url: typeof url === "string" ? url : "",
      secrets: () => secrets("webhook_secret"),
    });
  },
};
