/**
 * Slack takes request URLs on its pages, or in a manifest, not by a bot's token: the manifest is printed.
 * @see https://docs.slack.dev/reference/app-manifest
 */
import type { JsonObject } from "../../../types/index.ts";
import { quote } from "../../../types/index.ts";
import { textIn } from "../../json-parts.ts";
import type { ProviderSetup, SetupParts, SetupStep } from "../setup.ts";
import { NO_ADDRESS, unansweredStep } from "../setup.ts";
import { callSlack } from "./web-api.ts";

const PLACES = ["channels", "groups", "mpim"] as const;
const MAX_NAME = 35;

/** Slack's side of a channel: an app, made of a manifest by a person. */
export const slackSetup: ProviderSetup = {
  isReached: () => true,
  prepare: ({ callbackUrl, ...parts }) =>
    callbackUrl === undefined ? [NO_ADDRESS] : [manifestStep(parts, callbackUrl)],
  async register(parts) {
    const { callbackUrl } = parts;
    const bot = await askBot(parts);
    if (callbackUrl === undefined) return [...bot, NO_ADDRESS];
    if (parts.isKnown) return [...bot, { state: "ok", what: "the app's manifest is as printed before" }];
    return [...bot, manifestStep(parts, callbackUrl)];
  },
  verify: askBot,
  async remove() {
    return Promise.resolve([
      { state: "todo", what: "https://api.slack.com/apps: delete the app, or turn Event Subscriptions off" },
    ]);
  },
};

function manifestStep(parts: Pick<SetupParts, "config" | "address">, callbackUrl: string): SetupStep {
  return {
    state: "todo",
    what: "https://api.slack.com/apps: Create New App → From a manifest, or App Manifest of an app that is there; paste, then install it",
    how: "start the host first: Slack tries the address at once",
    paste: JSON.stringify(slackManifest(parts, callbackUrl), null, 2),
  };
}

/** The app as Slack is to make it, for what the channel hears and does. */
function slackManifest({ config, address }: Pick<SetupParts, "config" | "address">, url: string): JsonObject {
  const name = (textIn(config["app_name"]) ?? `${address.channel} (${address.tenant})`).slice(0, MAX_NAME);
  const command = textIn(config["command"]);
  const heard = config["listen"] === "all" ? PLACES.map((place) => `message.${place}`) : [];
  const scopes = ["app_mentions:read", "chat:write", "files:read", "im:history"];
  return {
    display_information: { name },
    features: {
      app_home: { messages_tab_enabled: true, messages_tab_read_only_enabled: false },
      bot_user: { display_name: name, always_online: true },
      ...(command !== undefined && {
        slash_commands: [{ command, url, description: `Talk to ${name}`, should_escape: false }],
      }),
    },
    oauth_config: {
      scopes: {
        bot: [
          ...scopes,
          ...PLACES.map((place) => `${place}:history`),
          ...(command === undefined ? [] : ["commands"]),
        ].sort(),
      },
    },
    settings: {
      event_subscriptions: { request_url: url, bot_events: ["app_mention", ...heard, "message.im"].sort() },
      interactivity: { is_enabled: true, request_url: url },
      org_deploy_enabled: false,
      socket_mode_enabled: false,
      token_rotation_enabled: false,
    },
  };
}

const NEEDED = ["chat:write", "app_mentions:read", "im:history"];

async function askBot({ http, secret, config }: SetupParts): Promise<readonly SetupStep[]> {
  const doing = "Ask Slack whose the token is";
  const token = await secret("slack_bot_token");
  if (token === "") return [];
  const result = await callSlack("auth.test", {}, { http, token: () => Promise.resolve(token) });
  switch (result.kind) {
    case "ok":
      break;
    case "refused":
      return [
        {
          state: "failed",
          what: `${doing}: ${quote(result.error)}`,
          code: "MESSAGING_PLATFORM_UNAUTHENTICATED",
          how: "app settings → Install App: install it again, and set slack_bot_token",
        },
      ];
    case "limited":
    case "busy":
      return [unansweredStep(doing, { kind: "unknown" })];
    default:
      return [unansweredStep(doing, result)];
  }
  const { answer, scopes = [] } = result;
  const team = textIn(answer.team_id);
  const step: SetupStep = {
    state: "ok",
    what: `the token is of ${quote(textIn(answer.user) ?? "?")} in ${quote(textIn(answer.team) ?? "?")} (${team ?? "?"})`,
  };
  const { workspace } = config;
  if (typeof workspace === "string" && workspace !== team && workspace !== textIn(answer.enterprise_id))
    return [
      {
        state: "failed",
        what: `the token is of workspace ${team ?? "?"}, config.workspace says ${quote(workspace)}: its requests are refused`,
        code: "CONFIG_VALUE_INVALID",
        how: "correct config.workspace, or set the other workspace's token",
      },
    ];
  const missing = scopes.length === 0 ? [] : NEEDED.filter((one) => !scopes.includes(one));
  if (missing.length === 0) return [step];
  const what = `the token has no scope ${missing.join(", ")}`;
  const how = "OAuth & Permissions: add them and install the app again";
  return [step, { state: "failed", what, code: "MESSAGING_PLATFORM_REFUSED", how }];
}
