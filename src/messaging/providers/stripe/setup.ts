import { pastedSetup } from "../setup.ts";

/** Stripe's side of a channel: an event destination, whose signing secret Stripe makes. */
export const stripeSetup = pastedSetup({
  where: "Stripe → Workbench → Webhooks → Add destination: paste, choose the events; then it shows the signing secret",
  isSecretTheirs: true,
  paste: (url) => `Endpoint URL:  ${url}`,
});
