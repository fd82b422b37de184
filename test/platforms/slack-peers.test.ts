/* oxlint-disable unicorn/require-post-message-target-origin -- Slack's postMessage is no window's */
import { App, HTTPReceiver, isValidSlackRequest, LogLevel } from "@slack/bolt";
import { WebClient } from "@slack/web-api";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { providerOf } from "../../src/messaging/index.ts";
import { channelId, DEFAULT_TEAM, envId, tenantId } from "../../src/types/index.ts";
import type { SlackStandIn } from "../stand-ins/slack.ts";
import { openSlackStandIn } from "../stand-ins/slack.ts";
import { verifies } from "../verifies.ts";
import { CHANNEL_SETTINGS, partsOf } from "./channel-settings.ts";

const SECRETS = CHANNEL_SETTINGS["slack"]?.secrets ?? {};
const [TOKEN = "", SECRET = ""] = [SECRETS["slack_bot_token"], SECRETS["slack_signing_secret"]];
const NOW_MS = 1_760_000_000_000;

let slack: SlackStandIn;
beforeEach(async () => {
  slack = await openSlackStandIn({ token: TOKEN, signingSecret: SECRET, redeliveryMs: [] });
});
afterEach(() => slack.close());

const address = { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId("slack") };
const provider = providerOf("slack").create(address, {
  ...partsOf("slack"),
  world: { nowMs: () => NOW_MS, schedule: () => () => undefined },
  http: () => Promise.reject(new TypeError("nothing is sent here")),
});

/** Whether we, and whether Bolt, believe a request. */
async function believe(
  body: string,
  headers: { "x-slack-signature": string; "x-slack-request-timestamp": string },
): Promise<readonly boolean[]> {
  const request = {
    method: "POST",
    url: "/",
    headers: { "content-type": "application/json", ...headers },
    body: Buffer.from(body),
  };
  const timestamp = Number(headers["x-slack-request-timestamp"]);
  const asked = {
    signingSecret: SECRET,
    body,
    headers: { ...headers, "x-slack-request-timestamp": timestamp },
    nowMilliseconds: NOW_MS,
  };
  return [(await provider.receive?.(request))?.kind !== "refused", isValidSlackRequest(asked)];
}

test("Bolt and we believe the same requests, but for three kinds in which we are stricter", async () => {
  verifies("channels.peers");
  const body = JSON.stringify({ type: "event_callback", team_id: "T0001", event: { type: "message" } });
  const at = (offS: number, secret = SECRET) => slack.sign(body, { secret, atMs: NOW_MS + offS * 1000 });
  const good = at(0);
  const signature = good["x-slack-signature"];
  const alike: (readonly [string, Parameters<typeof believe>[1], boolean])[] = [
    ["genuine", good, true],
    ["five minutes old", at(-300), true],
    ["older than five minutes", at(-301), false],
    ["by another secret", at(0, "another-secret-0123456789"), false],
    ["upper-cased", { ...good, "x-slack-signature": signature.toUpperCase() }, false],
    ["another version", { ...good, "x-slack-signature": signature.replace("v0", "v1") }, false],
    ["cut", { ...good, "x-slack-signature": signature.slice(0, -1) }, false],
    ["stretched", { ...good, "x-slack-signature": `${signature}0` }, false],
    ["another time", { ...good, "x-slack-request-timestamp": String(NOW_MS / 1000 - 1) }, false],
    ["empty", { ...good, "x-slack-signature": "" }, false],
  ];
  for (const [what, headers, isBelieved] of alike)
    expect([what, ...(await believe(body, headers))]).toEqual([what, isBelieved, isBelieved]);
  expect(await believe(`${body} `, good)).toEqual([false, false]);
  // Bolt has no bound on the future, reads a signature up to a second "=", and a time however it is written.
  const future = await believe(body, at(301));
  const trailing = await believe(body, { ...good, "x-slack-signature": `${signature}=more` });
  const rewritten = await believe(body, {
    ...good,
    "x-slack-request-timestamp": `${good["x-slack-request-timestamp"]}.0`,
  });
  expect([future, trailing, rewritten]).toEqual([
    [false, true],
    [false, true],
    [false, true],
  ]);
});

test("a Bolt app takes what is delivered and hears what people say and press", async () => {
  verifies("channels.peers");
  const heard: string[] = [];
  const port = await freePort();
  const receiver = new HTTPReceiver({
    signingSecret: SECRET,
    port,
    endpoints: ["/slack/events"],
    logLevel: LogLevel.ERROR,
  });
  const app = new App({
    receiver,
    logLevel: LogLevel.ERROR,
    authorize: async () => ({ botToken: TOKEN, botId: "B1", botUserId: "U0SELF" }),
    clientOptions: { slackApiUrl: `${slack.url}/api/` },
  });
  app.message(async ({ message, say }) => {
    heard.push("text" in message ? (message.text ?? "") : "");
    await say({
      text: "Which city?",
      mrkdwn: false,
      blocks: [
        {
          type: "actions",
          elements: [{ type: "button", action_id: "n0:1", text: { type: "plain_text", text: "Rome" }, value: "rome" }],
        },
      ],
    });
  });
  app.action(/n0/, async ({ ack, payload }) => {
    heard.push("value" in payload ? `pressed ${payload.value}` : "");
    await ack();
  });
  await app.start(port);
  const url = `http://127.0.0.1:${port}/slack/events`;
  expect(await slack.deliver(url, slack.said("hello"))).toMatchObject([{ status: 200 }]);
  await slack.until(() => slack.messages.length === 1);
  const press = slack.press(slack.messages[0]?.ts ?? "", "Rome");
  expect((await slack.postForm(url, { payload: JSON.stringify(press) })).status).toBe(200);
  expect(heard).toEqual(["hello", "pressed rome"]);
  const forged = slack.sign("{}", { secret: "another-secret-0123456789" });
  expect((await slack.post(url, "{}", { headers: forged })).status).toBe(401);
  await app.stop();
}, 30_000);

test("Slack's own client posts, reads back and hears refusals", async () => {
  verifies("channels.peers");
  const client = new WebClient(TOKEN, {
    slackApiUrl: `${slack.url}/api/`,
    rejectRateLimitedCalls: true,
    retryConfig: { retries: 0 },
    logLevel: LogLevel.ERROR as never,
  });
  const metadata = { event_type: "greentic_message", event_payload: { key: "row-1" } };
  const sent = await client.chat.postMessage({ channel: "D7", text: "one", mrkdwn: false, metadata });
  expect(sent).toMatchObject({ ok: true, ts: slack.messages[0]?.ts });
  const history = await client.conversations.history({ channel: "D7", include_all_metadata: true });
  expect(history.messages).toMatchObject([{ ts: sent.ts, metadata }]);
  await expect(client.chat.postMessage({ channel: "nowhere", text: "x", mrkdwn: false })).rejects.toMatchObject({
    data: { ok: false, error: "channel_not_found" },
  });
  await expect(client.chat.postMessage({ channel: "D7", text: "too soon", mrkdwn: false })).rejects.toMatchObject({
    code: "slack_webapi_rate_limited_error",
    retryAfter: 3,
  });
  const other = new WebClient("xoxb-another", {
    slackApiUrl: `${slack.url}/api/`,
    retryConfig: { retries: 0 },
    logLevel: LogLevel.ERROR as never,
  });
  await expect(other.chat.postMessage({ channel: "D7", text: "x" })).rejects.toMatchObject({
    data: { error: "invalid_auth" },
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => void server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}
