/** The senders of events as they deliver, each signed by its own library: Octokit's, Stripe's, and that of Standard Webhooks. */
import { sign as signGithub } from "@octokit/webhooks-methods";
import { Webhook } from "standardwebhooks";
import { Stripe } from "stripe";
import { CHANNEL_SETTINGS } from "./channel-settings.ts";
import type { Headers } from "./ingress-platforms.ts";

/** A sender of events. */
interface EventPlatform {
  /** The channel's type. */
  readonly type: "github" | "stripe" | "webhook-in";
  /** The body of an event; another `n` is another event. */
  readonly event: (n: number) => string;
  readonly sign: (body: string, options: { readonly n: number; readonly atMs: number }) => Promise<Headers>;
  /** How long a signature is believed. */
  readonly freshMs: number;
  /** What flows get the event as. */
  readonly by: string;
}

const secretOf = (type: EventPlatform["type"], name: string): string => CHANNEL_SETTINGS[type]?.secrets[name] ?? "";
const { webhooks } = new Stripe("sk_test_0");

/** All of them. */
export const EVENT_PLATFORMS: readonly EventPlatform[] = [
  {
    type: "github",
    event: (n) => JSON.stringify({ action: "opened", issue: { number: n }, repository: { full_name: "octo/shop" } }),
    sign: async (body, { n }) => ({
      "x-github-event": "issues",
      "x-github-delivery": `72d3162e-cc78-11e3-81ab-${String(n).padStart(12, "0")}`,
      "x-hub-signature-256": await signGithub(secretOf("github", "github_webhook_secret"), body),
    }),
    freshMs: Number.POSITIVE_INFINITY,
    by: "github.issues.opened",
  },
  {
    type: "stripe",
    event: (n) => JSON.stringify({ id: `evt_${n}`, object: "event", type: "invoice.paid", data: { object: {} } }),
    sign: async (payload, { atMs }) => {
      const secret = secretOf("stripe", "stripe_webhook_secret");
      const timestamp = Math.floor(atMs / 1000);
      return Promise.resolve({ "stripe-signature": webhooks.generateTestHeaderString({ payload, secret, timestamp }) });
    },
    freshMs: 300_000,
    by: "stripe.invoice.paid",
  },
  {
    type: "webhook-in",
    event: (n) => JSON.stringify({ type: "order.created", data: { number: n } }),
    sign: async (body, { n, atMs }) => {
      const signature = new Webhook(secretOf("webhook-in", "webhook_secret")).sign(`msg_${n}`, new Date(atMs), body);
      const timestamp = String(Math.floor(atMs / 1000));
      return Promise.resolve({
        "webhook-id": `msg_${n}`,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature,
      });
    },
    freshMs: 300_000,
    by: "webhook-in.order.created",
  },
];
