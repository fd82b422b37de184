import type { ProviderEntry } from "../entry.ts";
import { createStripeProvider } from "./provider.ts";
import { stripeSetup } from "./setup.ts";

/** Stripe's webhooks in the catalogue. */
export const stripe: ProviderEntry = {
  type: "stripe",
  title: "Stripe",
  domain: "events",
  secrets: [
    {
      name: "stripe_webhook_secret",
      title: "The endpoint's signing secret: Workbench, Webhooks",
      isRequired: true,
      isRotated: true,
      form: { pattern: /^whsec_[A-Za-z0-9]{16,}$/, words: "whsec_ and letters and digits" },
    },
  ],
  settings: [],
  setup: stripeSetup,
  create: (address, { world, secrets }) =>
    createStripeProvider({ address, world, secrets: () => secrets("stripe_webhook_secret") }),
};
