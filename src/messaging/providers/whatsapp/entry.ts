import type { ProviderEntry } from "../entry.ts";
import { PUBLIC_BASE_URL } from "../setup.ts";
import { createWhatsAppProvider } from "./provider.ts";
import { whatsappSetup } from "./setup.ts";

const PER_SECOND = { pattern: /^[1-9]\d{0,3}$/, words: "a number from 1 to 9999" };

/** WhatsApp's Cloud API in the catalogue. */
export const whatsapp: ProviderEntry = {
  type: "whatsapp",
  title: "WhatsApp",
  secrets: [
    {
      name: "whatsapp_access_token",
      title: "A system user's access token with whatsapp_business_messaging (Business settings → System users)",
      isRequired: true,
      form: { pattern: /^[\x21-\x7e]{20,}$/, words: "at least 20 characters without spaces" },
    },
    {
      name: "whatsapp_app_secret",
      title: "The app's secret, which signs webhooks (App dashboard → Settings → Basic)",
      isRequired: true,
      isRotated: true,
      form: { pattern: /^[\x21-\x7e]{16,}$/, words: "at least 16 characters without spaces" },
    },
    {
      name: "whatsapp_verify_token",
      title: "What the platform names when it first calls the webhook; any text of your own",
      isRequired: true,
      isRotated: true,
      form: { pattern: /^[\x21-\x7e]{8,}$/, words: "at least 8 characters without spaces" },
      generate: (random) => Buffer.from(random).toString("base64url"),
    },
  ],
  settings: [
    {
      name: "phone_number_id",
      title: "The number's id, not the number itself (WhatsApp → API setup)",
      isRequired: true,
      form: { pattern: /^\d{5,25}$/, words: "digits" },
    },
    {
      name: "business_account_id",
      title: "The WhatsApp Business Account's id (WhatsApp → API setup), so that set-up subscribes the app to it",
      isRequired: false,
      form: { pattern: /^\d{5,25}$/, words: "digits" },
    },
    {
      name: "app_id",
      title: "The app's id (App dashboard → Settings → Basic), so that set-up subscribes it to messages",
      isRequired: false,
      form: { pattern: /^\d{5,25}$/, words: "digits" },
    },
    PUBLIC_BASE_URL,
    {
      name: "graph_version",
      title: "The Graph API's version",
      isRequired: false,
      form: { pattern: /^v\d{1,3}\.\d$/, words: "v25.0 or the like" },
    },
    {
      name: "messages_per_second",
      title: "What the number may send: 80 unless the platform raised it, 20 where the app is in use too",
      isRequired: false,
      form: PER_SECOND,
    },
    {
      name: "template_name",
      title: "An approved template for what comes later than 24 hours after a person's last message",
      isRequired: false,
      form: { pattern: /^[a-z0-9_]{1,512}$/, words: "lower-case letters, digits and _" },
    },
    {
      name: "template_language",
      title: "The template's language",
      isRequired: false,
      form: { pattern: /^[a-z]{2,3}(?:_[A-Z]{2})?$/, words: "en_US or the like" },
    },
    {
      name: "template_text",
      title: "Whether the template's body has one parameter, which takes the message's text",
      isRequired: false,
      form: { pattern: /^(?:true|false)$/, words: "true or false" },
    },
  ],
  setup: whatsappSetup,
  create: (address, { world, http, openHttp, config, secret, secrets }) => {
    const setting = (name: string): string | undefined => {
      const value = config[name];
      return typeof value === "string" && value !== "" ? value : undefined;
    };
    const version = setting("graph_version");
    const perSecond = setting("messages_per_second");
    const name = setting("template_name");
    return createWhatsAppProvider({
      address,
      world,
      http,
      openHttp,
      phoneNumberId: setting("phone_number_id") ?? "",
      accessToken: () => secret("whatsapp_access_token"),
      appSecrets: () => secrets("whatsapp_app_secret"),
      verifyTokens: () => secrets("whatsapp_verify_token"),
      ...(version !== undefined && { version }),
      ...(perSecond !== undefined && PER_SECOND.pattern.test(perSecond) && { messagesPerSecond: Number(perSecond) }),
      ...(name !== undefined && {
        template: {
          name,
          language: setting("template_language") ?? "en_US",
          hasText: setting("template_text") === "true",
        },
      }),
    });
  },
};
