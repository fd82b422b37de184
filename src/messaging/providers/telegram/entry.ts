import type { JsonObject } from "../../../types/index.ts";
import type { ProviderEntry } from "../entry.ts";
import { createTelegramProvider } from "./provider.ts";

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
    },
  ],
  settings: [
    {
      name: "mode",
      title: "How messages come in",
      isRequired: false,
      form: { pattern: /^(?:polling|webhook)$/, words: "polling or webhook" },
    },
    { name: "public_base_url", title: "Where Telegram reaches this host; makes it a webhook", isRequired: false },
    { name: "username", title: "The bot's user name without @", isRequired: false },
  ],
  create: (address, { world, http, config, secret, secrets }) => {
    const { username } = config;
    return createTelegramProvider({
      address,
      world,
      mode: isWebhook(config) ? "webhook" : "polling",
      token: () => secret("telegram_bot_token"),
      secretToken: () => secrets("telegram_secret_token"),
      http,
      ...(typeof username === "string" && { username }),
    });
  },
};

function isWebhook(config: JsonObject): boolean {
  return config["mode"] === "webhook" || typeof config["public_base_url"] === "string";
}
