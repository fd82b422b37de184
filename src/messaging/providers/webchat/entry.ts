import type { ProviderEntry } from "../entry.ts";
import { createWebChatProvider } from "./provider.ts";
import { webchatSetup } from "./setup.ts";

const SWITCH = { pattern: /^(?:true|false)$/, words: "true or false" };
const ORIGIN = {
  pattern: /^https?:\/\/(?:[a-z0-9-]+\.)*[a-z0-9-]+(?::\d{1,5})?$|^https?:\/\/\[[0-9a-f:]+\](?::\d{1,5})?$/,
  words: "origins such as https://www.example.com",
};

/** Web chat in the catalogue; Direct Line's paths name no channel, so that a tenant's web chat has one name, whatever the bundle calls it. */
export const webchat: ProviderEntry = {
  type: "webchat",
  title: "WebChat",
  secrets: [
    {
      name: "directline_secret",
      title: "Text of your own for your servers and Direct Line clients; without it only pages talk",
      isRequired: ({ anonymous }) => anonymous === false || anonymous === "false",
      isRotated: true,
      form: { pattern: /^[\w.~+/=-]{16,512}$/, words: "16 or more letters, digits and . _ ~ + / = -" },
      generate: (random) => Buffer.from(random).toString("base64url"),
    },
  ],
  settings: [
    {
      name: "autostart",
      title: "Whether the worker speaks first when a conversation is opened (default false)",
      isRequired: false,
      shape: "switch",
      form: SWITCH,
    },
    {
      name: "anonymous",
      title: "Whether anybody may talk; otherwise only whom your server gets a token for (default true)",
      isRequired: false,
      shape: "switch",
      form: SWITCH,
    },
    {
      name: "trusted_origins",
      title: "Other sites that embed the chat",
      isRequired: false,
      shape: "list",
      form: ORIGIN,
    },
  ],
  channel: "webchat",
  setup: webchatSetup,
  create: (address, { world }) => createWebChatProvider(address, { world }),
};
