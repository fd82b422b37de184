import { Bot, GrammyError, InlineKeyboard, webhookCallback } from "grammy";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Bot as OtherBot } from "node-telegram-bot-api";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sendHttp } from "../../src/http/index.ts";
import type { Provider, ReceivedMessage } from "../../src/messaging/index.ts";
import { createTelegramProvider } from "../../src/messaging/index.ts";
import { channelId, DEFAULT_TEAM, envId, tenantId } from "../../src/types/index.ts";
import { hasPeers, loadPeer } from "../peers/load-peer.ts";
import { plainMessage } from "../stand-ins/any-message.ts";
import type { TelegramStandIn } from "../stand-ins/telegram.ts";
import { openTelegramStandIn } from "../stand-ins/telegram.ts";
import { verifies } from "../verifies.ts";

const TOKEN = "123456:AAE-stand-in_token-0123456789";
let telegram: TelegramStandIn;
beforeEach(async () => {
  telegram = await openTelegramStandIn({ token: TOKEN });
});
afterEach(() => telegram.close());

const bot = (): Bot => new Bot(TOKEN, { client: { apiRoot: telegram.url } });

test("grammY polls, answers and presses against what stands in for Telegram", async () => {
  verifies("channels.peers");
  const grammy = bot();
  const heard: string[] = [];
  grammy.command("start", (ctx) => ctx.reply("Choose", { reply_markup: new InlineKeyboard().text("Rome", "rome") }));
  grammy.on("message:text", (ctx) => void heard.push(`${ctx.from.id} ${ctx.message.text}`));
  grammy.on("callback_query:data", async (ctx) => {
    heard.push(`pressed ${ctx.callbackQuery.data}`);
    await ctx.answerCallbackQuery();
  });
  const running = grammy.start({ timeout: 1 });
  telegram.say("/start");
  telegram.say("hello");
  await telegram.until(() => telegram.sends.length === 1 && telegram.pending().length === 0);
  telegram.press(telegram.sends[0]?.messageId ?? 0, "rome");
  await telegram.until(() => telegram.answered.length === 1);
  await grammy.stop();
  await running;
  expect(heard).toEqual(["42 hello", "pressed rome"]);
  expect(grammy.botInfo.username).toBe("stand_in_bot");
});

test("grammY hears Telegram's refusals as it hears the real ones", async () => {
  verifies("channels.peers");
  const { api } = bot();
  await api.sendMessage(7, "one");
  const refusals: unknown[] = [];
  for (const [chat, text] of [
    [7, "too soon"],
    [8, "x".repeat(4_097)],
    [8, " "],
  ] as const)
    await api.sendMessage(chat, text).catch((error: unknown) => refusals.push(error));
  expect(refusals.every((error) => error instanceof GrammyError)).toBe(true);
  expect(refusals).toMatchObject([
    { error_code: 429, parameters: { retry_after: 1 } },
    { error_code: 400, description: "Bad Request: message is too long" },
    { error_code: 400, description: "Bad Request: message text is empty" },
  ]);
  await expect(
    new Bot("1:AAE-another_token-0123456789", { client: { apiRoot: telegram.url } }).api.getMe(),
  ).rejects.toThrow(GrammyError);
});

test("grammY takes what is delivered to a webhook, and refuses it under another secret", async () => {
  verifies("channels.peers");
  const heard: string[] = [];
  const statuses: number[] = [];
  const grammy = bot();
  grammy.on("message:text", (ctx) => void heard.push(ctx.message.text));
  await grammy.init();
  const handle = webhookCallback(grammy, "http", { secretToken: "right_secret" });
  const server = createServer((incoming, outgoing) => {
    outgoing.once("finish", () => void statuses.push(outgoing.statusCode));
    void handle(incoming, outgoing);
  });
  await new Promise<void>((listening) => void server.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  telegram.say("hello");
  await grammy.api.setWebhook(url, { secret_token: "wrong_secret" });
  await expect.poll(() => statuses.length, { timeout: 5_000 }).toBeGreaterThan(0);
  expect([statuses[0], heard]).toEqual([401, []]);
  await grammy.api.setWebhook(url, { secret_token: "right_secret" });
  await telegram.until(() => telegram.pending().length === 0);
  expect(heard).toEqual(["hello"]);
  await expect(grammy.api.getUpdates()).rejects.toMatchObject({ error_code: 409 });
  await grammy.api.deleteWebhook();
  server.closeAllConnections();
  server.close();
});

test("node-telegram-bot-api reads and writes against it too", async () => {
  verifies("channels.peers");
  const client = new OtherBot(TOKEN, { apiRoot: telegram.url });
  telegram.say("hello");
  const updates = await client.api.getUpdates({ timeout: 0 });
  expect(updates).toMatchObject([{ message: { text: "hello", chat: { id: 42 } } }]);
  await client.api.getUpdates({ offset: (updates[0]?.update_id ?? 0) + 1 });
  expect(telegram.pending()).toEqual([]);
  const sent = await client.api.sendMessage({
    chat_id: 42,
    text: "Choose",
    reply_markup: { inline_keyboard: [[{ text: "Rome", callback_data: "rome" }]] },
  });
  expect(telegram.sends).toMatchObject([
    {
      messageId: sent.message_id,
      chatId: "42",
      text: "Choose",
      replyMarkup: { inline_keyboard: [[{ text: "Rome" }]] },
    },
  ]);
});

/** What this test uses of `telegram-test-api`, which has types of its own for another module system. */
type TestApi = new (config: { readonly port: number }) => {
  readonly config: { readonly apiURL: string };
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<boolean>;
  readonly getClient: (token: string) => TestClient;
};
interface TestClient {
  readonly makeMessage: (text: string) => unknown;
  readonly makeCallbackQuery: (data: string) => unknown;
  readonly sendMessage: (message: unknown) => Promise<unknown>;
  readonly sendCallback: (callback: unknown) => Promise<unknown>;
  readonly getUpdates: () => Promise<{
    readonly result: readonly { readonly message: { readonly text: string; readonly reply_markup?: unknown } }[];
  }>;
}

test.skipIf(!hasPeers)(
  "our poller and sender speak with telegram-test-api",
  async () => {
    verifies("channels.peers");
    const TelegramServer = loadPeer("telegram-test-api") as TestApi;
    const port = await freePort();
    const server = new TelegramServer({ port });
    await server.start();
    const rewrites = [{ from: new URL("https://api.telegram.org"), to: new URL(server.config.apiURL) }];
    const provider: Provider = createTelegramProvider({
      address: { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId("telegram") },
      token: () => TOKEN,
      http: (request, options) => sendHttp(request, { ...options, rewrites }),
      mode: "polling",
      world: {
        nowMs: () => Date.now(),
        schedule: (delayMs, task) => {
          const timer = setTimeout(task, Math.min(delayMs, 20));
          return () => clearTimeout(timer);
        },
      },
    });
    const client = server.getClient(TOKEN);
    const heard: ReceivedMessage[] = [];
    const stop = new AbortController();
    const polling = provider.poll?.(async (message) => void heard.push(message), stop.signal);
    await client.sendMessage(client.makeMessage("hello"));
    await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(1);
    const [payload = null] = provider.project(
      plainMessage({ text: "Which city?", extensions: { suggested_actions: [{ title: "Rome", value: "rome" }] } }),
    );
    const signal = stop.signal;
    const conversation = heard[0]?.conversation ?? "";
    expect(await provider.send?.(payload, { idempotencyKey: "k", conversation, signal })).toMatchObject({
      kind: "sent",
    });
    const { result } = await client.getUpdates();
    expect(result).toMatchObject([
      {
        message: {
          text: "Which city?",
          reply_markup: { inline_keyboard: [[{ text: "Rome", callback_data: "rome" }]] },
        },
      },
    ]);
    await client.sendCallback(client.makeCallbackQuery("rome"));
    await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(2);
    expect(heard.map(({ envelope }) => envelope.text)).toEqual(["hello", "rome"]);
    stop.abort();
    await polling;
    await server.stop();
  },
  40_000,
);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => void server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}
