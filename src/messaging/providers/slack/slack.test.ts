import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { SlackStandIn } from "../../../../test/stand-ins/slack.ts";
import { openSlackStandIn, SLACK_SELF } from "../../../../test/stand-ins/slack.ts";
import { createTestWorld } from "../../../../test/stand-ins/test-world.ts";
import { verifies } from "../../../../test/verifies.ts";
import { sendHttp } from "../../../http/index.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../../../types/index.ts";
import { channelId, DEFAULT_TEAM, envId, tenantId } from "../../../types/index.ts";
import type { Provider, ReceivedMessage } from "../../provider.ts";
import type { SendHttp } from "../entry.ts";
import type { SlackOptions } from "./provider.ts";
import { createSlackProvider } from "./provider.ts";

const TOKEN = "xoxb-111-222-stand-in-0123456789";
const SECRET = "0123456789abcdef0123456789abcdef";
const world = createTestWorld();
let slack: SlackStandIn;
beforeEach(async () => {
  slack = await openSlackStandIn({
    token: TOKEN,
    signingSecret: SECRET,
    nowMs: () => world.nowMs(),
    isPaced: false,
    page: 2,
  });
});
afterEach(() => slack.close());

const http: SendHttp = (request, options) =>
  sendHttp(request, { ...options, rewrites: [{ from: new URL("https://slack.com"), to: new URL(slack.url) }] });
const provider = (extra: Partial<SlackOptions> = {}): Provider =>
  createSlackProvider({
    address: { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId("slack") },
    token: () => Promise.resolve(TOKEN),
    signingSecrets: () => Promise.resolve([SECRET]),
    http,
    world,
    ...extra,
  });
const message = (extra: Partial<ChannelMessageEnvelope>): ChannelMessageEnvelope => ({
  id: "m",
  tenant: { env: "test", tenant: "acme" },
  channel: "slack",
  session_id: "D7",
  attachments: [],
  metadata: {},
  ...extra,
});
const send = (by: Provider, payload: JsonValue | undefined, { conversation = "D7", key = "k" } = {}) =>
  by.send?.(payload ?? null, { idempotencyKey: key, conversation, signal: new AbortController().signal });

async function receive(body: JsonObject | string, by = provider()): Promise<readonly ReceivedMessage[]> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const isForm = typeof body === "string" && !body.startsWith("{");
  const headers = {
    "content-type": isForm ? "application/x-www-form-urlencoded" : "application/json",
    ...slack.sign(text),
  };
  const received = await by.receive?.({ method: "POST", url: "/", headers, body: Buffer.from(text) });
  if (received?.kind !== "messages") throw new Error(`got ${JSON.stringify(received)}`);
  return received.messages;
}
const form = (fields: Record<string, string>): string => new URLSearchParams(fields).toString();
const pressed = (press: JsonObject): Promise<readonly ReceivedMessage[]> =>
  receive(form({ payload: JSON.stringify(press) }));

describe("createSlackProvider() receiving", () => {
  test("takes a direct message in, its markup read, and the same one under the same name again", async () => {
    const event = slack.said("<@U0SELF> 1 &lt; 2 <https://a.example|link>", {
      files: [{ id: "F1", name: "a.pdf", mimetype: "application/pdf", size: 3 }],
    });
    const [received] = await receive(event);
    expect(received).toMatchObject({
      conversation: "D7",
      user: "U7",
      envelope: {
        text: "1 < 2 link (https://a.example)",
        from: { id: "U7", kind: "user" },
        attachments: [{ mime_type: "application/pdf", content: { file_id: "F1" }, name: "a.pdf", size_bytes: 3 }],
      },
    });
    expect((await receive(event))[0]?.dedupeKey).toBe(received?.dedupeKey);
  });

  test("hears a mention once though Slack tells of it twice, and answers it in its thread", async () => {
    const said = { text: `<@${SLACK_SELF}> hello`, user: "U7", channel: "C1", ts: "1700000000.000100" };
    const [mention] = await receive(slack.event({ type: "app_mention", ...said }));
    const [twin] = await receive(slack.event({ type: "message", channel_type: "channel", ...said }));
    expect(mention).toMatchObject({ conversation: "C1/1700000000.000100", envelope: { text: "hello" } });
    expect(twin?.dedupeKey).toBe(mention?.dedupeKey);
    const inThread = { ...said, ts: "1700000001.000100", thread_ts: said.ts };
    expect((await receive(slack.event({ type: "app_mention", ...inThread })))[0]?.conversation).toBe(
      mention?.conversation,
    );
  });

  test("knows what Slack delivers again, at once and later, by the same name", async () => {
    verifies("channels.slack");
    const names: (string | undefined)[] = [];
    const retries: unknown[] = [];
    const by = provider();
    const server = createServer((incoming, outgoing) => {
      void buffer(incoming).then(async (body) => {
        const received = await by.receive?.({ method: "POST", url: "/", headers: incoming.headers, body });
        names.push(received?.kind === "messages" ? received.messages[0]?.dedupeKey : received?.kind);
        retries.push(incoming.headers["x-slack-retry-num"]);
        outgoing.writeHead(names.length < 3 ? 503 : 200).end();
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const answers = await slack.deliver(
      `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      slack.said("hi"),
    );
    server.close();
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 200]);
    expect(retries).toEqual([undefined, "1", "2"]);
    expect(names[0]).toMatch(/^sl:T0001:D7:/);
    expect(new Set(names).size).toBe(1);
  });

  test.each<[string, JsonObject]>([
    ["its own messages", { user: SLACK_SELF }],
    ["other bots", { bot_id: "B2" }],
    ["edits", { subtype: "message_changed", hidden: true }],
    ["joins", { subtype: "channel_join" }],
    ["what people say to each other in channels", { channel: "C1" }],
    ["threads of others", { channel: "C1", thread_ts: "1.1", parent_user_id: "U9" }],
    ["empty messages", { text: "" }],
  ])("drops %s", async (_, more) => {
    expect(await receive(slack.said((more.text ?? "hi") as string, more as never))).toEqual([]);
  });

  test("hears threads below its own messages, and everything where it is told to", async () => {
    const below = slack.said("yes", { channel: "C1", thread_ts: "1.1", parent_user_id: SLACK_SELF });
    expect(await receive(below)).toMatchObject([{ conversation: "C1/1.1" }]);
    const aside = slack.said("hm", { channel: "C1" });
    expect(await receive(aside, provider({ hearsAll: true }))).toMatchObject([{ envelope: { text: "hm" } }]);
  });

  test("answers the challenge, and refuses other workspaces", async () => {
    const challenge = JSON.stringify({ type: "url_verification", token: "x", challenge: "3eZbrw1aB10" });
    const by = provider({ workspace: "T0002" });
    const ask = async (body: string): Promise<unknown> => {
      const headers = { "content-type": "application/json", ...slack.sign(body) };
      return by.receive?.({ method: "POST", url: "/", headers, body: Buffer.from(body) });
    };
    expect(await ask(challenge)).toMatchObject({ kind: "answer", status: 200, body: "3eZbrw1aB10" });
    expect(await ask(JSON.stringify(slack.said("hi")))).toEqual({ kind: "refused", reason: "workspace" });
  });

  test("reads a slash command", async () => {
    const fields = {
      command: "/weather",
      text: " Berlin ",
      channel_id: "C1",
      user_id: "U7",
      user_name: "ada",
      trigger_id: "13.1",
      team_id: "T0001",
    };
    expect(await receive(form(fields))).toMatchObject([
      {
        conversation: "C1",
        dedupeKey: "sl:T0001:command:13.1",
        envelope: { text: "/weather Berlin", metadata: { command: "/weather" }, from: { name: "ada" } },
      },
    ]);
  });

  test("reads a modal's form with what was laid into it", async () => {
    const view = {
      id: "V1",
      hash: "h1",
      callback_id: "order",
      private_metadata: JSON.stringify({ conversation: "C1/1.1", order: "7" }),
      state: {
        values: {
          b: {
            city: { type: "plain_text_input", value: "Rome" },
            days: { type: "static_select", selected_option: { value: "3" } },
          },
        },
      },
    };
    const [received] = await pressed({ type: "view_submission", team: { id: "T0001" }, user: { id: "U7" }, view });
    expect(received).toMatchObject({
      conversation: "C1/1.1",
      dedupeKey: "sl:T0001:view:V1:h1",
      envelope: { metadata: { order: "7", city: "Rome", days: "3", callback_id: "order" } },
    });
  });
});

describe("createSlackProvider() sending", () => {
  const card: JsonObject = {
    type: "AdaptiveCard",
    body: [
      { type: "TextBlock", text: "Order", style: "heading" },
      { type: "TextBlock", text: "*Not bold* <!channel> & more" },
      { type: "Input.Text", id: "city", label: "City", value: "Rome" },
      {
        type: "Input.ChoiceSet",
        id: "days",
        label: "Days",
        isMultiSelect: true,
        choices: ["1", "3"].map((value) => ({ title: `${value} d`, value })),
      },
      { type: "Input.Toggle", id: "mail", title: "Mail me", valueOn: "yes", valueOff: "no" },
      { type: "Input.Date", id: "from", label: "From" },
    ],
    actions: [
      { type: "Action.Submit", title: "Send", data: { action: "order" } },
      { type: "Action.Submit", title: "Cancel", data: "cancel", associatedInputs: "none" },
      { type: "Action.OpenUrl", title: "Help", url: "https://help.example.com" },
    ],
  };

  test("shows a card with its inputs, and gets them back as one submit", async () => {
    verifies("channels.slack");
    const by = provider();
    const [payload, ...more] = by.project(
      message({ text: "Order. Not bold <!channel> & more", extensions: { adaptive_card: card } }),
    );
    expect(more).toEqual([]);
    expect(await send(by, payload)).toMatchObject({ kind: "sent" });
    expect(slack.refused).toEqual([]);
    expect(slack.seen("D7")).toEqual([
      "Order\n*Not bold* <!channel> & more\nCity\nDays\nMail me\nFrom\n[Send] [Cancel] [Help]",
    ]);
    const { ts } = slack.messages[0] ?? { ts: "" };
    const inputs: Record<string, JsonObject> = {
      "i0:city": { value: "Berlin" },
      "i0:days": { selected_options: [{ value: "1" }, { value: "3" }] },
      "i0:mail": { selected_option: { value: "yes" } },
      "i0:from": { selected_date: null },
    };
    const [submitted] = await pressed(slack.press(ts, "Send", { inputs }));
    expect(submitted?.envelope).toMatchObject({
      metadata: { action: "order", city: "Berlin", days: "1,3", mail: "yes", choice_title: "Send" },
      extensions: { channel_data: { value: { action: "order", city: "Berlin", days: "1,3", mail: "yes" } } },
    });
    expect(submitted?.envelope.text).toBeUndefined();
    const [cancelled] = await pressed(slack.press(ts, "Cancel", { inputs }));
    expect(cancelled?.envelope).toMatchObject({ text: "cancel" });
    expect(cancelled?.envelope.metadata["city"]).toBeUndefined();
    expect(await pressed(slack.press(ts, "Help"))).toEqual([]);
  });

  test("degrades a card whose choices no select can hold to buttons that say the same", async () => {
    const value = "x".repeat(80);
    const choice = { type: "Input.ChoiceSet", id: "city", label: "City", choices: [{ title: "Far", value }] };
    const by = provider();
    for (const payload of by.project(
      message({ extensions: { adaptive_card: { type: "AdaptiveCard", body: [choice] } } }),
    ))
      await send(by, payload);
    const [received] = await pressed(slack.press(slack.messages[0]?.ts ?? "", "Far"));
    expect(received?.envelope.metadata).toMatchObject({ city: value });
  });

  test("posts into the thread, with the key, and nothing that formats or unfolds", async () => {
    const by = provider();
    const [payload] = by.project(
      message({ text: "hi", extensions: { suggested_actions: [{ title: "Yes", value: "y" }] } }),
    );
    expect(await send(by, payload, { conversation: "C1/1.1", key: "row-1" })).toEqual({
      kind: "sent",
      receipt: slack.messages[0]?.ts,
    });
    expect(slack.messages[0]?.body).toMatchObject({
      channel: "C1",
      thread_ts: "1.1",
      mrkdwn: false,
      unfurl_links: false,
      metadata: { event_type: "greentic_message", event_payload: { key: "row-1" } },
    });
    expect((await pressed(slack.press(slack.messages[0]?.ts ?? "", "Yes")))[0]).toMatchObject({
      conversation: "C1/1.1",
      envelope: { text: "y" },
    });
  });

  test.each([
    ["429", { kind: "retry", error: "MESSAGING_RATE_LIMITED", notBeforeMs: world.nowMs() + 3_000 }],
    ["503", { kind: "retry", error: "MESSAGING_PLATFORM_UNAVAILABLE" }],
    ["error:ratelimited", { kind: "retry", error: "MESSAGING_RATE_LIMITED" }],
    ["error:is_archived", { kind: "failed", error: "MESSAGING_PLATFORM_REFUSED" }],
    ["error:token_revoked", { kind: "failed", error: "MESSAGING_PLATFORM_UNAUTHENTICATED" }],
    ["error:fatal_error", { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" }],
    ["500", { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" }],
    ["reset-before", { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" }],
    ["reset-after", { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" }],
  ] as const)("says what a send that met %s became", async (fault, result) => {
    const by = provider();
    slack.faults.push(fault);
    expect(await send(by, { text: "x" })).toMatchObject(result);
  });

  test("keeps a second between sends to a channel, and Slack's pauses for all of them", async () => {
    const world = createTestWorld();
    const by = provider({ world });
    expect((await send(by, { text: "x" }))?.kind).toBe("sent");
    const next = send(by, { text: "x" });
    await new Promise((later) => void setImmediate(later));
    world.advance(1_000);
    await new Promise((later) => void setImmediate(later));
    expect(slack.messages).toHaveLength(1);
    world.advance(100);
    expect((await next)?.kind).toBe("sent");
    slack.faults.push("429");
    await send(by, { text: "x" }, { conversation: "C2" });
    expect(by.readyAtMs?.("C3/1.1")).toBe(world.nowMs() + 3_000);
    expect(by.sendRates?.("C3/1.1").map(({ name }) => name)).toEqual(["workspace", "channel:C3"]);
  });

  test("uses what Slack permits in a storm, and is never told to slow down", async () => {
    verifies("channels.slack");
    await slack.close();
    const clock = createTestWorld();
    slack = await openSlackStandIn({ token: TOKEN, signingSecret: SECRET, nowMs: () => clock.nowMs() });
    const by = provider({ world: clock });
    const channels = Array.from({ length: 12 }, (_, i) => `C${i}`);
    const seconds = 100;
    for (let step = 0; step < seconds * 10; step++) {
      for (const conversation of channels) {
        if ((by.readyAtMs?.(conversation) ?? 0) <= clock.nowMs())
          expect((await send(by, { text: "x" }, { conversation }))?.kind).toBe("sent");
      }
      clock.advance(100);
    }
    expect(slack.limited).toBe(0);
    expect(slack.messages.length).toBeGreaterThanOrEqual(seconds * 5 * 0.95);
    expect(slack.messages.length).toBeLessThanOrEqual(seconds * 5);
  });

  test("never shows the token, and waits for one of the right form", async () => {
    const broken: SendHttp = () => Promise.reject(new Error(`Bearer ${TOKEN} failed`));
    const seen = [
      await send(provider({ http: broken }), { text: "x" }),
      await send(provider({ token: () => Promise.resolve(`${TOKEN}\n`) }), { text: "x" }),
      await send(provider(), "text"),
    ];
    expect(seen).toMatchObject([
      { kind: "unknown" },
      { kind: "retry", error: "MESSAGING_CREDENTIAL_INVALID" },
      { kind: "failed" },
    ]);
    expect(JSON.stringify(seen)).not.toContain("0123456789");
  });
});

describe("createSlackProvider() reading back", () => {
  const ask = (by: Provider, key: string, { conversation = "D7", createdAtMs = world.nowMs() } = {}) =>
    by.readBack?.({
      payload: {},
      idempotencyKey: key,
      conversation,
      createdAtMs,
      signal: new AbortController().signal,
    });

  test("finds a message by its key on any page, of a channel or a thread, and says so of what isn't there", async () => {
    verifies("channels.slack.read-back");
    for (const conversation of ["D7", "C1/1.1"]) {
      for (const key of ["a", "b", "c", "d", "e"]) await send(provider(), { text: key }, { conversation, key });
      const ts = slack.messages.find(
        ({ body }) => body.text === "a" && body.channel === conversation.split("/")[0],
      )?.ts;
      expect(await ask(provider(), "a", { conversation })).toEqual({ kind: "sent", receipt: ts });
      expect(await ask(provider(), "e", { conversation })).toMatchObject({ kind: "sent" });
      expect(await ask(provider(), "missing", { conversation })).toEqual({ kind: "unsent" });
    }
  });

  test.each([
    ["429", { kind: "unknown", notBeforeMs: world.nowMs() + 3_000 }],
    ["500", { kind: "unknown", notBeforeMs: world.nowMs() + 2_000 }],
    ["reset-before", { kind: "unknown", notBeforeMs: world.nowMs() + 2_000 }],
  ] as const)("asks to be asked again after %s", async (fault, result) => {
    slack.readFaults.push(fault);
    expect(await ask(provider(), "a")).toMatchObject(result);
  });

  test("leaves to policy what it may not read", async () => {
    slack.readFaults.push("error:missing_scope");
    const found = await ask(provider(), "a");
    expect(found).toEqual({ kind: "unknown", error: "MESSAGING_PLATFORM_UNAUTHENTICATED" });
  });
});
