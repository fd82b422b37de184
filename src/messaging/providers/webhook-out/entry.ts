import type { ProviderEntry } from "../entry.ts";
import { createWebhookOutProvider } from "./provider.ts";

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
      form: {
        pattern: /^(?:whsec_[A-Za-z0-9+/]{32,}={0,2}|(?!whsec_).{24,})$/,
        words: "whsec_ and base64 of 24 bytes or more",
      },
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
