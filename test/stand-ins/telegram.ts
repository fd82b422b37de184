/**
 * Telegram's Bot API on loopback, for one bot: getMe, getUpdates with long polling and confirmation by offset, setWebhook,
 * getWebhookInfo and deleteWebhook with delivery and redelivery, sendMessage with Telegram's limits, answerCallbackQuery. It checks what Telegram
 * checks and records every send.
 */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, request as httpRequest, STATUS_CODES } from "node:http";
import type { AddressInfo } from "node:net";
import type { JsonObject, JsonValue } from "../../src/types/index.ts";

/** A message that reached a chat. */
interface TelegramSend {
  readonly messageId: number;
  readonly chatId: string;
  readonly text: string;
  readonly replyMarkup: JsonValue | undefined;
  readonly body: JsonObject;
}

/** What happens to the next calls of sendMessage: answered so, or broken off before or after the message was delivered. */
type TelegramFault = "429" | "500" | "blocked" | "unauthorized" | "reset-before" | "reset-after" | "hang";

export interface TelegramStandIn {
  /** `http://127.0.0.1:port`, the target of a rewrite of https://api.telegram.org. */
  readonly url: string;
  readonly sends: TelegramSend[];
  /** What `sendChatAction` asked for. */
  readonly actions: readonly JsonObject[];
  /** Ids of callback queries that were answered. */
  readonly answered: string[];
  /** How often a send came too early. */
  readonly limited: () => number;
  /** Updates that Telegram would still deliver. */
  readonly pending: () => readonly number[];
  /** Faults for the next sends, in order. */
  readonly faults: TelegramFault[];
  /** A person's text in a private chat; a group's where `chat` is negative. */
  readonly say: (
    text: string,
    options?: { readonly chat?: number; readonly user?: number; readonly language?: string },
  ) => number;
  /** A press on a button that was sent. */
  readonly press: (messageId: number, data: string) => number;
  /** Any update; its id is added. */
  readonly push: (update: JsonObject) => number;
  /** The webhook as it stands. */
  readonly webhook: () => TelegramWebhook | undefined;
  /** How often setWebhook and deleteWebhook were called. */
  readonly registrations: () => number;
  /** Resolves once a condition holds; asked after every change. */
  readonly until: (isDone: () => boolean) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** A webhook as it was registered. */
interface TelegramWebhook {
  readonly url: string;
  readonly secret: string;
  readonly allowed: readonly string[];
}

interface Options {
  readonly token: string;
  /** Default the machine's clock. */
  readonly nowMs?: () => number;
  /** Default true: one a second for a chat, 20 a minute for a group, 30 a second in all. */
  readonly isPaced?: boolean;
  /** How long a delivered message's answer takes, as the real one's does. Default at once. */
  readonly answerAfterMs?: number;
  /** How long it waits before it delivers to the webhook again. Default 20. */
  readonly redeliveryMs?: number;
}

export async function openTelegramStandIn(options: Options): Promise<TelegramStandIn> {
  const telegram = new Telegram(options);
  const server = createServer((incoming, outgoing) => void telegram.handle(incoming, outgoing));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    sends: telegram.sends,
    actions: telegram.actions,
    answered: telegram.answered,
    limited: () => telegram.limited,
    faults: telegram.faults,
    pending: () => telegram.updates.map(({ update_id: id }) => id as number),
    say: (text, { chat = 42, user = 42, language = "en" } = {}) =>
      telegram.push({
        message: {
          message_id: ++telegram.lastMessage,
          date: 1,
          chat: { id: chat, type: chat < 0 ? "group" : "private" },
          from: { id: user, is_bot: false, first_name: "Ada", language_code: language },
          text,
          ...(text.startsWith("/")
            ? { entities: [{ type: "bot_command", offset: 0, length: text.split(/\s/)[0]?.length ?? 0 }] }
            : {}),
        },
      }),
    press: (messageId, data) => {
      const sent = telegram.sends.find((send) => send.messageId === messageId);
      const chat = Number(sent?.chatId ?? 42);
      return telegram.push({
        callback_query: {
          id: `cb-${++telegram.lastMessage}`,
          from: { id: Math.abs(chat), is_bot: false, language_code: "en" },
          message: {
            message_id: messageId,
            date: 1,
            chat: { id: chat, type: "private" },
            from: { id: 1, is_bot: true },
            text: sent?.text ?? "",
            ...(sent?.replyMarkup === undefined ? {} : { reply_markup: sent.replyMarkup }),
          },
          data,
        },
      });
    },
    push: (update) => telegram.push(update),
    webhook: () => telegram.webhook,
    registrations: () => telegram.registrations,
    until: (isDone) => telegram.until(isDone),
    close: async () => {
      telegram.close();
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

class Telegram {
  readonly sends: TelegramSend[] = [];
  readonly actions: JsonObject[] = [];
  limited = 0;
  readonly answered: string[] = [];
  readonly faults: TelegramFault[] = [];
  updates: JsonObject[] = [];
  lastMessage = 100;
  readonly #options: Options;
  readonly #waiting = new Set<() => void>();
  readonly #sentAt = new Map<string, number[]>();
  #lastUpdate = 1000;
  webhook: TelegramWebhook | undefined;
  registrations = 0;
  #lastError: { readonly message: string; readonly atMs: number } | undefined;
  #poller: (() => void) | undefined;
  #isDelivering = false;
  #isClosed = false;

  constructor(options: Options) {
    this.#options = options;
  }

  push(update: JsonObject): number {
    const id = ++this.#lastUpdate;
    this.updates.push({ update_id: id, ...update });
    this.#changed();
    void this.#deliver();
    return id;
  }

  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) await this.#change();
  }

  close(): void {
    this.#isClosed = true;
    this.#changed();
  }

  async handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const [, token, method = ""] = /^\/bot([^/]+)\/(\w+)/.exec(incoming.url ?? "") ?? [];
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const body = parametersOf(incoming, text);
    if (token !== this.#options.token) {
      answer(outgoing, 401, "Unauthorized");
      return;
    }
    switch (method) {
      case "getMe":
        ok(outgoing, {
          id: Number(token.split(":")[0]),
          is_bot: true,
          first_name: "Stand-in",
          username: "stand_in_bot",
          can_join_groups: true,
          can_read_all_group_messages: false,
          supports_inline_queries: false,
        });
        break;
      case "getUpdates":
        await this.#getUpdates(body, outgoing);
        break;
      case "setWebhook":
        this.#setWebhook(body, outgoing);
        break;
      case "getWebhookInfo":
        ok(outgoing, this.#info());
        break;
      case "deleteWebhook":
        this.registrations++;
        this.webhook = undefined;
        ok(outgoing, true);
        break;
      case "sendChatAction":
        if (this.faults[0] === "429") {
          this.faults.shift();
          tooMany(outgoing, 1);
          break;
        }
        this.actions.push(body);
        ok(outgoing, true);
        this.#changed();
        break;
      case "answerCallbackQuery":
        this.answered.push(textOf(body.callback_query_id));
        ok(outgoing, true);
        this.#changed();
        break;
      case "sendMessage":
        this.#send(body, outgoing);
        break;
      default:
        answer(outgoing, 404, "Not Found: method not found");
    }
  }

  #setWebhook(body: JsonObject, outgoing: ServerResponse): void {
    const { url, secret_token: secret, allowed_updates: allowed } = body;
    const target = URL.parse(textOf(url));
    // The real one takes https alone; loopback is this stand-in's own.
    if (textOf(url) !== "" && target?.protocol !== "https:" && target?.hostname !== "127.0.0.1")
      return answer(outgoing, 400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook");
    if (secret !== undefined && !/^[\w-]{1,256}$/.test(textOf(secret)))
      return answer(outgoing, 400, "Bad Request: secret token contains unallowed characters");
    this.registrations++;
    this.#lastError = undefined;
    const list = Array.isArray(allowed) ? (allowed as readonly string[]) : [];
    this.webhook = target === null ? undefined : { url: textOf(url), secret: textOf(secret), allowed: list };
    ok(outgoing, true);
    void this.#deliver();
  }

  #info(): JsonObject {
    const { webhook } = this;
    const error = this.#lastError;
    return {
      url: webhook?.url ?? "",
      has_custom_certificate: false,
      pending_update_count: this.updates.length,
      ...(webhook && { max_connections: 40, ip_address: "203.0.113.7", allowed_updates: webhook.allowed }),
      ...(error && { last_error_date: Math.floor(error.atMs / 1000), last_error_message: error.message }),
    };
  }

  async #getUpdates(body: JsonObject, outgoing: ServerResponse): Promise<void> {
    if (this.webhook !== undefined) {
      answer(outgoing, 409, "Conflict: can't use getUpdates method while webhook is active");
      return;
    }
    const { offset, timeout } = body;
    if (typeof offset === "number") {
      this.updates = this.updates.filter(({ update_id: id }) => (id as number) >= offset);
      this.#changed();
    }
    outgoing.once("close", () => this.#changed());
    // Who comes later takes the earlier one's place.
    this.#poller?.();
    this.#poller = () => {
      answer(
        outgoing,
        409,
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
      );
      this.#changed();
    };
    const own = this.#poller;
    const until = Date.now() + (typeof timeout === "number" ? timeout : 0) * 1000;
    const timer = setTimeout(() => this.#changed(), until - Date.now());
    while (
      this.updates.length === 0 &&
      Date.now() < until &&
      !this.#isClosed &&
      !outgoing.closed &&
      !outgoing.headersSent
    )
      await this.#change();
    clearTimeout(timer);
    if (this.#poller === own) this.#poller = undefined;
    if (!outgoing.closed && !outgoing.headersSent) ok(outgoing, this.updates.slice(0, 100));
  }

  #send(body: JsonObject, outgoing: ServerResponse): void {
    const fault = this.faults.shift();
    if (fault === "reset-before") outgoing.destroy();
    if (fault === "500") answer(outgoing, 500, "Internal Server Error");
    if (fault === "blocked") answer(outgoing, 403, "Forbidden: bot was blocked by the user");
    if (fault === "unauthorized") answer(outgoing, 401, "Unauthorized");
    if (fault === "429") tooMany(outgoing, 3);
    if (fault !== undefined && fault !== "reset-after" && fault !== "hang") return;
    const problem = problemOf(body);
    if (problem !== undefined) {
      answer(outgoing, 400, `Bad Request: ${problem}`);
      return;
    }
    const chatId = textOf(body.chat_id);
    const waitSeconds = this.#options.isPaced === false ? 0 : this.#wait(chatId);
    if (waitSeconds > 0) {
      this.limited++;
      tooMany(outgoing, waitSeconds);
      return;
    }
    const messageId = ++this.lastMessage;
    this.sends.push({ messageId, chatId, text: body.text as string, replyMarkup: body.reply_markup, body });
    if (fault === "reset-after") outgoing.destroy();
    else if (fault === undefined) {
      const tell = (): void =>
        ok(outgoing, { message_id: messageId, chat: { id: Number(chatId) }, text: body.text ?? "" });
      if (this.#options.answerAfterMs === undefined) tell();
      else setTimeout(tell, this.#options.answerAfterMs);
    }
    this.#changed();
  }

  /** Seconds until a send to a chat is allowed; counts the send where it is. */
  #wait(chatId: string): number {
    const nowMs = this.#options.nowMs?.() ?? Date.now();
    const rules: readonly [string, number, number][] = [
      ["", 30, 1000],
      [chatId, 1, 1000],
      ...(chatId.startsWith("-") ? ([[`group ${chatId}`, 20, 60_000]] as [string, number, number][]) : []),
    ];
    for (const [name, count, windowMs] of rules) {
      const recent = (this.#sentAt.get(name) ?? []).filter((atMs) => atMs > nowMs - windowMs);
      if (recent.length >= count) return Math.ceil(((recent[0] ?? nowMs) + windowMs - nowMs) / 1000);
      this.#sentAt.set(name, recent);
    }
    for (const [name] of rules) this.#sentAt.get(name)?.push(nowMs);
    return 0;
  }

  /** Delivers to the webhook one by one; an update stays until it got a 2xx. */
  async #deliver(): Promise<void> {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    for (let update = this.updates[0]; update !== undefined && this.webhook !== undefined; update = this.updates[0]) {
      const status = await postUpdate(this.webhook, update);
      if (status >= 200 && status < 300) {
        this.updates.shift();
        this.#changed();
      } else {
        const message =
          status === 0
            ? "Connection refused"
            : `Wrong response from the webhook: ${status} ${STATUS_CODES[status] ?? ""}`;
        this.#lastError = { message, atMs: this.#options.nowMs?.() ?? Date.now() };
        if (this.#isClosed) break;
        await new Promise((resolve) => setTimeout(resolve, this.#options.redeliveryMs ?? 20));
      }
    }
    this.#isDelivering = false;
  }

  #changed(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }
}

function problemOf({ chat_id: chat, text, parse_mode: mode, reply_markup: markup }: JsonObject): string | undefined {
  if (!/^-?\d+$/.test(textOf(chat))) return "chat not found";
  if (typeof text !== "string" || text.trim() === "") return "message text is empty";
  if (text.length > 4096) return "message is too long";
  if (mode !== undefined) return "can't parse entities";
  const rows = (markup as { inline_keyboard?: readonly (readonly JsonObject[])[] } | undefined)?.inline_keyboard ?? [];
  const buttons = rows.flat();
  if (buttons.length > 100) return "reply markup is too long";
  for (const { text: title, url, callback_data: data } of buttons) {
    if (typeof title !== "string" || title.trim() === "") return "text of button is empty";
    if (typeof data === "string" && (data === "" || Buffer.byteLength(data) > 64)) return "BUTTON_DATA_INVALID";
    if (data === undefined && (typeof url !== "string" || URL.parse(url) === null)) return "BUTTON_URL_INVALID";
  }
  return undefined;
}

/** A method's parameters in any of the forms that Telegram takes: JSON, a form, or the URL's query; objects in forms are JSON. */
function parametersOf({ url = "", headers }: IncomingMessage, text: string): JsonObject {
  if (headers["content-type"]?.startsWith("application/json") === true)
    return text === "" ? {} : (JSON.parse(text) as JsonObject);
  const fields = new URLSearchParams(text === "" ? url.slice(url.indexOf("?") + 1 || url.length) : text);
  const read = (value: string): JsonValue =>
    /^(?:[{[]|true$|false$|-?\d+$)/.test(value) ? (JSON.parse(value) as JsonValue) : value;
  return Object.fromEntries([...fields].map(([name, value]) => [name, name === "text" ? value : read(value)]));
}

const textOf = (value: JsonValue | undefined): string =>
  typeof value === "string" || typeof value === "number" ? String(value) : "";

function postUpdate(webhook: { readonly url: string; readonly secret: string }, update: JsonObject): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const headers = { "content-type": "application/json", "x-telegram-bot-api-secret-token": webhook.secret };
  // Nothing of a test leaves the machine: an https address can't be reached from here.
  if (!webhook.url.startsWith("http:")) return Promise.resolve(0);
  const sent = httpRequest(webhook.url, { method: "POST", headers, agent: false }, (response) => {
    response.resume();
    response.on("end", () => resolve(response.statusCode ?? 500));
  });
  sent.on("error", () => resolve(0));
  sent.end(JSON.stringify(update));
  return promise;
}

function ok(outgoing: ServerResponse, result: JsonValue): void {
  outgoing.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ ok: true, result }));
}

function answer(outgoing: ServerResponse, status: number, description: string): void {
  outgoing
    .writeHead(status, { "content-type": "application/json" })
    .end(JSON.stringify({ ok: false, error_code: status, description }));
}

function tooMany(outgoing: ServerResponse, seconds: number): void {
  outgoing.writeHead(429, { "content-type": "application/json", "retry-after": String(seconds) }).end(
    JSON.stringify({
      ok: false,
      error_code: 429,
      description: `Too Many Requests: retry after ${seconds}`,
      parameters: { retry_after: seconds },
    }),
  );
}
