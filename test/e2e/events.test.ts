import { join } from "node:path";
import { sign } from "@octokit/webhooks-methods";
import { Webhook } from "standardwebhooks";
import { Stripe } from "stripe";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openWebhookReceiver } from "../stand-ins/webhook-receiver.ts";
import type { WebhookReceiver } from "../stand-ins/webhook-receiver.ts";
import { verifies } from "../verifies.ts";
import { CITY_FLOW, makeChannelBundle } from "./channel-bundle.ts";
import { startHostProcess } from "./host-process.ts";
import type { HostProcess } from "./host-process.ts";

const whsec = (text: string): string => `whsec_${Buffer.from(text).toString("base64")}`;
const HOOK_SECRET = whsec("a secret of twenty-four b");
const IN_SECRET = whsec("another of twenty-four b.");
const GITHUB_SECRET = "a secret of sixteen";
const STRIPE_SECRET = "whsec_0123456789abcdefABCDEF";
const onEvent = (id: string, entry: string, text: string): string => `id: ${id}
type: events
start: tell
entrypoints: { "event:${entry}": tell }
nodes:
  tell: { message.send: { text: "${text}", to: { id: desk, channel: out } }, routing: out }
`;
const FLOWS = {
  on_issue: onEvent(
    "on_issue",
    "github.issues.opened",
    "{{in.subject}} #{{in.payload.issue.number}}: {{in.payload.issue.title}}",
  ),
  on_paid: onEvent("on_paid", "stripe.*", "{{in.type}} {{in.subject}}"),
  on_order: onEvent("on_order", "erp.order.created", "{{in.type}} {{in.payload.data.id}}"),
  on_tick: onEvent("on_tick", "timer.tick", "tick {{in.payload.scheduled_at}}"),
};

let hooks: WebhookReceiver;
let host: HostProcess;
let bundle: string;
const start = (): Promise<HostProcess> =>
  startHostProcess(".", {
    cwd: bundle,
    args: ["--port", "0", "--data", join(bundle, "data")],
    env: { GREENTIC_HTTP_REWRITE: `https://hooks.example.com=${hooks.url}` },
  });
beforeAll(async () => {
  hooks = await openWebhookReceiver(HOOK_SECRET);
  bundle = await makeChannelBundle({
    flow: CITY_FLOW(["Rome", "Paris"]),
    more: FLOWS,
    providers: `  out: { type: webhook-out, config: { url: "https://hooks.example.com/in" } }
  github: { type: github }
  stripe: { type: stripe }
  erp: { type: webhook-in }
  tick: { type: timer, config: { every: 1d } }
`,
    secrets: {
      out: { webhook_secret: HOOK_SECRET },
      github: { github_webhook_secret: "the new secret, unused", github_webhook_secret_previous: GITHUB_SECRET },
      stripe: { stripe_webhook_secret: STRIPE_SECRET },
      erp: { webhook_secret: IN_SECRET },
    },
  });
  host = await start();
});
afterAll(async () => {
  await host.kill();
  await hooks.close();
});

const post = async (
  channel: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly body: string }> => {
  const init = { method: "POST", body, headers: { "content-type": "application/json", ...headers } };
  const answer = await fetch(`${host.url}/v1/events/ingress/${channel}/demo`, init);
  return { status: answer.status, body: await answer.text() };
};
const told = (): readonly string[] => hooks.taken.map(({ payload }) => (payload["data"] as { text: string }).text);
const ACCEPTED = { status: 200, body: "accepted" };
const REFUSED = { status: 401, body: "" };

const delivery = async (number: number, id: string): ReturnType<typeof post> => {
  const body = JSON.stringify({
    action: "opened",
    issue: { number, title: "It rains" },
    repository: { full_name: "octo/shop" },
  });
  return post("github", body, {
    "x-github-event": "issues",
    "x-github-delivery": id,
    "x-hub-signature-256": await sign(GITHUB_SECRET, body),
  });
};

test("an issue on GitHub runs a flow that posts a signed webhook, once however often it is delivered", async () => {
  verifies("events.github", "events.once");
  const first = "72d3162e-cc78-11e3-81ab-4c9367dc0958";
  for (let i = 0; i < 3; i++) expect(await delivery(7, first)).toEqual(ACCEPTED);
  await hooks.until(() => hooks.taken.length === 1);
  expect(told()).toEqual(["octo/shop #7: It rains"]);
  const ping = JSON.stringify({ zen: "Keep it logically awesome." });
  const headers = { "x-github-event": "ping", "x-github-delivery": first };
  expect(await post("github", ping, { ...headers, "x-hub-signature-256": await sign(GITHUB_SECRET, ping) })).toEqual({
    status: 200,
    body: "pong",
  });
  // The host dies when the event is on its disk, whatever else it has done; its next life knows the delivery.
  const second = "82d3162e-cc78-11e3-81ab-4c9367dc0958";
  expect(await delivery(8, second)).toEqual(ACCEPTED);
  await host.kill();
  host = await start();
  expect(await delivery(8, second)).toEqual(ACCEPTED);
  await hooks.until(() => hooks.taken.length === 2);
  expect(await delivery(9, "92d3162e-cc78-11e3-81ab-4c9367dc0958")).toEqual(ACCEPTED);
  await hooks.until(() => hooks.taken.length === 3);
  expect(told()).toEqual(["octo/shop #7: It rains", "octo/shop #8: It rains", "octo/shop #9: It rains"]);
}, 60_000);

test("an event of Stripe and a Standard Webhook start their flows; forgeries and unknown channels look alike", async () => {
  verifies("events.stripe", "events.webhook-in");
  const before = hooks.taken.length;
  const paid = JSON.stringify({ id: "evt_1", type: "invoice.paid", data: { object: { id: "in_1" } } });
  const { webhooks } = new Stripe("sk_test_0");
  for (const secret of [STRIPE_SECRET, STRIPE_SECRET, "whsec_ffffffffffffffffffff"]) {
    const headers = { "stripe-signature": webhooks.generateTestHeaderString({ payload: paid, secret }) };
    expect(await post("stripe", paid, headers)).toEqual(secret === STRIPE_SECRET ? ACCEPTED : REFUSED);
  }
  const order = JSON.stringify({ type: "order.created", data: { id: "o-1" } });
  const now = new Date();
  const signed = {
    "webhook-id": "msg_1",
    "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
    "webhook-signature": new Webhook(IN_SECRET).sign("msg_1", now, order),
  };
  expect(await post("erp", order, signed)).toEqual(ACCEPTED);
  expect(await post("erp", order, signed)).toEqual(ACCEPTED);
  expect(await post("erp", order.replace("o-1", "o-2"), signed)).toEqual(REFUSED);
  expect(await post("er", order, signed)).toEqual(REFUSED);
  expect(await post("tick", order, signed)).toEqual(REFUSED);
  await hooks.until(() => hooks.taken.length === before + 2);
  expect(told().slice(before).toSorted()).toEqual(["erp.order.created o-1", "stripe.invoice.paid in_1"]);
  const large = `"${"x".repeat(1 << 20)}"`;
  expect((await post("erp", large, signed)).status).toBe(413);
  const broken = await post("stripe", "{}", {
    "stripe-signature": webhooks.generateTestHeaderString({ payload: "{}", secret: STRIPE_SECRET }),
  });
  expect([broken.status, JSON.parse(broken.body)]).toMatchObject([400, { error: { code: "MESSAGING_EVENT_INVALID" } }]);
}, 60_000);
