import type { ProviderParts } from "../../src/messaging/index.ts";
import type { JsonObject } from "../../src/types/index.ts";

/** What a channel of a platform is set up with in tests. */
interface ChannelSettings {
  readonly config: JsonObject;
  readonly secrets: Readonly<Record<string, string>>;
}

/** Settings and secrets of each platform's channel, by its type; none is anybody's. */
export const CHANNEL_SETTINGS: Readonly<Record<string, ChannelSettings>> = {
  webchat: { config: {}, secrets: {} },
  telegram: {
    config: { mode: "webhook" },
    secrets: {
      telegram_bot_token: "123456:AAE-stand-in_token-0123456789",
      telegram_secret_token: "Stand-in_secret-0123456789",
    },
  },
  slack: {
    config: { workspace: "T0001" },
    secrets: {
      slack_bot_token: "xoxb-stand-in-0123456789",
      slack_signing_secret: "8f742231b10e8888abcd99yyyzzz85a5",
    },
  },
  whatsapp: {
    config: { phone_number_id: "106540352242922" },
    secrets: {
      whatsapp_access_token: "EAAG-stand-in-token-0123456789",
      whatsapp_app_secret: "app-secret-of-the-demo-0123456789",
      whatsapp_verify_token: "verify-me-please",
    },
  },
  teams: {
    config: { app_id: "6b2b1f3e-0000-4000-8000-9a1f4c3d2e10" },
    secrets: { teams_app_password: "stand-in-password-0123456789" },
  },
  webex: {
    config: { public_base_url: "https://worker.example.com" },
    secrets: {
      webex_bot_token: `stand-in_${"0123456789".repeat(4)}`,
      webex_webhook_secret: "webhook-secret-of-the-demo-0123456789",
    },
  },
  email: {
    config: { from: "worker@example.com", smtp_host: "mail.example.com" },
    secrets: { email_thread_secret: "thread-secret-of-the-demo-0123456789" },
  },
  github: { config: {}, secrets: { github_webhook_secret: "webhook-secret-of-the-demo-0123456789" } },
  stripe: { config: {}, secrets: { stripe_webhook_secret: "whsec_0123456789abcdefABCDEF" } },
  "webhook-in": {
    config: {},
    secrets: { webhook_secret: `whsec_${Buffer.from("another of twenty-four b").toString("base64")}` },
  },
  "webhook-out": {
    config: { url: "https://hooks.example.com/in" },
    secrets: { webhook_secret: `whsec_${Buffer.from("a secret of twenty-four b").toString("base64")}` },
  },
};

/** A channel's settings as its provider reads them. @throws RangeError for a platform without any here */
export function partsOf(type: string): Pick<ProviderParts, "config" | "secret" | "secrets" | "openHttp"> {
  const settings = CHANNEL_SETTINGS[type];
  if (settings === undefined) throw new RangeError(`Read test settings: none for ${type}`);
  const { config, secrets } = settings;
  return {
    config,
    openHttp: () => Promise.reject(new TypeError("no file is fetched here")),
    secret: (name) => Promise.resolve(secrets[name] ?? ""),
    secrets: (name) => Promise.resolve(secrets[name] === undefined ? [] : [secrets[name]]),
  };
}
