import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createEchoRuntime } from "../../../../test/stand-ins/echo-runtime.ts";
import type { TelegramStandIn } from "../../../../test/stand-ins/telegram.ts";
import { openTelegramStandIn } from "../../../../test/stand-ins/telegram.ts";
import { createTestWorld } from "../../../../test/stand-ins/test-world.ts";
import { verifies } from "../../../../test/verifies.ts";
import { sendHttp } from "../../../http/index.ts";
import type { ChannelMessageEnvelope, JsonValue, World } from "../../../types/index.ts";
import { channelId, DEFAULT_TEAM, envId, GreenticError, tenantId } from "../../../types/index.ts";
import type { Provider, ReceivedMessage, WebhookRequest } from "../../index.ts";
import { applyChoice, choiceToken, createTelegramProvider, findChoice, longChoices } from "../../index.ts";
import type { SendHttp } from "../entry.ts";
import { botIdOf } from "./bot-api.ts";
import { normaliseUpdate } from "./normalise.ts";

const TOKEN = "987654:AAF_stand-in-token-0123456789";
const address = {
  env: envId("test"),
  tenant: tenantId("acme"),
  team: DEFAULT_TEAM,
  channel: channelId("telegram"),
};
const realWorld: World = {
  ...createTestWorld(),
  nowMs: () => Date.now(),
  schedule: (delayMs, task) => {
    const timer = setTimeout(task, Math.min(delayMs, 5));
    return () => clearTimeout(timer);
  },
};

let telegram: TelegramStandIn;
beforeEach(async () => {
  telegram = await openTelegramStandIn({ token: TOKEN, isPaced: false });
});
afterEach(() => telegram.close());

const http: SendHttp = (request, options) =>
  sendHttp(request, {
    ...options,
    rewrites: [{ from: new URL("https://api.telegram.org"), to: new URL(telegram.url) }],
  });
const provider = (
  mode: "polling" | "webhook",
  extra: { world?: World; http?: SendHttp; token?: () => string } = {},
): Provider => createTelegramProvider({ address, token: () => TOKEN, http, mode, world: realWorld, ...extra });
const message = (extra: Partial<ChannelMessageEnvelope>): ChannelMessageEnvelope => ({
  id: "m",
  tenant: { env: "test", tenant: "acme" },
  channel: "telegram",
  session_id: "42",
  attachments: [],
  metadata: {},
  ...extra,
});
const send = (by: Provider, payload: JsonValue | undefined, conversation = "42") =>
  by.send?.(payload ?? null, { idempotencyKey: "k", conversation, signal: new AbortController().signal });

describe("createTelegramProvider() polling", () => {
  /** Polls into a sink until the stand-in has nothing left, then stops. */
  async function pollUntil(isDone: () => boolean, accept: (message: ReceivedMessage) => Promise<void>): Promise<void> {
    const stop = new AbortController();
    const polling = provider("polling").poll?.(accept, stop.signal);
    await telegram.until(isDone);
    stop.abort();
    await polling;
  }

  test("accepts every update once, in order, and confirms it after that", async () => {
    verifies("channels.telegram");
    const world = createTestWorld();
    const channel = provider("polling");
    const runtime = createEchoRuntime([channel], { world });
    for (let i = 0; i < 10; i++) telegram.say(`text ${i}`);
    await pollUntil(
      () => telegram.pending().length === 0,
      async (received) => void (await runtime.accept(channel, received)),
    );
    expect(runtime.accepted.map(({ envelope }) => envelope.text)).toEqual(
      Array.from({ length: 10 }, (_, i) => `text ${i}`),
    );
  });

  test("neither loses nor doubles messages over restarts and failures of the store", async () => {
    const world = createTestWorld();
    const channel = provider("polling");
    const runtime = createEchoRuntime([channel], { world });
    let calls = 0;
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 5; i++) telegram.say(`${round}.${i}`);
      let acceptedNow = 0;
      await pollUntil(
        () => acceptedNow >= 3 || telegram.pending().length === 0,
        async (received) => {
          // Each third attempt finds the store down; the process stops in the middle of a batch.
          if (++calls % 3 === 0) throw new GreenticError("STORE_UNAVAILABLE", "Accept message: store is down");
          await runtime.accept(channel, received);
          if (++acceptedNow === 3) telegram.push({ edited_message: {} });
        },
      );
    }
    await pollUntil(
      () => telegram.pending().length === 0,
      async (received) => void (await runtime.accept(channel, received)),
    );
    const texts = runtime.accepted.map(({ envelope }) => envelope.text);
    expect(texts).toEqual(Array.from({ length: 20 }, (_, i) => `${Math.floor(i / 5)}.${i % 5}`));
  });

  test("waits for a token that is set after the start", async () => {
    let asked = 0;
    const late = provider("polling", { token: () => (++asked < 3 ? "" : TOKEN) });
    telegram.say("hello");
    const stop = new AbortController();
    const got: (string | undefined)[] = [];
    const polling = late.poll?.(async ({ envelope }) => {
      await Promise.resolve();
      got.push(envelope.text);
    }, stop.signal);
    await telegram.until(() => telegram.pending().length === 0);
    stop.abort();
    await polling;
    expect(got).toEqual(["hello"]);
  });

  test("answers presses and passes what can never be accepted", async () => {
    const by = provider("polling");
    await send(
      by,
      by.project(message({ text: "Which?", extensions: { suggested_actions: [{ title: "Yes", value: "yes" }] } }))[0],
    );
    telegram.push({ message: { message_id: 1, chat: { id: 1 }, from: { id: 666 }, text: "poison" } });
    telegram.press(telegram.sends[0]?.messageId ?? 0, "yes");
    const got: ReceivedMessage[] = [];
    await pollUntil(
      () => telegram.answered.length === 1 && telegram.pending().length === 0,
      async (received) => {
        if (received.user === "666") throw new GreenticError("TYPES_KEY_INVALID", "Read user: bad");
        got.push(received);
        await Promise.resolve();
      },
    );
    expect(got).toMatchObject([{ envelope: { text: "yes", metadata: { callback_data: "yes", choice_title: "Yes" } } }]);
  });
});

describe("createTelegramProvider() receiving", () => {
  const identity = { address, botId: "987654", username: "weather_bot" };
  const from = { id: 7, is_bot: false, language_code: "pt-BR", first_name: "Ada" };
  const chat = { id: -100, type: "supergroup" };
  const of = (extra: object): ReceivedMessage | undefined =>
    normaliseUpdate({ update_id: 5, message: { message_id: 9, chat, from, ...extra } }, identity).message;

  test("takes the bot's name off a command and moves its entities along", () => {
    const received = of({
      text: "/weather@Weather_Bot Berlin @ada",
      entities: [
        { type: "bot_command", offset: 0, length: 20 },
        { type: "mention", offset: 28, length: 4 },
      ],
    });
    expect(received).toMatchObject({
      dedupeKey: "tg:987654:5",
      conversation: "-100",
      user: "7",
      locale: "pt-BR",
      envelope: {
        text: "/weather Berlin @ada",
        from: { id: "7", kind: "user", name: "Ada" },
        to: [{ id: "-100", kind: "chat" }],
        metadata: { command: "/weather", chat_id: "-100", locale: "pt-BR" },
        extensions: {
          entities: [
            { type: "bot_command", offset: 0, length: 8 },
            { type: "mention", offset: 16, length: 4 },
          ],
        },
      },
    });
  });

  test.each<[string, JsonValue]>([
    [
      "commands for other bots",
      { message: { chat, from, text: "/x@other_bot", entities: [{ type: "bot_command", offset: 0, length: 12 }] } },
    ],
    ["edits", { edited_message: { chat, from, text: "x" } }],
    ["bots, ourselves among them", { message: { chat, from: { id: 987654, is_bot: true }, text: "x" } }],
    ["service messages", { message: { chat, from, new_chat_members: [] } }],
    ["updates without a chat", { message: { from, text: "x" } }],
    ["what is no update", [1, 2]],
    ["presses of nobody", { callback_query: { id: "c", data: "x" } }],
  ])("ignores %s", (_, update) => {
    const whole = Array.isArray(update) ? update : { update_id: 1, ...(update as object) };
    expect(normaliseUpdate(whole as JsonValue, identity).message).toBeUndefined();
  });

  test("keeps a forum's topics apart and files by their id", () => {
    const received = of({
      is_topic_message: true,
      message_thread_id: 3,
      caption: "look",
      photo: [{ file_id: "s" }, { file_id: "l", file_size: 9 }],
    });
    expect(received?.conversation).toBe("-100/3");
    expect(received?.envelope).toMatchObject({
      text: "look",
      attachments: [{ mime_type: "image/jpeg", content: { file_id: "l" }, size_bytes: 9 }],
    });
  });

  test("brings a pressed card's fields back, the long ones through the choices that were offered", () => {
    const long = JSON.stringify({ city: "Berlin", why: "x".repeat(80) });
    const asked = message({
      extensions: {
        suggested_actions: [
          { title: "Short", value: '{"city":"Rome"}' },
          { title: "Long", value: long },
        ],
      },
    });
    const [sent] = provider("polling").project(asked) as {
      reply_markup: { inline_keyboard: { callback_data: string }[][] };
    }[];
    const [short = "", token = ""] =
      sent?.reply_markup.inline_keyboard.map(([button]) => button?.callback_data ?? "") ?? [];
    expect([short, token]).toEqual(['{"city":"Rome"}', choiceToken(long)]);
    const press = (data: string): ChannelMessageEnvelope | undefined =>
      normaliseUpdate(
        {
          update_id: 1,
          callback_query: { id: "c", from, data, message: { chat, message_id: 4, reply_markup: sent?.reply_markup } },
        } as unknown as JsonValue,
        identity,
      ).message?.envelope;
    expect(press(short)?.metadata).toMatchObject({ city: "Rome" });
    expect(press(short)?.text).toBeUndefined();
    const pressed = press(token);
    expect(pressed).toMatchObject({ text: "Long", metadata: { choice_token: token } });
    const value = findChoice(pressed?.metadata["choice_token"] ?? "", longChoices(asked, 64).values());
    expect(value).toBe(long);
    expect(applyChoice(pressed ?? asked, value ?? "").metadata).toMatchObject({ city: "Berlin" });
  });

  test("refuses every request in webhook mode without a secret, and malformed bodies after it", async () => {
    const request = (headers: WebhookRequest["headers"]): WebhookRequest => ({
      method: "POST",
      url: "/",
      headers,
      body: Buffer.from("{"),
    });
    const header = "x-telegram-bot-api-secret-token";
    const open = provider("webhook");
    expect(await open.receive?.(request({}))).toMatchObject({ kind: "refused" });
    expect(await open.receive?.(request({ [header]: "" }))).toMatchObject({ kind: "refused" });
    const closed = createTelegramProvider({
      address,
      token: () => TOKEN,
      secretToken: () => ["s1"],
      http,
      mode: "webhook",
      world: realWorld,
    });
    expect(await closed.receive?.(request({ [header]: ["s1", "s1"] }))).toMatchObject({ kind: "refused" });
    await expect(closed.receive?.(request({ [header]: "s1" }))).rejects.toMatchObject({ code: "TYPES_JSON_INVALID" });
  });
});

describe("createTelegramProvider() sending", () => {
  test("shows that it types, beside the pace of what it sends, and not while it is to wait", async () => {
    verifies("channels.typing");
    const by = provider("polling");
    const sign = { conversation: "42/7", signal: new AbortController().signal };
    await by.showTyping?.(sign);
    expect(telegram.actions).toEqual([{ chat_id: 42, message_thread_id: 7, action: "typing" }]);
    expect(by.readyAtMs?.("42/7")).toBeLessThanOrEqual(Date.now());
    telegram.faults.push("429");
    await by.showTyping?.(sign);
    expect(by.readyAtMs?.("42/7")).toBeGreaterThan(Date.now());
    await by.showTyping?.(sign);
    expect(telegram.actions).toHaveLength(1);
  });

  test("sends and gives the message's id as the receipt", async () => {
    const by = provider("polling");
    expect(await send(by, by.project(message({ text: "hi *you*" }))[0], "42/7")).toEqual({
      kind: "sent",
      receipt: "101",
    });
    expect(telegram.sends[0]?.body).toEqual({
      text: "hi *you*",
      chat_id: 42,
      message_thread_id: 7,
      link_preview_options: { is_disabled: true },
    });
  });

  test.each([
    ["429", "retry", "MESSAGING_RATE_LIMITED"],
    ["500", "retry", "MESSAGING_PLATFORM_UNAVAILABLE"],
    ["blocked", "failed", "MESSAGING_PLATFORM_REFUSED"],
    ["unauthorized", "failed", "MESSAGING_PLATFORM_UNAUTHENTICATED"],
    ["reset-before", "unknown", "MESSAGING_SEND_UNKNOWN"],
    ["reset-after", "unknown", "MESSAGING_SEND_UNKNOWN"],
  ] as const)("says what a send that met %s became: %s", async (fault, kind, error) => {
    telegram.faults.push(fault);
    expect(await send(provider("polling"), { text: "x" })).toMatchObject({ kind, error });
  });

  test("keeps Telegram's own pause", async () => {
    const world = createTestWorld();
    const by = provider("polling", { world });
    telegram.faults.push("429");
    expect(await send(by, { text: "x" })).toEqual({
      kind: "retry",
      error: "MESSAGING_RATE_LIMITED",
      notBeforeMs: world.nowMs() + 3_000,
    });
    expect(by.readyAtMs?.("42")).toBe(world.nowMs() + 3_000);
    expect(await send(by, { text: "x" })).toMatchObject({ kind: "retry", notBeforeMs: world.nowMs() + 3_000 });
    world.advance(1_000);
    const waiting = send(by, { text: "x" });
    world.advance(1_999);
    expect(telegram.sends).toHaveLength(0);
    world.advance(1);
    expect(await waiting).toMatchObject({ kind: "sent" });
  });

  test("calls a timeout after the request began unknown, and a refused connection a retry", async () => {
    telegram.faults.push("hang");
    const hasty: SendHttp = (request, options) => http({ ...request, timeoutMs: 50 }, options);
    expect(await send(provider("polling", { http: hasty }), { text: "x" })).toMatchObject({ kind: "unknown" });
    const away: SendHttp = (request) =>
      sendHttp(request, {
        rewrites: [{ from: new URL("https://api.telegram.org"), to: new URL("http://127.0.0.1:1") }],
      });
    expect(await send(provider("polling", { http: away }), { text: "x" })).toMatchObject({ kind: "retry" });
  });

  test("keeps the pace of the bot, the chats and the groups, so that Telegram never has to ask", async () => {
    const world = createTestWorld();
    await telegram.close();
    telegram = await openTelegramStandIn({ token: TOKEN, nowMs: () => world.nowMs() });
    const by = provider("polling", { world });
    const chats = ["1", "2", "-3", ...Array.from({ length: 40 }, (_, i) => String(100 + i))];
    for (let step = 0; step < 100; step++) {
      for (const chat of chats) {
        const nowMs = world.nowMs();
        const readyAtMs = by.readyAtMs?.(chat) ?? 0;
        if (readyAtMs > nowMs + 2_000)
          expect(await send(by, { text: "x" }, chat)).toMatchObject({ kind: "retry", notBeforeMs: readyAtMs });
        else if (readyAtMs > nowMs) continue;
        else if (step % 4 === 0 || !chat.startsWith("1"))
          expect((await send(by, { text: "x" }, chat))?.kind).toBe("sent");
      }
      world.advance(250);
    }
    expect(telegram.sends.filter(({ chatId }) => chatId === "-3").length).toBeGreaterThanOrEqual(20);
  });

  test("never shows the token, whatever fails", async () => {
    const seen: unknown[] = [];
    for (const fault of ["500", "blocked", "reset-after"] as const) {
      telegram.faults.push(fault);
      seen.push(await send(provider("polling"), { text: "x" }));
    }
    seen.push(await send(provider("polling", { token: () => "not a token" }), { text: "x" }));
    const broken: SendHttp = () => Promise.reject(new Error(`https://api.telegram.org/bot${TOKEN}/x failed`));
    seen.push(await send(provider("polling", { http: broken }), { text: "x" }));
    expect(JSON.stringify(seen)).not.toContain(TOKEN.split(":")[1]);
    expect(seen.at(-2)).toMatchObject({ kind: "retry", error: "MESSAGING_CREDENTIAL_INVALID" });
    expect(() => botIdOf(`${TOKEN} `)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining(TOKEN) as string }) as Error,
    );
  });

  test("refuses a payload that isn't its own", async () => {
    expect(await send(provider("polling"), "text")).toEqual({ kind: "failed", error: "MESSAGING_PAYLOAD_INVALID" });
  });
});
