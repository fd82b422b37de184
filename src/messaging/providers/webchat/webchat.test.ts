import { describe, expect, test } from "vitest";
import { createTestWorld } from "../../../../test/stand-ins/test-world.ts";
import { verifies } from "../../../../test/verifies.ts";
import type { ChannelMessageEnvelope } from "../../../types/index.ts";
import { channelId, DEFAULT_TEAM, envId, tenantId } from "../../../types/index.ts";
import {
  activityFromLog,
  createConsoleProvider,
  createWebChatProvider,
  parseActivity,
  receiveActivity,
  receiveConsole,
} from "../../index.ts";

const address = { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId("webchat") };
const message = (extra: Partial<ChannelMessageEnvelope>): ChannelMessageEnvelope => ({
  id: "m",
  tenant: { env: "test", tenant: "acme" },
  channel: "webchat",
  session_id: "c",
  attachments: [],
  metadata: {},
  ...extra,
});

describe("createWebChatProvider()", () => {
  test("projects everything that a message has to one activity", () => {
    verifies("channels.webchat");
    const provider = createWebChatProvider(address, { world: createTestWorld(0), worker: "weather" });
    const card = { type: "AdaptiveCard", body: [] };
    const [activity] = provider.project(
      message({
        text: "Hi",
        attachments: [{ mime_type: "image/png", url: "https://x.example/a.png", name: "a.png" }],
        extensions: {
          adaptive_card: card,
          suggested_actions: [{ title: "Yes", value: "y" }],
          input_hint: "expecting",
          speak: "Hi",
          channel_data: { theme: 1 },
        },
        reply_scope: { conversation: "c", reply_to: "c|0000000" },
        metadata: { locale: "de" },
      }),
    );
    expect(activity).toEqual({
      type: "message",
      from: { id: "weather", role: "bot" },
      timestamp: "1970-01-01T00:00:00.000Z",
      summary: "Hi",
      attachments: [
        { contentType: "application/vnd.microsoft.card.adaptive", content: card },
        { contentType: "image/png", contentUrl: "https://x.example/a.png", name: "a.png" },
      ],
      suggestedActions: { actions: [{ type: "imBack", title: "Yes", value: "y" }] },
      inputHint: "expectingInput",
      speak: "Hi",
      channelData: { theme: 1 },
      locale: "de",
      replyToId: "c|0000000",
    });
    expect(activityFromLog("c", { index: 12, activity: activity ?? null })).toMatchObject({
      id: "c|0000012",
      conversation: { id: "c" },
    });
  });

  test("finds a card in metadata and attachments as public packs write it, once", () => {
    const provider = createWebChatProvider(address, { world: createTestWorld() });
    const card = { type: "AdaptiveCard" };
    const attachments = [{ mime_type: "application/vnd.microsoft.card.adaptive", content: card }];
    for (const extra of [{ attachments }, { metadata: { adaptive_card: JSON.stringify(card) } }]) {
      const [activity] = provider.project(message(extra)) as { attachments: unknown[] }[];
      expect(activity?.attachments).toEqual([{ contentType: attachments[0]?.mime_type, content: card }]);
    }
    const [broken] = provider.project(message({ metadata: { adaptive_card: "{" } })) as object[];
    expect(broken).not.toHaveProperty("attachments");
  });
});

describe("receiveActivity()", () => {
  const receive = (body: object, speaker = { conversation: "c", user: "dl_u" }) => {
    const activity = parseActivity(body as never);
    if (activity.kind !== "said") throw new TypeError("said nothing");
    return receiveActivity(address, activity, { speaker, freshId: () => "fresh", nowMs: 0 });
  };

  test("names a delivery after conversation, user and client id, injectively", () => {
    const id = (client: string, conversation = "c", user = "u"): string =>
      receive({ text: "x", channelData: { clientActivityID: client } }, { conversation, user }).dedupeKey;
    expect(id("1")).toBe(id("1"));
    expect(new Set([id("1"), id("2"), id("1", "d"), id("1", "c", "v"), id('1","x', "c"), id("1", 'c","u')]).size).toBe(
      6,
    );
    expect(id("x".repeat(10_000)).length).toBeLessThan(256);
    expect(receive({ text: "x" }).dedupeKey).toBe("dl:fresh");
  });

  test("keeps an event's name and a value's fields apart from what the channel itself says", () => {
    const { envelope, log, locale } = receive({
      type: "event",
      name: "webchat/join",
      value: { universal: "no", event: "forged", locale: "xx", deep: { a: 1 } },
      locale: "pt-BR",
    });
    expect(envelope.metadata).toEqual({ universal: "true", event: "webchat/join", locale: "pt-BR", deep: '{"a":1}' });
    expect(locale).toBe("pt-BR");
    expect(log).toMatchObject({ type: "event", name: "webchat/join", from: { id: "dl_u", role: "user" } });
    expect(receive({ text: "x", locale: "../../etc" }).locale).toBeUndefined();
  });
});

test("receiveConsole() takes a text or the fields of a form", () => {
  const options = { session: "s", id: "1" };
  expect(receiveConsole(address, "hi", options).envelope.text).toBe("hi");
  expect(receiveConsole(address, { text: "hi", city: "Rome", n: 2 }, options).envelope).toMatchObject({
    text: "hi",
    metadata: { city: "Rome", n: "2" },
  });
  const reply = message({ text: "x" });
  expect(createConsoleProvider(address).project(reply)).toEqual([reply]);
});
