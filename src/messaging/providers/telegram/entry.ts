import type { ProviderEntry } from "../entry.ts";
import { PUBLIC_BASE_URL } from "../setup.ts";
import { createTelegramProvider } from "./provider.ts";
import { isWebhook, telegramSetup } from "./setup.ts";

/** Telegram in the catalogue. */
export const telegram: ProviderEntry = {
  type: "telegram",
  title: "Telegram",
  secrets: [
    {
      name: "telegram_bot_token",
      title: "The bot's token, as @BotFather gave it",
      isRequired: true,
      form: { pattern: /^\d{1,20}:[A-Za-z0-9_-]{10,}$/, words: "digits, a colon and a secret" },
    },
    {
      name: "telegram_secret_token",
      title: "What Telegram sends with each webhook request; any text of your own",
      isRequired: isWebhook,
      isRotated: true,
      form: { pattern: /^[A-Za-z0-9_-]{1,256}$/, words: "1 to 256 letters, digits, _ and -" },
      generate: (random) => Buffer.from(random).toString("base64url"),
    },
  ],
  settings: [
    {
      name: "mode",
      title: "How messages come in",
      isRequired: false,
      form: { pattern: /^(?:polling|webhook)$/, words: "polling or webhook" },
    },
    { ...PUBLIC_BASE_URL, title: "Where Telegram reaches this host; makes it a webhook" },
    { name: "username", title: "The bot's user name without @", isRequired: false },
  ],
  setup: telegramSetup,
  create: (address, { world, http, openHttp, config, secret, secrets }) => {
    const { username } = config;
    return createTelegramProvider({
      address,
      world,
      mode: isWebhook(config) ? "webhook" : "polling",
      token: () => secret("telegram_bot_token"),
      secretToken: () => secrets("telegram_secret_token"),
      http,
      openHttp,
      ...(typeof username === "string" && { username }),
    });
  },
};
