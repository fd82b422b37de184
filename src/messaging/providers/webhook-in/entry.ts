import type { ProviderEntry } from "../entry.ts";
import { WEBHOOK_SECRET } from "../webhook/standard-webhooks.ts";
import { createWebhookInProvider } from "./provider.ts";
import { PUBLIC_KEYS } from "./verify.ts";
import { webhookInSetup } from "./setup.ts";

/** Webhooks by the Standard Webhooks specification in the catalogue. */
export const webhookIn: ProviderEntry = {
  type: "webhook-in",
  title: "Inbound webhooks",
  domain: "events",
  secrets: [
    {
      name: "webhook_secret",
      title: "What the sender signs with; it shows the secret where the endpoint was added",
      isRequired: (config) => config["public_keys"] === undefined,
      isRotated: true,
      form: WEBHOOK_SECRET,
    },
  ],
  settings: [
    {
      name: "public_keys",
      title: "The sender's public keys where it signs with a private one, separated by commas",
      isRequired: false,
      form: PUBLIC_KEYS,
    },
  ],
  setup: webhookInSetup,
  create: (address, { world, config, secrets }) => {
    const { public_keys: keys } = config;
    return createWebhookInProvider({
      address,
      world,
      secrets: () => secrets("webhook_secret"),
      publicKeys: typeof keys === "string" ? keys.split(",").map((key) => key.trim()) : [],
    });
  },
};
