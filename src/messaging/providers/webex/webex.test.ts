import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createTestWorld } from "../../../../test/stand-ins/test-world.ts";
import type { WebexStandIn } from "../../../../test/stand-ins/webex.ts";
import { DIRECT_ROOM, GROUP_ROOM, openWebexStandIn, WEBEX_ADA, WEBEX_SELF } from "../../../../test/stand-ins/webex.ts";
import { verifies } from "../../../../test/verifies.ts";
import { openHttp, sendHttp } from "../../../http/index.ts";
import type { SendResult } from "../../../session/index.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../../../types/index.ts";
import { channelId, DEFAULT_TEAM, envId, tenantId } from "../../../types/index.ts";
import type { Completed, Provider, ReadBack } from "../../provider.ts";
import type { SendHttp } from "../entry.ts";
import type { WebexOptions } from "./provider.ts";
import { createWebexProvider } from "./provider.ts";

const TOKEN = `stand-in_${"t".repeat(40)}`;
const world = createTestWorld();
let webex: WebexStandIn;
beforeEach(async () => {
  webex = await openWebexStandIn({ token: TOKEN, secret: "s".repeat(16), nowMs: () => world.nowMs(), perRoom: 100 });
});
afterEach(() => webex.close());

const http: SendHttp = (request, options) =>
  sendHttp(request, { ...options, rewrites: [{ from: new URL("https://webexapis.com"), to: new URL(webex.url) }] });
const provider = (extra: Partial<WebexOptions> = {}): Provider =>
  createWebexProvider({
    address: { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId("webex") },
    token: () => Promise.resolve(TOKEN),
    webhookSecrets: () => Promise.resolve(["s".repeat(16)]),
    http,
    world,
    ...extra,
  });
const { signal } = new AbortController();

/** Receives the webhook of something and fetches what it told of. */
async function take(
  resource: "messages" | "attachmentActions",
  created: JsonObject,
  { by = provider(), attempt = 0 } = {},
): Promise<Completed | undefined> {
  const body = Buffer.from(JSON.stringify(webex.hook(resource, created)));
  const headers = { "x-spark-signature": webex.sign(body.toString()) };
  const received = await by.receive?.({ method: "POST", url: "/", headers, body });
  const [notice] = (received?.kind === "messages" ? received.notices : undefined) ?? [];
  return notice === undefined ? undefined : by.complete?.(notice.data, { signal, attempt });
}
const messagesOf = (completed: Completed | undefined) =>
  completed?.kind === "messages" ? completed.messages : undefined;
const send = (by: Provider, payload: JsonValue, conversation = DIRECT_ROOM): Promise<SendResult> | undefined => {
  // Each has its turn at once.
  world.advance(1_000);
  return by.send?.(payload, { idempotencyKey: "k", conversation, signal });
};
const envelope = (extra: Partial<ChannelMessageEnvelope>): ChannelMessageEnvelope => ({
  id: "m",
  tenant: { env: "test", tenant: "acme" },
  channel: "webex",
  session_id: "r",
  attachments: [],
  metadata: {},
  ...extra,
});

describe("createWebexProvider() receiving", () => {
  test("fetches a direct message, the same one under the same name again", async () => {
    verifies("channels.webex");
    const said = webex.said("hello", { files: ["https://webexapis.com/v1/contents/1"] });
    const [message] = messagesOf(await take("messages", said)) ?? [];
    expect(message).toMatchObject({
      conversation: DIRECT_ROOM,
      user: WEBEX_ADA,
      envelope: {
        text: "hello",
        from: { id: WEBEX_ADA, kind: "user" },
        attachments: [{ content: { content_url: "https://webexapis.com/v1/contents/1" } }],
        metadata: { email: "ada@example.com" },
      },
    });
    expect(messagesOf(await take("messages", said))?.[0]?.dedupeKey).toBe(message?.dedupeKey);
    // A reply in a thread of a direct room is about the one conversation.
    const inThread = webex.said("Rome", { parentId: said.id });
    expect(messagesOf(await take("messages", inThread))?.[0]?.conversation).toBe(DIRECT_ROOM);
  });

  test("hears what mentions it in a group, without the mention, in the thread of that", async () => {
    verifies("channels.webex");
    const said = webex.said("/weather Rome", { room: GROUP_ROOM });
    expect(messagesOf(await take("messages", said))).toMatchObject([
      { conversation: `${GROUP_ROOM}/${said.id}`, envelope: { text: "/weather Rome" } },
    ]);
    const inThread = webex.said("again", { room: GROUP_ROOM, parentId: said.id });
    expect(messagesOf(await take("messages", inThread))?.[0]?.conversation).toBe(`${GROUP_ROOM}/${said.id}`);
    const bare = webex.said("", { room: GROUP_ROOM });
    expect(messagesOf(await take("messages", bare))).toMatchObject([{ envelope: { text: "" } }]);
    expect(messagesOf(await take("messages", webex.said("aside", { room: GROUP_ROOM, isMentioned: false })))).toEqual(
      [],
    );
  });

  test("drops its own messages and other bots', wherever they are told of", async () => {
    expect(await take("messages", webex.said("echo", { personId: WEBEX_SELF }))).toBeUndefined();
    expect(await take("messages", webex.said("beep", { personEmail: "other@webex.bot" }))).toBeUndefined();
    const by = provider();
    const own = webex.said("echo", { personId: WEBEX_SELF });
    expect(await by.complete?.({ resource: "messages", id: own.id }, { signal, attempt: 0 })).toEqual({
      kind: "messages",
      messages: [],
    });
  });

  test("reads a submitted card as fields and a pressed text as a text, in the card's thread", async () => {
    verifies("channels.webex");
    const by = provider();
    const card = {
      type: "AdaptiveCard",
      version: "1.3",
      body: [{ type: "Input.Text", id: "city" }],
      actions: [{ type: "Action.Submit", title: "Go", data: { flow: "weather" } }],
    };
    const [asked] = by.project(envelope({ extensions: { adaptive_card: card } }));
    const root = webex.said("hi", { room: GROUP_ROOM });
    const thread = `${GROUP_ROOM}/${root.id}`;
    expect(await send(by, asked ?? null, thread)).toMatchObject({ kind: "sent" });
    const action = webex.press(webex.messages.at(-1), "Go", { city: "Rome" });
    const value = { flow: "weather", city: "Rome" };
    expect(messagesOf(await take("attachmentActions", action, { by }))).toMatchObject([
      {
        conversation: thread,
        user: WEBEX_ADA,
        envelope: { metadata: value, extensions: { channel_data: { value } } },
      },
    ]);
    const suggested = envelope({
      text: "Which?",
      extensions: { suggested_actions: [{ title: "Rome", value: "rome!" }] },
    });
    for (const payload of by.project(suggested)) await send(by, payload);
    const pressed = webex.press(webex.messages.at(-1), "Rome");
    const [said] = messagesOf(await take("attachmentActions", pressed, { by })) ?? [];
    expect(said).toMatchObject({ conversation: DIRECT_ROOM, envelope: { text: "rome!" } });
    expect(said?.envelope.extensions).toBeUndefined();
  });

  test.each([
    [429, { kind: "retry", error: "MESSAGING_RATE_LIMITED" }],
    [423, { kind: "retry", error: "MESSAGING_RATE_LIMITED" }],
    [503, { kind: "retry", error: "MESSAGING_PLATFORM_UNAVAILABLE" }],
    [500, { kind: "retry", error: "MESSAGING_PLATFORM_UNAVAILABLE" }],
    [401, { kind: "retry", error: "MESSAGING_PLATFORM_UNAUTHENTICATED" }],
    [404, { kind: "retry", error: "MESSAGING_MESSAGE_GONE" }],
    ["reset-before", { kind: "retry", error: "MESSAGING_PLATFORM_UNAVAILABLE" }],
  ] as const)("asks again later where Webex answers %s, and gets the message then", async (fault, expected) => {
    verifies("channels.notices");
    const by = provider();
    const said = webex.said("hello");
    expect(messagesOf(await take("messages", said, { by }))).toHaveLength(1);
    webex.readFaults.push(fault);
    const again = await take("messages", said, { by, attempt: 1 });
    expect(again).toMatchObject(expected);
    expect(again?.kind === "retry" ? again.notBeforeMs - world.nowMs() : 0).toBeGreaterThanOrEqual(1_000);
    expect(messagesOf(await take("messages", said, { by, attempt: 2 }))).toHaveLength(1);
  });

  test("says that a message is gone once that is certain, and that a token has the wrong form", async () => {
    const gone = { ...webex.said("x"), id: "gone" };
    expect(await take("messages", gone, { attempt: 4 })).toEqual({ kind: "failed", error: "MESSAGING_MESSAGE_GONE" });
    const by = provider({ token: () => Promise.resolve("") });
    expect(await take("messages", webex.said("x"), { by })).toMatchObject({
      kind: "retry",
      error: "MESSAGING_CREDENTIAL_INVALID",
    });
    expect(await by.complete?.({ resource: "people", id: "me" }, { signal, attempt: 0 })).toEqual({
      kind: "failed",
      error: "MESSAGING_PAYLOAD_INVALID",
    });
  });
});

describe("createWebexProvider() sending", () => {
  test("writes to rooms, threads and people, what is long in parts", async () => {
    verifies("channels.webex");
    const by = provider();
    const long = "Grüße ".repeat(3_000);
    for (const payload of by.project(envelope({ text: long })))
      expect(await send(by, payload)).toMatchObject({ kind: "sent" });
    expect(webex.seen(DIRECT_ROOM).join(" ")).toBe(long.trim());
    await send(by, { text: "hi" }, "ada@example.com");
    await send(by, { text: "hi" }, WEBEX_ADA);
    await send(by, { text: "hi" }, `${GROUP_ROOM}/root`);
    const sent = webex.messages
      .slice(-3)
      .map(({ toPersonEmail, toPersonId, parentId }) => [toPersonEmail, toPersonId, parentId]);
    expect(sent).toEqual([
      ["ada@example.com", undefined, undefined],
      [undefined, WEBEX_ADA, undefined],
      [undefined, undefined, "root"],
    ]);
    expect(webex.refused).toEqual([]);
  });

  test.each([
    [429, { kind: "retry", error: "MESSAGING_RATE_LIMITED" }],
    [423, { kind: "retry", error: "MESSAGING_RATE_LIMITED" }],
    [503, { kind: "retry", error: "MESSAGING_PLATFORM_UNAVAILABLE" }],
    [500, { kind: "unknown" }],
    [401, { kind: "retry", error: "MESSAGING_PLATFORM_UNAUTHENTICATED" }],
    [404, { kind: "failed", error: "MESSAGING_PLATFORM_REFUSED" }],
    ["reset-after", { kind: "unknown" }],
  ] as const)("takes %s for what it says", async (fault, expected) => {
    webex.faults.push(fault);
    const by = provider();
    expect(await send(by, { text: "hi" })).toMatchObject(expected);
    if (fault === 429) expect(by.readyAtMs?.(GROUP_ROOM)).toBe(world.nowMs() + 1_000);
  });
});

describe("createWebexProvider() with files", () => {
  const openHere: NonNullable<WebexOptions["openHttp"]> = (request, options) =>
    openHttp(request, { ...options, rewrites: [{ from: new URL("https://webexapis.com"), to: new URL(webex.url) }] });

  test("fetches a file from Webex' host alone, again while it is scanned, and sends one as a form", async () => {
    verifies("channels.webex");
    const by = provider({ openHttp: openHere });
    const message = envelope({});
    const fetched = async (url: string) => {
      const file = { mime_type: "application/octet-stream", content: { content_url: url } };
      return [by.isFile?.(file), await by.fetchFile?.({ file, message, maxBytes: 1_000, signal })] as const;
    };
    const [isFile, found] = await fetched("https://webexapis.com/v1/contents/abc");
    expect([isFile, found?.kind]).toEqual([true, "fetched"]);
    if (found?.kind === "fetched")
      expect(Buffer.concat(await Array.fromAsync(found.content)).toString()).toContain("abc");
    webex.readFaults.push(423);
    expect((await fetched("https://webexapis.com/v1/contents/abc"))[1]).toMatchObject({ kind: "retry" });
    expect(await fetched("https://evil.example/v1/contents/abc")).toMatchObject([false, { kind: "refused" }]);
    const attachment = { mime_type: "text/plain", name: "a.txt", size_bytes: 5, url: `blob:${"a".repeat(64)}` };
    const [payload] = by.project(envelope({ attachments: [attachment] }));
    const openFile = async () =>
      Promise.resolve({
        sizeBytes: 5,
        read: async function* () {
          yield await Promise.resolve(Buffer.from("hello"));
        },
      });
    world.advance(1_000);
    const conversation = DIRECT_ROOM;
    const sent = await by.send?.(payload ?? null, { idempotencyKey: "k", conversation, signal, openFile });
    expect([payload, sent?.kind, webex.messages.at(-1)?.file]).toMatchObject([
      { file: { name: "a.txt" } },
      "sent",
      "a.txt: hello",
    ]);
  });
});

describe("createWebexProvider() reading back", () => {
  const readBack = (
    by: Provider,
    text: string,
    { conversation = DIRECT_ROOM, ageMs = 0 } = {},
  ): Promise<ReadBack> | undefined =>
    by.readBack?.({
      payload: { text },
      idempotencyKey: "k",
      conversation,
      createdAtMs: world.nowMs() - ageMs,
      signal,
    });

  test("finds what arrived in a direct room, and only that", async () => {
    verifies("channels.webex.read-back");
    const by = provider();
    webex.faults.push("reset-after");
    await send(by, { text: "lost answer" });
    expect(await readBack(by, "lost answer")).toEqual({ kind: "sent", receipt: webex.messages.at(-1)?.id });
    expect(await readBack(by, "never sent")).toEqual({ kind: "unsent" });
    // What this process knows for another message, and what was said before the row was made, isn't it.
    await send(by, { text: "twice" });
    expect(await readBack(by, "twice")).toEqual({ kind: "unsent" });
    expect(await readBack(provider(), "twice", { ageMs: -5_000 })).toEqual({ kind: "unsent" });
    expect(await readBack(provider(), "twice")).toMatchObject({ kind: "sent" });
    expect(await readBack(by, "never sent", { conversation: "ada@example.com" })).toEqual({ kind: "unsent" });
  });

  test("looks through pages, and is certain only once all was seen", async () => {
    const by = provider();
    webex.faults.push("reset-after");
    await send(by, { text: "lost answer" });
    for (let i = 0; i < 250; i++) webex.said(`and ${i}`);
    expect(await readBack(by, "lost answer")).toMatchObject({ kind: "sent" });
    expect(webex.reads).toBe(3);
    for (let i = 0; i < 1_000; i++) webex.said(`more ${i}`);
    expect(await readBack(by, "never sent")).toMatchObject({ kind: "unknown" });
  });

  test("leaves groups to policy, where bots can't list what they said, and asks again where Webex is away", async () => {
    verifies("channels.webex.read-back");
    const by = provider();
    const unknown = { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" };
    expect(await readBack(by, "x", { conversation: `${GROUP_ROOM}/root` })).toEqual(unknown);
    expect(await readBack(by, "x", { conversation: GROUP_ROOM })).toEqual(unknown);
    for (const fault of [429, 503, 500, 401, "reset-before"] as const) {
      webex.readFaults.push(fault);
      const answer = await readBack(by, "x");
      expect(answer).toMatchObject({ kind: "unknown" });
      expect(answer?.kind === "unknown" && answer.notBeforeMs).toBeGreaterThan(world.nowMs());
    }
  });
});
