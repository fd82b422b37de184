/** @see https://core.telegram.org/bots/api#setwebhook and #getwebhookinfo */
import type { JsonObject } from "../../../types/index.ts";
import { isJsonObject, quote } from "../../../types/index.ts";
import { textIn } from "../../json-parts.ts";
import type { ProviderSetup, SetupParts, SetupStep } from "../setup.ts";
import { NO_ADDRESS, registeredStep, unansweredStep } from "../setup.ts";
import type { BotApiOptions, BotApiResult } from "./bot-api.ts";
import { callBotApi } from "./bot-api.ts";
import { ALLOWED_UPDATES, registerTelegramWebhook } from "./provider.ts";

/** Whether Telegram posts updates to a channel with these settings; else they are fetched. */
export function isWebhook(config: JsonObject): boolean {
  if (config["mode"] === "polling") return false;
  return config["mode"] === "webhook" || typeof config["public_base_url"] === "string";
}

/** Long enough that another program that polls comes by. */
const POLL_SECONDS = 2;

/** Telegram's side of a channel: `setWebhook`, or none where updates are fetched. */
export const telegramSetup: ProviderSetup = {
  isReached: isWebhook,
  async register(parts) {
    const bot = await askBot(parts);
    if (bot.state === "failed") return [bot];
    const info = await webhookInfo(parts);
    if ("state" in info) return [bot, info];
    return [bot, isWebhook(parts.config) ? await setWebhook(parts, info) : await deleteWebhook(parts, info)];
  },
  async verify(parts) {
    const bot = await askBot(parts);
    if (bot.state === "failed") return [bot];
    const info = await webhookInfo(parts);
    if ("state" in info) return [bot, info];
    return [bot, ...(isWebhook(parts.config) ? judgeWebhook(parts, info) : [await judgePolling(parts, info)])];
  },
  async remove(parts) {
    const info = await webhookInfo(parts);
    return ["state" in info ? info : await deleteWebhook(parts, info)];
  },
};

/** What `getWebhookInfo` tells. */
interface WebhookInfo {
  readonly url: string;
  readonly pending: number;
  readonly updates: readonly string[];
  readonly lastError: string | undefined;
  readonly lastErrorAtMs: number;
}

const apiOf = ({ http, secret }: SetupParts): BotApiOptions => ({ http, token: () => secret("telegram_bot_token") });

async function askBot(parts: SetupParts): Promise<SetupStep> {
  const result = await callBotApi("getMe", {}, apiOf(parts));
  if (result.kind !== "ok") return failedStep("Ask Telegram who the bot is", result);
  const name = isJsonObject(result.result) ? textIn(result.result.username) : undefined;
  const { username } = parts.config;
  if (typeof username === "string" && name !== undefined && username.toLowerCase() !== name.toLowerCase())
    return {
      state: "failed",
      what: `the token is of @${name}, config.username says ${quote(username)}`,
      code: "CONFIG_VALUE_INVALID",
      how: "correct config.username, or set the other bot's token",
    };
  return { state: "ok", what: `the token is of @${name ?? "?"}` };
}

async function webhookInfo(parts: SetupParts): Promise<WebhookInfo | SetupStep> {
  const result = await callBotApi("getWebhookInfo", {}, apiOf(parts));
  if (result.kind !== "ok" || !isJsonObject(result.result))
    return failedStep("Ask Telegram for the bot's webhook", result);
  const { url, pending_update_count: pending, allowed_updates: updates } = result.result;
  const { last_error_message: lastError, last_error_date: atSeconds } = result.result;
  return {
    url: textIn(url) ?? "",
    pending: typeof pending === "number" ? pending : 0,
    updates: Array.isArray(updates) ? updates.filter((one) => typeof one === "string") : [],
    lastError: textIn(lastError),
    lastErrorAtMs: typeof atSeconds === "number" ? atSeconds * 1000 : 0,
  };
}

async function setWebhook(parts: SetupParts, { url, updates, lastError }: WebhookInfo): Promise<SetupStep> {
  const { callbackUrl, isDryRun, isKnown, secret } = parts;
  if (callbackUrl === undefined) return NO_ADDRESS;
  // Telegram shows no secret; one that it doesn't have shows in this host's own refusals.
  const isRefused = lastError?.includes("401") === true;
  const isSame = url === callbackUrl && isKnown && !isRefused;
  if (isSame && ALLOWED_UPDATES.every((one) => updates.includes(one)) && updates.length === ALLOWED_UPDATES.length)
    return { state: "ok", what: `Telegram posts to ${url}` };
  if (!isDryRun) {
    const secretToken = await secret("telegram_secret_token");
    const result = await registerTelegramWebhook({ ...apiOf(parts), url: callbackUrl, secretToken });
    if (result.kind !== "ok") return failedStep(`Register ${callbackUrl} with Telegram`, result);
  }
  return registeredStep(isDryRun, { what: callbackUrl, was: url });
}

async function deleteWebhook(parts: SetupParts, { url }: WebhookInfo): Promise<SetupStep> {
  if (url === "") return { state: "ok", what: "no webhook is registered" };
  if (parts.isDryRun) return { state: "planned", what: `would take the webhook ${url} back` };
  const result = await callBotApi("deleteWebhook", {}, apiOf(parts));
  if (result.kind !== "ok") return failedStep("Take the webhook back", result);
  return { state: "changed", what: `took the webhook ${url} back` };
}

function judgeWebhook({ callbackUrl, world }: SetupParts, info: WebhookInfo): readonly SetupStep[] {
  if (callbackUrl === undefined) return [NO_ADDRESS];
  const again = "gtc setup";
  if (info.url === "")
    return [{ state: "failed", what: "no webhook is registered", code: "MESSAGING_CHANNEL_UNREGISTERED", how: again }];
  if (info.url !== callbackUrl)
    return [
      {
        state: "failed",
        what: `Telegram posts to ${info.url}, this channel is at ${callbackUrl}`,
        code: "MESSAGING_CHANNEL_UNREGISTERED",
        how: again,
      },
    ];
  const waiting = info.pending === 0 ? "" : `; ${info.pending} updates wait`;
  if (info.lastError === undefined || info.pending === 0)
    return [{ state: "ok", what: `Telegram posts to ${info.url}${waiting}` }];
  const minutes = Math.max(0, Math.round((world.nowMs() - info.lastErrorAtMs) / 60_000));
  return [
    {
      state: "failed",
      what: `Telegram can't deliver to ${info.url}: ${quote(info.lastError.slice(0, 200))} ${minutes} min ago${waiting}`,
      code: "MESSAGING_CHANNEL_UNREACHED",
      how: info.lastError.includes("401")
        ? "gtc setup, so that both have one secret"
        : "start the host, and see that its address leads to it",
    },
  ];
}

/** A short poll without an offset confirms nothing; who polls beside it ends it with a 409. */
async function judgePolling(parts: SetupParts, { url, pending }: WebhookInfo): Promise<SetupStep> {
  if (url !== "")
    return {
      state: "failed",
      what: `a webhook keeps updates from being fetched: ${url}`,
      code: "MESSAGING_CHANNEL_UNREGISTERED",
      how: "gtc setup takes it back, and so does a host that starts",
    };
  const timeoutMs = (POLL_SECONDS + 10) * 1000;
  const result = await callBotApi("getUpdates", { timeout: POLL_SECONDS, limit: 1 }, { ...apiOf(parts), timeoutMs });
  const waiting = pending === 0 ? "" : `; ${pending} updates wait`;
  if (result.kind === "rejected" && result.status === 409)
    return { state: "ok", what: `updates are fetched by this host, or by another program with this token${waiting}` };
  if (result.kind !== "ok") return failedStep("Fetch updates", result);
  return { state: "ok", what: `updates can be fetched, and nobody else does${waiting}` };
}

function failedStep(doing: string, result: BotApiResult): SetupStep {
  switch (result.kind) {
    case "rejected": {
      if (result.status === 401 || result.status === 404)
        return {
          state: "failed",
          what: `${doing}: it doesn't take the token`,
          code: "MESSAGING_PLATFORM_UNAUTHENTICATED",
          how: "get a token from @BotFather and set telegram_bot_token",
        };
      const why = result.description === undefined ? `status ${result.status}` : quote(result.description);
      return { state: "failed", what: `${doing}: refused, ${why}`, code: "MESSAGING_PLATFORM_REFUSED" };
    }
    case "limited":
      return {
        state: "failed",
        what: `${doing}: too many calls`,
        code: "MESSAGING_RATE_LIMITED",
        how: "try again later",
      };
    case "ok":
    case "server-error":
      return unansweredStep(doing, { kind: "unknown" });
    default:
      return unansweredStep(doing, result);
  }
}
