import type { SendResult } from "../../../session/index.ts";
import type { World } from "../../../types/index.ts";
import { isJsonObject, parseJson, toGreenticError } from "../../../types/index.ts";
import type { ChannelAddress, Provider, Received, WebhookRequest } from "../../provider.ts";
import { openSent } from "../../files/outgoing.ts";
import type { OpenHttp, SendHttp } from "../entry.ts";
import { withFiles } from "../entry.ts";
import { isOneOf } from "../webhook/standard-webhooks.ts";
import type { BotApiOptions, BotApiResult } from "./bot-api.ts";
import { botIdOf, callBotApi } from "./bot-api.ts";
import { fetchTelegramFile, isTelegramFile, sendTelegramFile } from "./files.ts";
import { TelegramPace, telegramRates } from "./limits.ts";
import { normaliseUpdate } from "./normalise.ts";
import { pause } from "../../pause.ts";
import { pollTelegram } from "./poll.ts";
import { projectTelegram } from "./project.ts";

/** What a Telegram channel needs. */
export interface TelegramOptions {
  readonly address: ChannelAddress;
  /** The bot's token, asked for at each call so that it can be rotated. */
  readonly token: () => string | Promise<string>;
  /** What `X-Telegram-Bot-Api-Secret-Token` must be; two values while one is rotated. Webhook mode refuses everything without one. */
  readonly secretToken?: () => readonly string[] | Promise<readonly string[]>;
  readonly http: SendHttp;
  /** For files; without it they stay ids. */
  readonly openHttp?: OpenHttp;
  readonly mode: "webhook" | "polling";
  readonly world: Pick<World, "nowMs" | "schedule">;
  /** The bot's user name without `@`. */
  readonly username?: string;
}

// Telegram redelivers for about 24 hours; channels.md asks for twice that.
const DEDUPE_TTL_MS = 48 * 3_600_000;
const UNREACHABLE_DELAY_MS = 2_000;
const NO_TOKEN_DELAY_MS = 30_000;
// Longer than the bot's and a chat's windows, shorter than a group's.
const MAX_PACE_WAIT_MS = 2_000;
/** What Telegram sends; other kinds of update aren't handled. */
export const ALLOWED_UPDATES = ["message", "callback_query"] as const;
const SECRET_HEADER = "x-telegram-bot-api-secret-token";

/** The Telegram channel of one bot: webhook or long polling in, `sendMessage` out. */
export function createTelegramProvider(options: TelegramOptions): Provider {
  const { address, world } = options;
  const api: BotApiOptions = { http: options.http, token: options.token };
  const pace = new TelegramPace();
  const answerCallback = async (id: string): Promise<void> => {
    // Cosmetic: it stops the button's spinner. Its failure changes nothing.
    await callBotApi("answerCallbackQuery", { callback_query_id: id }, { ...api, timeoutMs: 5_000 });
  };
  const identity = async (): Promise<{ address: ChannelAddress; botId: string; username: string | undefined }> => ({
    address,
    botId: botIdOf(await options.token()),
    username: options.username,
  });
  return {
    type: "telegram",
    address,
    delivery: { kind: "send", sinkClass: "C" },
    dedupeTtlMs: DEDUPE_TTL_MS,
    ...(options.mode === "webhook"
      ? {
          receive: async (request: WebhookRequest): Promise<Received> => {
            if (!isAuthentic(request, (await options.secretToken?.()) ?? []))
              return { kind: "refused", reason: "secret token" };
            const { message, callbackId } = normaliseUpdate(parseJson(request.body), await identity());
            if (callbackId !== undefined) answerCallback(callbackId).catch(() => undefined);
            return { kind: "messages", messages: message === undefined ? [] : [message] };
          },
        }
      : {
          poll: async (accept, signal): Promise<void> => {
            // A host may start before its operator has set the token; fetching begins once it is there.
            let known = await identity().catch(() => undefined);
            while (known === undefined && !signal.aborted) {
              await pause(NO_TOKEN_DELAY_MS, { world, signal });
              known = await identity().catch(() => undefined);
            }
            if (known !== undefined)
              await pollTelegram({ api, identity: known, accept, answerCallback, signal, world });
          },
        }),
    ...withFiles(options.openHttp, (openHttp) => ({
      isFile: isTelegramFile,
      fetchFile: (request) => fetchTelegramFile(request, { api, openHttp }),
    })),
    project: projectTelegram,
    showTyping: async ({ conversation, signal }) => {
      const chat = chatOf(conversation);
      if (pace.readyAtMs(chat, world.nowMs()) > world.nowMs()) return;
      const body = { action: "typing", ...targetOf(conversation) };
      const result = await callBotApi("sendChatAction", body, { ...api, timeoutMs: 5_000, signal });
      const nowMs = world.nowMs();
      if (result.kind === "limited") pace.pause(chat, nowMs + result.retryAfterMs, nowMs);
    },
    readyAtMs: (conversation) => pace.readyAtMs(chatOf(conversation), world.nowMs()),
    sendRates: (conversation) => telegramRates(chatOf(conversation)),
    send: async (payload, { conversation, signal, openFile }) => {
      if (!isJsonObject(payload)) return { kind: "failed", error: "MESSAGING_PAYLOAD_INVALID" };
      const opened = await openSent(payload, { openFile, nowMs: world.nowMs() });
      if (opened.kind === "failed" || opened.kind === "retry") return opened;
      const chat = chatOf(conversation);
      const readyAtMs = await awaitTurn(chat, { pace, world, signal });
      if (readyAtMs !== undefined) return { kind: "retry", error: "MESSAGING_RATE_LIMITED", notBeforeMs: readyAtMs };
      let result: BotApiResult;
      try {
        const target = targetOf(conversation);
        result =
          opened.kind === "file"
            ? await sendTelegramFile(target, opened.upload, { ...api, signal })
            : await callBotApi("sendMessage", { ...payload, ...target }, { ...api, signal });
      } catch (error) {
        // The token can't be had or has the wrong form: nothing was sent, and an operator can mend it.
        const { code } = toGreenticError(error, "MESSAGING_CREDENTIAL_INVALID", "Read Telegram token");
        return { kind: "retry", error: code, notBeforeMs: world.nowMs() + NO_TOKEN_DELAY_MS };
      }
      if (result.kind === "limited") {
        const afterMs = world.nowMs();
        pace.pause(chat, afterMs + result.retryAfterMs, afterMs);
      }
      return sendResultOf(result, world.nowMs());
    },
  };
}

/** Tells Telegram where to post updates. Other kinds of update than those handled are not even sent. */
export async function registerTelegramWebhook(
  options: BotApiOptions & { readonly url: string; readonly secretToken: string },
): Promise<BotApiResult> {
  const body = {
    url: options.url,
    secret_token: options.secretToken,
    allowed_updates: ALLOWED_UPDATES,
    max_connections: 40,
  };
  return callBotApi("setWebhook", body, options);
}

function isAuthentic(request: WebhookRequest, secrets: readonly string[]): boolean {
  const given = request.headers[SECRET_HEADER];
  // A missing header and a missing secret are compared against something too, so that time tells nothing.
  const isKnown = isOneOf(typeof given === "string" ? given : "", secrets.length === 0 ? [""] : secrets);
  return isKnown && typeof given === "string" && given !== "";
}

/** Whom a conversation's sends go to: `chat` or `chat/topic`; numbers, as Telegram's own ids are. */
function targetOf(conversation: string): { readonly chat_id: number; readonly message_thread_id?: number } {
  const [chat, topic] = conversation.split("/");
  return { chat_id: Number(chat), ...(topic === undefined ? {} : { message_thread_id: Number(topic) }) };
}

const chatOf = (conversation: string): string => conversation.split("/", 1)[0] ?? "";

/** Waits for a short turn of a chat or the bot and counts it at once, whoever else waits; gives back when to come again where that is long. */
async function awaitTurn(
  chat: string,
  {
    pace,
    world,
    signal,
  }: { readonly pace: TelegramPace; readonly world: TelegramOptions["world"]; readonly signal: AbortSignal },
): Promise<number | undefined> {
  const giveUpMs = world.nowMs() + MAX_PACE_WAIT_MS;
  for (;;) {
    const nowMs = world.nowMs();
    const readyAtMs = pace.readyAtMs(chat, nowMs);
    if (readyAtMs <= nowMs) {
      pace.add(chat, nowMs);
      return undefined;
    }
    if (readyAtMs > giveUpMs || signal.aborted) return readyAtMs;
    await pause(readyAtMs - nowMs, { world, signal });
  }
}

function sendResultOf(result: BotApiResult, nowMs: number): SendResult {
  switch (result.kind) {
    case "ok": {
      const id = isJsonObject(result.result) ? result.result.message_id : undefined;
      return typeof id === "number" ? { kind: "sent", receipt: String(id) } : { kind: "sent" };
    }
    case "limited":
      return { kind: "retry", error: "MESSAGING_RATE_LIMITED", notBeforeMs: nowMs + result.retryAfterMs };
    case "server-error":
    case "unreachable":
      return { kind: "retry", error: "MESSAGING_PLATFORM_UNAVAILABLE", notBeforeMs: nowMs + UNREACHABLE_DELAY_MS };
    case "rejected":
      return {
        kind: "failed",
        error:
          result.status === 401 || result.status === 404
            ? "MESSAGING_PLATFORM_UNAUTHENTICATED"
            : "MESSAGING_PLATFORM_REFUSED",
      };
    case "denied":
      return { kind: "failed", error: result.code };
    case "unknown":
      break;
  }
  return { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" };
}
