import type { ProviderEntry } from "../entry.ts";
import { PUBLIC_BASE_URL } from "../setup.ts";
import { WEBEX_TOKEN } from "./api.ts";
import { createWebexProvider } from "./provider.ts";
import { webexSetup } from "./setup.ts";

/** Webex in the catalogue. */
export const webex: ProviderEntry = {
  type: "webex",
  title: "Webex",
  secrets: [
    {
      name: "webex_bot_token",
      title: "The bot's access token: developer.webex.com, My Webex Apps",
      isRequired: true,
      form: WEBEX_TOKEN,
    },
    {
      name: "webex_webhook_secret",
      title: "A text of your own that the webhooks are made with, and signed by",
      isRequired: true,
      isRotated: true,
      generate: (random) => Buffer.from(random).toString("base64url"),
      form: { pattern: /^[\x21-\x7e]{16,256}$/, words: "16 characters or more without spaces" },
    },
  ],
  settings: [PUBLIC_BASE_URL],
  setup: webexSetup,
  create: (address, { world, http, openHttp, secret, secrets }) =>
    createWebexProvider({
      address,
      world,
      http,
      openHttp,
      token: () => secret("webex_bot_token"),
      webhookSecrets: () => secrets("webex_webhook_secret"),
    }),
};
