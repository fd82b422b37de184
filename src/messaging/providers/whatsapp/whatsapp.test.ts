import { createHmac } from "node:crypto";
import { assert, asyncProperty, constantFrom, integer, oneof, string } from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { plainMessage } from "../../../../test/stand-ins/any-message.ts";
import type { WhatsAppStandIn } from "../../../../test/stand-ins/whatsapp.ts";
import { openWhatsAppStandIn, WHATSAPP_NUMBER } from "../../../../test/stand-ins/whatsapp.ts";
import { verifies } from "../../../../test/verifies.ts";
import { sendHttp } from "../../../http/index.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../../../types/index.ts";
import { channelId, DEFAULT_TEAM, envId, tenantId } from "../../../types/index.ts";
import type { Provider, Received } from "../../provider.ts";
import { whatsappRates } from "./limits.ts";
import type { WhatsAppOptions } from "./provider.ts";
import { createWhatsAppProvider } from "./provider.ts";

const TOKEN = "EAAG-stand-in-token-0123456789";
const SECRET = "app-secret-of-acme-0123456789";
const OLD_SECRET = "app-secret-before-0123456789";
const NUMBER_ID = "106540352242922";
const PERSON = "16505551234";
const NOW = 1_750_000_000_000;
const address = { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId("whatsapp") };

let nowMs = NOW;
let whatsapp: WhatsAppStandIn;
beforeEach(async () => {
  nowMs = NOW;
  whatsapp = await openWhatsAppStandIn({
    token: TOKEN,
    appSecret: SECRET,
    phoneNumberId: NUMBER_ID,
    nowMs: () => nowMs,
    isPaced: false,
  });
});
afterEach(() => whatsapp[Symbol.asyncDispose]());

const open = (extra: Partial<WhatsAppOptions> = {}): Provider =>
  createWhatsAppProvider({
    address,
    world: {
      nowMs: () => nowMs,
      schedule: (delayMs, task) => {
        nowMs += delayMs;
        queueMicrotask(task);
        return () => undefined;
      },
    },
    http: (request, options) =>
      sendHttp(request, {
        ...options,
        rewrites: [{ from: new URL("https://graph.facebook.com"), to: new URL(whatsapp.url) }],
      }),
    phoneNumberId: NUMBER_ID,
    accessToken: () => Promise.resolve(TOKEN),
    appSecrets: () => Promise.resolve([SECRET, OLD_SECRET]),
    verifyTokens: () => Promise.resolve(["verify-me-please"]),
    ...extra,
  });

const signed = (body: string | Uint8Array, secret = SECRET): string =>
  `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
const receive = (body: string, signature: string | readonly string[] | undefined = signed(body)) =>
  open().receive?.({
    method: "POST",
    url: "/",
    headers: { "x-hub-signature-256": signature },
    body: Buffer.from(body),
  }) as Promise<Received>;
const value = (extra: JsonObject, number = NUMBER_ID): JsonObject => ({
  field: "messages",
  value: { metadata: { display_phone_number: WHATSAPP_NUMBER, phone_number_id: number }, ...extra },
});
const batch = (...changes: readonly JsonObject[]): string =>
  JSON.stringify({ object: "whatsapp_business_account", entry: [{ changes }] });
const said = (extra: JsonObject): JsonObject => ({
  from: PERSON,
  id: "wamid.A",
  timestamp: String(NOW / 1000),
  type: "text",
  text: { body: "hello" },
  ...extra,
});
const readOne = async (message: JsonObject): Promise<ChannelMessageEnvelope | undefined> => {
  const received = await receive(batch(value({ messages: [said(message)] })));
  return received.kind === "messages" ? received.messages[0]?.envelope : undefined;
};
const send = (by: Provider, payload: JsonValue | undefined, key = "row-1") =>
  by.send?.(payload ?? null, { idempotencyKey: key, conversation: PERSON, signal: new AbortController().signal });
const text = (by: Provider, said = "hello", extra: Partial<ChannelMessageEnvelope> = {}): JsonValue | undefined =>
  by.project(plainMessage({ text: said, ...extra }))[0];

describe("createWhatsAppProvider() receiving", () => {
  test("answers the handshake that names its token, and no other", async () => {
    const ask = (query: string) =>
      open().receive?.({ method: "GET", url: `/hook?${query}`, headers: {}, body: new Uint8Array() });
    const good = "hub.mode=subscribe&hub.verify_token=verify-me-please&hub.challenge=1158201444";
    expect(await ask(good)).toEqual({
      kind: "answer",
      status: 200,
      contentType: "text/plain; charset=utf-8",
      body: "1158201444",
    });
    for (const bad of [
      "",
      good.replace("please", "pleasE"),
      good.replace("subscribe", "unsubscribe"),
      `${good}&hub.verify_token=verify-me-please`,
      good.replace("1158201444", "%3Cscript%3E%0a"),
      "hub.mode=subscribe&hub.verify_token=&hub.challenge=1",
    ])
      expect(await ask(bad)).toEqual({ kind: "refused", reason: "handshake" });
    const unset = open({ verifyTokens: () => Promise.resolve([]) });
    const empty = "/?hub.mode=subscribe&hub.verify_token=&hub.challenge=1";
    const asked = { method: "GET", url: empty, headers: {}, body: new Uint8Array() };
    expect(await unset.receive?.(asked)).toMatchObject({ kind: "refused" });
  });

  test("accepts what either secret signed and nothing that is made from it", async () => {
    verifies("channels.whatsapp.signature");
    const body = batch(value({ messages: [said({})] }));
    const good = signed(body);
    expect(await receive(body)).toMatchObject({ kind: "messages", messages: [{ conversation: PERSON }] });
    expect(await receive(body, signed(body, OLD_SECRET))).toMatchObject({ kind: "messages" });
    const at = integer({ min: 0, max: good.length - 1 });
    const one = string({ minLength: 1, maxLength: 1 });
    const forgery = oneof(
      string(),
      at.map((end) => good.slice(0, end)),
      at.chain((at) => one.map((more) => good.slice(0, at) + more + good.slice(at))),
      at.chain((at) => one.map((other) => good.slice(0, at) + other + good.slice(at + 1))),
      constantFrom(
        good.toUpperCase(),
        good.slice(7),
        good.replace("sha256", "sha1"),
        ` ${good}`,
        `${good},${good}`,
        signed(body, "app-secret-of-globex-0123456789"),
        signed(body, ""),
        signed(`${body} `),
      ),
      constantFrom([good], [good, good], ["", good]),
      constantFrom(undefined),
    ).filter((signature) => signature !== good);
    await assert(
      asyncProperty(forgery, async (signature) => {
        const refused = signature === undefined ? await receive(body, []) : await receive(body, signature);
        expect(refused).toEqual({ kind: "refused", reason: "signature" });
      }),
      { numRuns: 8_000 },
    );
    await assert(
      asyncProperty(integer({ min: 0, max: body.length - 1 }), integer({ min: 1, max: 255 }), async (at, mask) => {
        const bytes = Buffer.from(body);
        bytes[at] = (bytes[at] ?? 0) ^ mask;
        const changed = { method: "POST", url: "/", headers: { "x-hub-signature-256": good }, body: bytes };
        expect(await open().receive?.(changed)).toMatchObject({ kind: "refused" });
      }),
      { numRuns: 2_000 },
    );
  });

  test("accepts nothing while it has no secret", async () => {
    const body = batch(value({ messages: [said({})] }));
    const headers = { "x-hub-signature-256": signed(body, "") };
    const by = open({ appSecrets: () => Promise.resolve([]) });
    const received = await by.receive?.({ method: "POST", url: "/", headers, body: Buffer.from(body) });
    expect(received).toMatchObject({ kind: "refused" });
  });

  test("takes every message of a batch that is for its number, and none twice, old, its own or of no meaning", async () => {
    const old = String(NOW / 1000 - 8 * 86_400 - 1);
    const received = await receive(
      JSON.stringify({
        object: "whatsapp_business_account",
        entry: [
          {
            changes: [
              value({ messages: [said({ id: "wamid.1" }), said({ id: "wamid.2", from: "4915112345678" })] }),
              value({ messages: [said({ id: "wamid.other" })] }, "999"),
              { field: "account_update", value: { messages: [said({ id: "wamid.field" })] } },
            ],
          },
          {
            changes: [
              value({
                messages: [
                  said({ id: "wamid.3" }),
                  said({ id: "wamid.old", timestamp: old }),
                  said({ id: "wamid.ahead", timestamp: String(NOW / 1000 + 3_600) }),
                  said({ id: "wamid.own", from: WHATSAPP_NUMBER }),
                  said({ id: "wamid.reaction", type: "reaction", reaction: { emoji: "x" } }),
                  said({ id: "no\nid" }),
                ],
              }),
            ],
          },
        ],
      }),
    );
    const messages = received.kind === "messages" ? received.messages : [];
    expect(messages.map(({ dedupeKey }) => dedupeKey)).toEqual(["wa:wamid.1", "wa:wamid.2", "wa:wamid.3"]);
    expect(messages[1]).toMatchObject({ conversation: "4915112345678", user: "4915112345678" });
  });

  test("gives pressed buttons and chosen rows back as what they stand for", async () => {
    const reply = (kind: string, id: string): JsonObject => ({
      type: "interactive",
      interactive: { type: kind, [kind]: { id, title: "Yes" } },
    });
    expect(await readOne(reply("button_reply", "yes"))).toMatchObject({
      text: "yes",
      metadata: { choice_title: "Yes", callback_data: "yes" },
    });
    expect(await readOne(reply("list_reply", '{"city":"rome"}'))).toMatchObject({
      metadata: { city: "rome" },
      extensions: { channel_data: { value: { city: "rome" } } },
    });
    const token = `#${"a".repeat(22)}`;
    expect(await readOne(reply("button_reply", token))).toMatchObject({
      text: "Yes",
      metadata: { choice_token: token },
    });
    expect(await readOne({ type: "button", button: { payload: "go", text: "Go" } })).toMatchObject({ text: "go" });
  });

  test("keeps media by its id and no address of it", async () => {
    const image = { id: "media-1", mime_type: "image/jpeg", caption: "look", sha256: "ab", url: "https://x.example" };
    const envelope = await readOne({ type: "image", image });
    expect(envelope).toMatchObject({
      text: "look",
      attachments: [{ mime_type: "image/jpeg", content: { media_id: "media-1", sha256: "ab" } }],
    });
    expect(JSON.stringify(envelope)).not.toContain("x.example");
  });
});

describe("createWhatsAppProvider() sending", () => {
  test("marks what it works on as read with a typing sign, as often as the platform lets it lapse", async () => {
    verifies("channels.typing");
    const by = open();
    const sign = { conversation: PERSON, replyTo: "wamid.A", signal: new AbortController().signal };
    for (const afterMs of [0, 4_000, 4_000, 14_000]) {
      nowMs += afterMs;
      await by.showTyping?.(sign);
    }
    const asked = {
      messaging_product: "whatsapp",
      status: "read",
      message_id: "wamid.A",
      typing_indicator: { type: "text" },
    };
    expect(whatsapp.signs).toEqual([asked, asked]);
    await by.showTyping?.({ conversation: PERSON, signal: sign.signal });
    expect(whatsapp.signs).toHaveLength(2);
    expect(await send(by, text(by))).toMatchObject({ kind: "sent" });
  });

  test("sends to the person, with the key that its status will name", async () => {
    const by = open();
    expect(await send(by, text(by))).toEqual({ kind: "sent", receipt: "wamid.out1" });
    expect(whatsapp.sends).toMatchObject([
      { to: PERSON, key: "row-1", body: { type: "text", text: { body: "hello", preview_url: false } } },
    ]);
  });

  test("hears and answers people who show a user name and no number", async () => {
    const person = "US.13491208655302741918";
    const { from: _from, ...nameless } = said({ from_user_id: person });
    const contacts = [{ user_id: person, profile: { name: "Ada" } }];
    const received = await receive(batch(value({ contacts, messages: [nameless] })));
    expect(received).toMatchObject({
      messages: [{ conversation: person, user: person, envelope: { from: { name: "Ada" } } }],
    });
    const by = open();
    const options = { idempotencyKey: "k", conversation: person, signal: new AbortController().signal };
    expect(await by.send?.(text(by) ?? null, options)).toMatchObject({ kind: "sent" });
    expect(whatsapp.sends).toMatchObject([{ to: person, body: { recipient: person } }]);
    expect(await by.send?.(text(by) ?? null, { ...options, conversation: "no person" })).toMatchObject({
      kind: "failed",
      error: "MESSAGING_PAYLOAD_INVALID",
    });
  });

  test("tells by kind how a send ended", async () => {
    const by = open();
    const outcomes: JsonValue[] = [];
    for (const fault of [131_026, 190, 130_429, 131_016, "500", "504", "reset-after"] as const) {
      whatsapp.faults.push(fault);
      const result = await send(by, text(by));
      outcomes.push(result === undefined ? null : [result.kind, "error" in result ? result.error : ""]);
      nowMs += 10_000;
    }
    expect(outcomes).toEqual([
      ["failed", "MESSAGING_PLATFORM_REFUSED"],
      ["failed", "MESSAGING_PLATFORM_UNAUTHENTICATED"],
      ["retry", "MESSAGING_RATE_LIMITED"],
      ["retry", "MESSAGING_PLATFORM_UNAVAILABLE"],
      ["retry", "MESSAGING_PLATFORM_UNAVAILABLE"],
      ["unknown", "MESSAGING_SEND_UNKNOWN"],
      ["unknown", "MESSAGING_SEND_UNKNOWN"],
    ]);
  });

  test("holds a pair back for 4, 16 and 64 seconds where the platform says that it is too fast", async () => {
    const by = open();
    const waits: number[] = [];
    for (let i = 0; i < 3; i++) {
      whatsapp.faults.push(131_056);
      const result = await send(by, text(by));
      const readyAtMs = by.readyAtMs?.(PERSON) ?? 0;
      expect(result).toMatchObject({ kind: "retry", error: "MESSAGING_RATE_LIMITED", notBeforeMs: readyAtMs });
      waits.push((readyAtMs - nowMs) / 1000);
      nowMs = readyAtMs;
    }
    expect(waits).toEqual([4, 16, 64]);
    expect(await send(by, text(by))).toMatchObject({ kind: "sent" });
  });

  test("keeps the number's and each pair's pace by itself", () => {
    const by = open();
    const rates = by.sendRates?.(PERSON) ?? [];
    expect(rates.map(({ name }) => name)).toEqual(["number", `pair:${PERSON}`]);
    for (const perSecond of [20, 80, 1_000]) {
      const [{ rate } = { rate: { capacity: 0, perSecond: 0 } }] = whatsappRates(PERSON, perSecond);
      expect(rate.capacity + rate.perSecond).toBeLessThanOrEqual(perSecond);
      expect(rate.capacity + rate.perSecond).toBeGreaterThanOrEqual(perSecond * 0.95);
    }
  });

  test("sends the template once the person's 24 hours are over, or fails by name", async () => {
    verifies("channels.whatsapp.window");
    const scope = { conversation: PERSON, correlation: String(NOW / 1000 - 86_400) };
    const bare = open();
    expect(await send(bare, text(bare, "hello", { reply_scope: scope }))).toEqual({
      kind: "failed",
      error: "MESSAGING_WINDOW_CLOSED",
    });
    const by = open({ template: { name: "come_back", language: "de", hasText: true } });
    expect(await send(by, text(by, "line\n\nline", { reply_scope: scope }))).toMatchObject({ kind: "sent" });
    // Nobody knows when this person wrote: the platform says so.
    whatsapp.faults.push(131_047);
    expect(await send(by, text(by), "row-2")).toMatchObject({ kind: "sent" });
    whatsapp.faults.push(131_047);
    expect(await send(bare, text(bare), "row-3")).toEqual({ kind: "failed", error: "MESSAGING_WINDOW_CLOSED" });
    expect(whatsapp.sends).toMatchObject([
      {
        key: "row-1",
        body: {
          type: "template",
          template: {
            name: "come_back",
            language: { code: "de" },
            components: [{ type: "body", parameters: [{ type: "text", text: "line line" }] }],
          },
        },
      },
      { key: "row-2", body: { type: "template" } },
    ]);
  });
});

describe("createWhatsAppProvider() reading back", () => {
  const doubt = { payload: null, idempotencyKey: "row-1", conversation: PERSON, createdAtMs: NOW - 600_000 };
  const status = (status: string, extra: JsonObject = {}): JsonObject => ({
    id: "wamid.out1",
    status,
    timestamp: String(NOW / 1000),
    biz_opaque_callback_data: "row-1",
    ...extra,
  });

  test("takes statuses, in any order and any number of times, for what they say of a send in doubt", async () => {
    verifies("channels.whatsapp.read-back");
    const by = open();
    const signal = new AbortController().signal;
    whatsapp.faults.push("reset-after");
    whatsapp.hasStatuses = false;
    expect(await send(by, text(by))).toMatchObject({ kind: "unknown" });
    expect(await by.readBack?.({ ...doubt, signal })).toEqual({
      kind: "unknown",
      error: "MESSAGING_SEND_UNKNOWN",
      notBeforeMs: NOW + 3_000,
    });
    const received = await receive(batch(value({ statuses: [status("read"), status("sent"), status("sent")] })));
    expect(received).toMatchObject({ kind: "messages", messages: [] });
    by.noteReceipts?.((received.kind === "messages" && received.receipts) || []);
    expect(await by.readBack?.({ ...doubt, signal })).toEqual({ kind: "sent", receipt: "wamid.out1" });
  });

  test("leaves a send to policy that no status tells of for a minute", async () => {
    const by = open();
    const signal = new AbortController().signal;
    whatsapp.faults.push("reset-before");
    await send(by, text(by));
    nowMs += 60_000;
    expect(await by.readBack?.({ ...doubt, signal })).toEqual({ kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" });
  });

  test("says of what the platform took and gave up that it was not delivered", async () => {
    const failed = status("failed", { errors: [{ code: 131_047, title: "Re-engagement message" }] });
    expect(await receive(batch(value({ statuses: [failed, { id: "x", status: "sent" }] })))).toMatchObject({
      receipts: [{ kind: "failed", idempotencyKey: "row-1", error: "MESSAGING_WINDOW_CLOSED" }],
    });
  });
});
