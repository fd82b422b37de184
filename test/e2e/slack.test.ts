import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildPack } from "../../src/pack/index.ts";
import { openSlackStandIn, SLACK_SELF } from "../stand-ins/slack.ts";
import type { SlackStandIn } from "../stand-ins/slack.ts";
import { openWebhookReceiver } from "../stand-ins/webhook-receiver.ts";
import type { WebhookReceiver } from "../stand-ins/webhook-receiver.ts";
import { verifies } from "../verifies.ts";
import { startHostProcess } from "./host-process.ts";
import type { HostProcess } from "./host-process.ts";

const TOKEN = "xoxb-111-222-stand-in-0123456789";
const SECRET = "0123456789abcdef0123456789abcdef";
const HOOK_SECRET = `whsec_${Buffer.from("a secret of twenty-four b").toString("base64")}`;
const FLOW = `id: on_message
type: messaging
schema_version: 2
start: ask
nodes:
  ask:
    qa:
      questions:
        - { id: city, prompt: "Which *city* & <when>?", type: choice, choices: [Rome, Paris] }
    routing: [{ to: order }]
  order:
    message.send: { text: "order for {{ask.answers.city}}", to: { id: orders, channel: orders } }
    routing: [{ to: done }]
  done: { message.send: { text: "Noted {{ask.answers.city}}." }, routing: out }
`;

async function makeBundle(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "greentic-slack-"));
  mkdirSync(join(dir, "pack/flows"), { recursive: true });
  mkdirSync(join(dir, "data"), { mode: 0o700 });
  writeFileSync(join(dir, "pack/flows/on_message.ygtc"), FLOW);
  writeFileSync(
    join(dir, "pack/pack.toml"),
    '[pack]\nname = "shop"\nversion = "1.0.0"\ndescription = "Takes orders"\nauthors = []\n[capabilities]\nid = "greentic.cap.app.v1"\nprovides = ["shop"]\n[flows]\non_message = "flows/on_message.ygtc"\n',
  );
  const { bytes } = await buildPack(join(dir, "pack"), { probeComponent: () => ({ abi: "none", world: "" }) });
  writeFileSync(join(dir, "shop.gtpack"), bytes);
  writeFileSync(
    join(dir, "greentic.demo.yaml"),
    `tenant: demo
providers:
  slack: { type: slack, config: { workspace: T0001 } }
  orders: { type: webhook-out, config: { url: "https://hooks.example.com/in" } }
apps:
  shop: { pack: shop.gtpack, default_flow: on_message }
`,
  );
  writeFileSync(join(dir, "greentic.toml"), "[security]\nreject_unsigned = false\n");
  const secret = (category: string, name: string): string => `secrets://dev/demo/_/${category}/${name}`;
  writeFileSync(
    join(dir, "data/secrets.json"),
    JSON.stringify({
      [secret("slack", "slack_bot_token")]: TOKEN,
      [secret("slack", "slack_signing_secret")]: "ffff0000ffff0000ffff0000ffff0000",
      [secret("slack", "slack_signing_secret_previous")]: SECRET,
      [secret("orders", "webhook_secret")]: HOOK_SECRET,
    }),
    { mode: 0o600 },
  );
  return dir;
}

let slack: SlackStandIn;
let hooks: WebhookReceiver;
let bundle: string;
let host: HostProcess;
const ingress = (): string => `${host.url}/v1/messaging/ingress/slack/demo`;
const start = async (): Promise<HostProcess> =>
  startHostProcess(".", {
    cwd: bundle,
    args: ["--port", "0", "--data", join(bundle, "data")],
    env: { GREENTIC_HTTP_REWRITE: `https://slack.com=${slack.url},https://hooks.example.com=${hooks.url}` },
  });

beforeAll(async () => {
  [slack, hooks, bundle] = await Promise.all([
    openSlackStandIn({ token: TOKEN, signingSecret: SECRET }),
    openWebhookReceiver(HOOK_SECRET),
    makeBundle(),
  ]);
  host = await start();
});
afterAll(async () => {
  await host.kill();
  await Promise.all([slack.close(), hooks.close()]);
});

const last = (channel: string): { readonly ts: string; readonly thread: string | undefined } =>
  slack.messages.findLast((message) => message.channel === channel) ?? { ts: "", thread: undefined };
const press = async (channel: string, title: string): Promise<number> => {
  const payload = JSON.stringify(slack.press(last(channel).ts, title));
  return (await slack.postForm(ingress(), { payload })).status;
};

test("a person orders in a direct message by a button; the order leaves as a webhook", async () => {
  verifies("channels.slack", "channels.webhook-out");
  expect(await slack.post(ingress(), JSON.stringify({ type: "url_verification", challenge: "abc" }))).toEqual({
    status: 200,
    body: "abc",
  });
  const hello = slack.said("hello", { channel: "D1" });
  expect(await slack.deliver(ingress(), hello)).toMatchObject([{ status: 200 }]);
  expect(await slack.deliver(ingress(), hello)).toMatchObject([{ status: 200 }]);
  await slack.until(() => slack.seen("D1").length === 1);
  expect(slack.seen("D1")).toEqual([expect.stringContaining("Which *city* & <when>?")]);
  expect(await press("D1", "Rome")).toBe(200);
  await slack.until(() => slack.seen("D1").length === 2);
  await hooks.until(() => hooks.taken.length === 1);
  expect(slack.seen("D1")[1]).toBe("Noted Rome.");
  expect(hooks.taken[0]?.payload).toMatchObject({ type: "message.sent", data: { text: "order for Rome" } });
  expect([slack.refused, slack.limited, hooks.refused()]).toEqual([[], 0, 0]);
});

test("a mention in a channel is answered in its thread, and a forgery and an unknown channel alike", async () => {
  verifies("channels.slack");
  const event = slack.said(`<@${SLACK_SELF}> hi`, { channel: "C1", ts: "1700000000.000100" });
  await slack.deliver(ingress(), { ...event, event: { ...(event["event"] as object), type: "app_mention" } });
  await slack.deliver(ingress(), event);
  await slack.until(() => slack.messages.some(({ channel }) => channel === "C1"));
  expect(last("C1").thread).toBe("1700000000.000100");
  await press("C1", "Paris");
  await slack.until(() => slack.seen("C1", "1700000000.000100").length === 2);
  expect(slack.seen("C1", "1700000000.000100")[1]).toBe("Noted Paris.");
  const body = JSON.stringify(slack.said("hi"));
  const forged = await slack.post(ingress(), body, { headers: slack.sign(body, { secret: "x".repeat(32) }) });
  const unknown = await slack.post(ingress().replace("slack", "slick"), body);
  const late = await slack.post(ingress(), body, { headers: slack.sign(body, { atMs: Date.now() - 301_000 }) });
  expect([forged, unknown, late]).toEqual(Array.from({ length: 3 }, () => ({ status: 401, body: "" })));
});

test.each([
  ["reset-after", "found in the history and not posted again"],
  ["reset-before", "posted once more"],
] as const)(
  "an answer whose fate is unknown (%s) is %s, also by the host's next life",
  async (fault, _becomes) => {
    verifies("channels.slack.read-back");
    const channel = fault === "reset-after" ? "D2" : "D3";
    const reads = slack.reads;
    slack.faults.push(fault);
    await slack.deliver(ingress(), slack.said("hello", { channel }));
    // The fault ends the call; the host dies before it can ask about it.
    if (fault === "reset-after") await slack.until(() => slack.seen(channel).length === 1);
    await host.kill();
    host = await start();
    await slack.until(() => slack.reads > reads && slack.seen(channel).length === 1);
    expect(await press(channel, "Rome")).toBe(200);
    await slack.until(() => slack.seen(channel).length === 2);
    expect(slack.seen(channel)[1]).toBe("Noted Rome.");
  },
  60_000,
);
