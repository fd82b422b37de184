/** Built-in channels as provider packs of their own source: the same stand-ins, and the same outcomes as the built-in ones. */
import { createHmac } from "node:crypto";
import { afterAll, describe, expect, test } from "vitest";
import type { PackedType } from "../../scripts/provider-packs/built-in-packs.ts";
import { buildBuiltInPack } from "../../scripts/provider-packs/built-in-packs.ts";
import { findToolchains } from "../../src/component/authoring/toolchains.ts";
import { InProcessComponentHost } from "../../src/component/index.ts";
import { openHttp, sendHttp } from "../../src/http/index.ts";
import type { HttpOptions } from "../../src/http/index.ts";
import { createPackProvider, providerOf } from "../../src/messaging/index.ts";
import type { Provider, Received, WebhookRequest } from "../../src/messaging/index.ts";
import { openPack, TRUST_NOBODY } from "../../src/pack/index.ts";
import { createMachineWorld, openProviderPack } from "../../src/runner/index.ts";
import type { ChannelMessageEnvelope, JsonObject } from "../../src/types/index.ts";
import { channelId, DEFAULT_TEAM, DENY_ALL, envId, tenantId } from "../../src/types/index.ts";
import { openSlackStandIn } from "../stand-ins/slack.ts";
import { openTelegramStandIn } from "../stand-ins/telegram.ts";
import { openWhatsAppStandIn } from "../stand-ins/whatsapp.ts";
import { verifies } from "../verifies.ts";
import { ROOT } from "../e2e/shell.ts";

const absent = (await findToolchains(ROOT)).filter(
  ({ languages, isPresent }) => !isPresent && languages.includes("typescript"),
);
const components = new InProcessComponentHost();
afterAll(() => components[Symbol.asyncDispose]());

interface Both {
  readonly builtIn: Provider;
  readonly packed: Provider;
}

async function openBoth(
  type: PackedType,
  options: {
    readonly secrets: Readonly<Record<string, string>>;
    readonly config: JsonObject;
    readonly rewrite: readonly [string, string];
  },
): Promise<Both> {
  const { secrets, config, rewrite } = options;
  const world = createMachineWorld();
  const http: HttpOptions = { rewrites: [{ from: new URL(rewrite[0]), to: new URL(rewrite[1]) }] };
  const address = { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId(type) };
  const secret = async (name: string): Promise<string> => Promise.resolve(secrets[name] ?? "");
  const both = async (name: string): Promise<readonly string[]> =>
    (await Promise.all([secret(name), secret(`${name}_previous`)])).filter((value) => value !== "");
  const builtIn = providerOf(type).create(address, {
    world,
    http: (request, { signal } = {}) => sendHttp(request, { ...http, ...(signal && { signal }) }),
    openHttp: (request, more = {}) => openHttp(request, { ...http, ...more }),
    config,
    secret,
    secrets: both,
  });
  const pack = await openPack(await buildBuiltInPack(type), {
    trust: { ...TRUST_NOBODY, rejectUnsigned: false },
    nowMs: Date.now(),
  });
  const opened = await openProviderPack(pack, {
    components,
    policy: { ...DENY_ALL, network: { egress: { origins: ["*"] }, privateAddresses: [] }, secrets: ["*"] },
    address,
    world,
    http,
    granted: { http: [], secrets: [] },
    secret,
    config,
    log: () => undefined,
  });
  expect(opened.problem).toBeUndefined();
  const packed = createPackProvider({
    address,
    parts: opened.parts,
    call: opened.call,
    config,
    verification: { scheme: "component", handshake: false },
    secrets: both,
    world,
  });
  return { builtIn, packed };
}

const post = (body: string, headers: Record<string, string>): WebhookRequest => ({
  method: "POST",
  url: "/v1/messaging/ingress/x/acme",
  headers,
  body: Buffer.from(body),
});

/** What two channels have to agree on. */
function essence(received: Received | undefined): unknown {
  if (received?.kind !== "messages") return received?.kind === "refused" ? { kind: "refused" } : received;
  return received.messages.map(({ conversation, user, locale, envelope }) => {
    const { text, extensions, attachments } = envelope;
    return { conversation, user, locale, text, extensions, attachments };
  });
}

async function agreeOn({ builtIn, packed }: Both, request: WebhookRequest): Promise<unknown> {
  const expected = essence(await builtIn.receive?.(request));
  expect(essence(await packed.receive?.(request))).toEqual(expected);
  return expected;
}

const message = (conversation: string, extra: Partial<ChannelMessageEnvelope>): ChannelMessageEnvelope => ({
  id: "r1",
  tenant: { env: "test", tenant: "acme" },
  channel: "x",
  session_id: conversation,
  attachments: [],
  metadata: {},
  ...extra,
});
const asked: Partial<ChannelMessageEnvelope> = {
  text: "Which *city*?",
  extensions: {
    suggested_actions: [
      { title: "Rome", value: "rome" },
      { title: "Oslo", value: "oslo" },
    ],
  },
};

/** Sends a message by a channel; the outcomes of its parts. */
async function sendBy(
  provider: Provider,
  conversation: string,
  what: Partial<ChannelMessageEnvelope>,
  key = "k",
): Promise<readonly string[]> {
  const outcomes: string[] = [];
  for (const [i, payload] of provider.project(message(conversation, what)).entries()) {
    const signal = new AbortController().signal;
    const result = await provider.send?.(payload, { idempotencyKey: `${key}${i}`, conversation, signal });
    outcomes.push(result?.kind ?? "none");
  }
  return outcomes;
}

describe.skipIf(absent.length > 0)("a built-in channel as a provider pack", () => {
  test("telegram receives, sends and fails as the built-in one does", async () => {
    verifies("channels.packs.built-in");
    const token = "987654:AAF_stand-in-token-0123456789";
    const telegram = await openTelegramStandIn({ token, isPaced: false });
    const secrets = { telegram_bot_token: token, telegram_secret_token: "new", telegram_secret_token_previous: "old" };
    const both = await openBoth("telegram", {
      secrets,
      config: { mode: "webhook" },
      rewrite: ["https://api.telegram.org", telegram.url],
    });
    const from = { id: 7, is_bot: false, first_name: "Ada", language_code: "pt-BR" };
    const said = JSON.stringify({ update_id: 5, message: { message_id: 9, chat: { id: 42 }, from, text: "olá 🐦" } });
    const signed = (secret: string) => ({ "x-telegram-bot-api-secret-token": secret });
    expect(await agreeOn(both, post(said, {}))).toEqual({ kind: "refused" });
    expect(await agreeOn(both, post(said, signed("guess")))).toEqual({ kind: "refused" });
    expect(await agreeOn(both, post(said, signed("old")))).toMatchObject([
      { conversation: "42", text: "olá 🐦", locale: "pt-BR" },
    ]);
    const bot = JSON.stringify({
      update_id: 6,
      message: { message_id: 9, chat: { id: 42 }, from: { ...from, is_bot: true }, text: "x" },
    });
    expect(await agreeOn(both, post(bot, signed("new")))).toEqual([]);
    expect(await sendBy(both.builtIn, "42", asked)).toEqual(["sent"]);
    expect(await sendBy(both.packed, "43", asked)).toEqual(["sent"]);
    const [own, theirs] = telegram.sends;
    expect([theirs?.text, theirs?.replyMarkup]).toEqual([own?.text, own?.replyMarkup]);
    for (const [i, fault] of (["429", "500", "blocked", "unauthorized", "reset-after"] as const).entries()) {
      telegram.faults.push(fault, fault);
      const outcome = await sendBy(both.builtIn, `${100 + i}`, { text: "hi" });
      expect([fault, await sendBy(both.packed, `${200 + i}`, { text: "hi" })]).toEqual([fault, outcome]);
    }
    await telegram.close();
  }, 120_000);

  test("slack's signatures, blocks and refusals are the same, and a doubtful message is found", async () => {
    verifies("channels.packs.built-in");
    const token = "xoxb-stand-in-0123456789";
    const signingSecret = "0123456789abcdef0123456789abcdef";
    const slack = await openSlackStandIn({ token, signingSecret, isPaced: false });
    const secrets = { slack_bot_token: token, slack_signing_secret: signingSecret };
    const both = await openBoth("slack", { secrets, config: {}, rewrite: ["https://slack.com", slack.url] });
    const happened = {
      type: "message",
      channel_type: "im",
      text: "hello <@U1>",
      user: "U7",
      channel: "D1",
      ts: slack.nextTs(),
    };
    const body = JSON.stringify(slack.event(happened));
    const json = { "content-type": "application/json" };
    expect(await agreeOn(both, post(body, { ...json, ...slack.sign(body) }))).toMatchObject([
      { conversation: "D1", user: "U7" },
    ]);
    expect(await agreeOn(both, post(body, { ...json, ...slack.sign(body, { secret: "guess" }) }))).toEqual({
      kind: "refused",
    });
    const stale = slack.sign(body, { atMs: Date.now() - 301_000 });
    expect(await agreeOn(both, post(body, { ...json, ...stale }))).toEqual({ kind: "refused" });
    const challenge = JSON.stringify({ type: "url_verification", challenge: "abc" });
    expect(await agreeOn(both, post(challenge, { ...json, ...slack.sign(challenge) }))).toMatchObject({
      kind: "answer",
    });
    expect(await sendBy(both.builtIn, "D1", asked)).toEqual(["sent"]);
    expect(await sendBy(both.packed, "D1", asked)).toEqual(["sent"]);
    const [own, theirs] = slack.messages;
    expect({ ...theirs?.body, metadata: 0 }).toEqual({ ...own?.body, metadata: 0 });
    for (const fault of ["500", "error:channel_not_found", "reset-after"] as const) {
      slack.faults.push(fault, fault);
      const outcome = await sendBy(both.builtIn, "D2", { text: "hi" }, "a");
      expect([fault, await sendBy(both.packed, "D3", { text: "hi" }, "b")]).toEqual([fault, outcome]);
    }
    const [payload = null] = both.packed.project(message("D3", { text: "hi" }));
    const doubt = {
      payload,
      conversation: "D3",
      createdAtMs: Date.now() - 60_000,
      signal: new AbortController().signal,
    };
    expect(both.packed.delivery).toEqual({ kind: "send", sinkClass: "B" });
    expect(await both.packed.readBack?.({ ...doubt, idempotencyKey: "b0" })).toMatchObject({ kind: "sent" });
    await slack.close();
  }, 120_000);

  test("whatsapp's handshake, signatures and lists are the same", async () => {
    verifies("channels.packs.built-in");
    const [token, appSecret, phoneNumberId] = ["EAAG-stand-in-0123456789", "app-secret-0123456789", "106540352242922"];
    await using whatsapp = await openWhatsAppStandIn({ token, appSecret, phoneNumberId, isPaced: false });
    const secrets = {
      whatsapp_access_token: token,
      whatsapp_app_secret: appSecret,
      whatsapp_verify_token: "verify-me",
    };
    const both = await openBoth("whatsapp", {
      secrets,
      config: { phone_number_id: phoneNumberId },
      rewrite: ["https://graph.facebook.com", whatsapp.url],
    });
    const value = {
      messaging_product: "whatsapp",
      metadata: { phone_number_id: phoneNumberId },
      contacts: [{ wa_id: "16505550001", profile: { name: "Ada" } }],
      messages: [
        {
          from: "16505550001",
          id: "wamid.A",
          timestamp: String(Math.floor(Date.now() / 1000)),
          type: "text",
          text: { body: "hallo" },
        },
      ],
    };
    const body = JSON.stringify({
      object: "whatsapp_business_account",
      entry: [{ id: "1", changes: [{ field: "messages", value }] }],
    });
    const sign = (secret: string) => ({
      "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
    });
    expect(await agreeOn(both, post(body, sign(appSecret)))).toMatchObject([{ user: "16505550001", text: "hallo" }]);
    expect(await agreeOn(both, post(body, sign("guess")))).toEqual({ kind: "refused" });
    const query = "?hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge=1158";
    const handshake = { ...post("", {}), method: "GET", url: `/x${query}` };
    expect(await agreeOn(both, handshake)).toMatchObject({ kind: "answer", body: "1158" });
    expect(await sendBy(both.builtIn, "16505550001", asked)).toEqual(["sent"]);
    expect(await sendBy(both.packed, "16505550001", asked)).toEqual(["sent"]);
    const [own, theirs] = whatsapp.sends;
    expect(theirs?.body["interactive"]).toEqual(own?.body["interactive"]);
    for (const fault of ["500", 131_026, "reset-after"] as const) {
      whatsapp.faults.push(fault, fault);
      const outcome = await sendBy(both.builtIn, "16505550001", { text: "hi" });
      expect([fault, await sendBy(both.packed, "16505550001", { text: "hi" })]).toEqual([fault, outcome]);
    }
  }, 120_000);
});
