import type { ProviderEntry } from "../entry.ts";
import { PUBLIC_BASE_URL } from "../setup.ts";
import { createSlackProvider } from "./provider.ts";
import { slackSetup } from "./setup.ts";
import { SLACK_TOKEN } from "./web-api.ts";

/** Slack in the catalogue. */
export const slack: ProviderEntry = {
  type: "slack",
  title: "Slack",
  secrets: [
    {
      name: "slack_bot_token",
      title: "The bot user's OAuth token: app settings, Install App",
      isRequired: true,
      form: SLACK_TOKEN,
    },
    {
      name: "slack_signing_secret",
      title: "The signing secret: app settings, Basic Information",
      isRequired: true,
      isRotated: true,
      form: { pattern: /^[0-9A-Za-z]{16,128}$/, words: "letters and digits" },
    },
  ],
  settings: [
    {
      name: "workspace",
      title: "The workspace's id, so that requests for others are refused",
      isRequired: false,
      form: { pattern: /^[TE][A-Z0-9]{1,30}$/, words: "T and letters and digits" },
    },
    {
      name: "listen",
      title: "Whether the worker hears what mentions it or everything in its channels",
      isRequired: false,
      form: { pattern: /^(?:mentions|all)$/, words: "mentions or all" },
    },
    {
      name: "app_name",
      title: "What the app is called in Slack",
      isRequired: false,
      form: { pattern: /^[^<>&]{1,35}$/, words: "1 to 35 characters" },
    },
    {
      name: "command",
      title: "A slash command that the app offers",
      isRequired: false,
      form: { pattern: /^\/[a-z0-9_-]{1,31}$/, words: "/ and lower-case letters, digits, _ and -" },
    },
    PUBLIC_BASE_URL,
  ],
  setup: slackSetup,
  create: (address, { world, http, openHttp, config, secret, secrets }) => {
    const { workspace, listen } = config;
    return createSlackProvider({
      address,
      world,
      http,
      openHttp,
      token: () => secret("slack_bot_token"),
      signingSecrets: () => secrets("slack_signing_secret"),
      hearsAll: listen === "all",
      ...(typeof workspace === "string" && { workspace }),
    });
  },
};
