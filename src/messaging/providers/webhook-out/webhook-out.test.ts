import { afterEach, beforeEach, expect, test } from "vitest";
import type { WebhookReceiver } from "../../../../test/stand-ins/webhook-receiver.ts";
import { openWebhookReceiver } from "../../../../test/stand-ins/webhook-receiver.ts";
import { createTestWorld } from "../../../../test/stand-ins/test-world.ts";
import { verifies } from "../../../../test/verifies.ts";
import { sendHttp } from "../../../http/index.ts";
import type { ChannelMessageEnvelope, JsonValue } from "../../../types/index.ts";
import { channelId, DEFAULT_TEAM, envId, tenantId } from "../../../types/index.ts";
import type { Provider } from "../../provider.ts";
import type { SendHttp } from "../entry.ts";
import { checkSettings, providerOf } from "../catalog.ts";
import type { WebhookOutOptions } from "./provider.ts";
import { createWebhookOutProvider } from "./provider.ts";

const SECRET = `whsec_${Buffer.from("a secret of twenty-four b").toString("base64")}`;
const OTHER = `whsec_${Buffer.from("another secret of twenty-f").toString("base64")}`;
const URL_OUT = "https://hooks.example.com/in?to=orders";
const world = createTestWorld();
let receiver: WebhookReceiver;
beforeEach(async () => {
  receiver = await openWebhookReceiver(SECRET, () => world.nowMs());
});
afterEach(() => receiver.close());

const http: SendHttp = (request, options) =>
  sendHttp(request, {
    ...options,
    rewrites: [{ from: new URL("https://hooks.example.com"), to: new URL(receiver.url) }],
  });
const provider = (extra: Partial<WebhookOutOptions> = {}): Provider =>
  createWebhookOutProvider({
    address: { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId("orders") },
    http,
    world,
    url: URL_OUT,
    secrets: () => Promise.resolve([SECRET]),
    ...extra,
  });
const message: ChannelMessageEnvelope = {
  id: "m",
  tenant: { env: "test", tenant: "acme" },
  channel: "orders",
  session_id: "orders",
  text: "new order",
  attachments: [],
  metadata: { order: "7" },
};
const send = (by: Provider, { key = "row-1", attempt = 0 } = {}) => {
  const [payload = null]: readonly JsonValue[] = by.project(message);
  return by.send?.(payload, {
    idempotencyKey: key,
    conversation: "orders",
    signal: new AbortController().signal,
    attempt,
  });
};

test("posts a message signed, under its key, as an event", async () => {
  verifies("channels.webhook-out");
  expect(await send(provider())).toEqual({ kind: "sent" });
  expect(receiver.taken).toMatchObject([
    {
      id: "row-1",
      payload: {
        type: "message.sent",
        timestamp: "2026-01-01T00:00:00.000Z",
        data: { text: "new order", metadata: { order: "7" } },
      },
    },
  ]);
  expect(receiver.refused()).toBe(0);
});

test("signs with both secrets while one is changed, and sends nothing unsigned", async () => {
  verifies("channels.webhook-out");
  expect((await send(provider({ secrets: () => Promise.resolve([OTHER, SECRET]) })))?.kind).toBe("sent");
  expect(await send(provider({ secrets: () => Promise.resolve([OTHER]) }))).toMatchObject({
    kind: "retry",
    error: "MESSAGING_PLATFORM_UNAUTHENTICATED",
  });
  expect(await send(provider({ secrets: () => Promise.resolve([]) }))).toMatchObject({
    kind: "retry",
    error: "MESSAGING_CREDENTIAL_INVALID",
  });
  expect([receiver.seen.length, receiver.refused()]).toEqual([1, 1]);
});

test.each([
  [500, undefined, 0, "retry", "MESSAGING_PLATFORM_UNAVAILABLE", 5_000],
  [500, undefined, 1, "retry", "MESSAGING_PLATFORM_UNAVAILABLE", 300_000],
  [500, undefined, 40, "retry", "MESSAGING_PLATFORM_UNAVAILABLE", 36_000_000],
  [503, "7", 0, "retry", "MESSAGING_PLATFORM_UNAVAILABLE", 7_000],
  [429, "120", 0, "retry", "MESSAGING_RATE_LIMITED", 120_000],
  [429, "Thu, 01 Jan 2026 00:00:30 GMT", 0, "retry", "MESSAGING_RATE_LIMITED", 30_000],
  [429, "soon", 0, "retry", "MESSAGING_RATE_LIMITED", 5_000],
  [404, "7", 0, "retry", "MESSAGING_PLATFORM_REFUSED", 5_000],
  [302, undefined, 0, "retry", "MESSAGING_PLATFORM_REFUSED", 5_000],
] as const)(
  "an answer %i with Retry-After %s at attempt %i is a %s: %s in %i ms",
  async (status, after, attempt, kind, error, inMs) => {
    receiver.faults.push(status);
    receiver.retryAfter = after;
    expect(await send(provider(), { attempt })).toEqual({ kind, error, notBeforeMs: world.nowMs() + inMs });
  },
);

test("a broken connection is unknown, and what is repeated under the same id is taken once", async () => {
  verifies("channels.webhook-out");
  const by = provider();
  for (const fault of ["reset-before", "reset-after"] as const) {
    receiver.faults.push(fault);
    expect(await send(by)).toEqual({ kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" });
  }
  expect(await send(by)).toEqual({ kind: "sent" });
  expect(receiver.seen).toEqual(["row-1", "row-1", "row-1"]);
  expect(receiver.taken).toHaveLength(1);
});

test("410 gives up, and rests the endpoint for a minute", async () => {
  const by = provider();
  receiver.faults.push(410);
  const gone = { kind: "failed", error: "MESSAGING_ENDPOINT_GONE" };
  expect(await send(by)).toEqual(gone);
  expect(await send(by, { key: "row-2" })).toEqual(gone);
  expect(receiver.seen).toEqual(["row-1"]);
  world.advance(60_000);
  expect(await send(by, { key: "row-2" })).toEqual({ kind: "sent" });
});

test("reaches no private address and no other origin", async () => {
  const direct: SendHttp = (request, options) => sendHttp(request, options);
  const by = provider({ http: direct, url: `${receiver.url}/in` });
  expect(await send(by)).toEqual({ kind: "failed", error: "HTTP_ADDRESS_DENIED" });
  expect(receiver.seen).toEqual([]);
});

test("its settings are checked before the first message", () => {
  const entry = providerOf("webhook-out");
  expect(checkSettings(entry, {})).toEqual(["config.url: expected an http or https URL without a login, got nothing"]);
  for (const url of ["ftp://a.example", "https://me:pw@a.example/x", "hooks", 7])
    expect(checkSettings(entry, { url })).toHaveLength(1);
  expect(checkSettings(entry, { url: URL_OUT })).toEqual([]);
});
