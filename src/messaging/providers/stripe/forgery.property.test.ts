import { assert, asyncProperty, string } from "fast-check";
import { Stripe } from "stripe";
import { expect, test } from "vitest";
import { forgedRequests } from "../../../../test/stand-ins/forged-requests.ts";
import { verifies } from "../../../../test/verifies.ts";
import { channelId, DEFAULT_TEAM, envId, tenantId } from "../../../types/index.ts";
import type { Received } from "../../provider.ts";
import { createStripeProvider } from "./provider.ts";

const SECRET = "whsec_0123456789abcdefABCDEF";
const OLDER = "whsec_ABCDEFabcdef9876543210";
const NOW_S = 1_700_000_000;
const provider = createStripeProvider({
  address: { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId("stripe") },
  world: { nowMs: () => NOW_S * 1000 },
  secrets: () => Promise.resolve([SECRET, OLDER]),
});
const BODY = JSON.stringify({
  id: "evt_1",
  object: "event",
  type: "customer.subscription.created",
  created: NOW_S - 60,
  data: { object: { id: "sub_1" } },
});
const { webhooks } = new Stripe("sk_test_0");
const sign = (secret: string, { payload = BODY, timestamp = NOW_S } = {}): string =>
  webhooks.generateTestHeaderString({ payload, secret, timestamp });
const GOOD = sign(SECRET);

function receive(
  signature: string | readonly string[] | undefined,
  body: Uint8Array = Buffer.from(BODY),
): Promise<Received> | undefined {
  return provider.receive?.({ method: "POST", url: "/", headers: { "stripe-signature": signature }, body });
}

test("accepts all that Stripe's library signs, by either secret, up to five minutes off", async () => {
  verifies("events.stripe");
  const event = {
    type: "stripe.customer.subscription.created",
    id: "evt_1",
    dedupeKey: "st:evt_1",
    subject: "sub_1",
    timeMs: (NOW_S - 60) * 1000,
  };
  for (const secret of [SECRET, OLDER]) expect(await receive(sign(secret))).toMatchObject({ events: [event] });
  // While a secret is rolled there are two signatures, and tests' `v0` beside them.
  const both = `${sign("whsec_another1another1")},v1=${sign(SECRET).split("v1=")[1] ?? ""},v0=${"0".repeat(64)}`;
  expect(await receive(both)).toMatchObject({ kind: "messages" });
  for (const [skew, kind] of [
    [-300, "messages"],
    [300, "messages"],
    [-301, "refused"],
    [301, "refused"],
    [-90_000, "refused"],
    [90_000, "refused"],
  ] as const)
    expect([skew, (await receive(sign(SECRET, { timestamp: NOW_S + skew })))?.kind]).toEqual([skew, kind]);
  await assert(
    asyncProperty(string({ unit: "grapheme", maxLength: 200 }), async (text) => {
      const payload = JSON.stringify({ id: "evt_2", type: "invoice.paid", text });
      const header = sign(SECRET, { payload });
      expect(webhooks.constructEvent(payload, header, SECRET, 300, undefined, NOW_S * 1000)).toMatchObject({ text });
      expect((await receive(header, Buffer.from(payload)))?.kind).toBe("messages");
    }),
  );
});

test("refuses repeated headers and times, and what says no event by its position", async () => {
  verifies("events.stripe");
  for (const signature of [[GOOD, GOOD], undefined, `t=${NOW_S},${GOOD}`, GOOD.replace("t=", "t=0")])
    expect(await receive(signature)).toMatchObject({ kind: "refused" });
  const empty = createStripeProvider({
    address: provider.address,
    world: { nowMs: () => NOW_S * 1000 },
    secrets: () => Promise.resolve([]),
  });
  const headers = { "stripe-signature": sign("") };
  expect(await empty.receive?.({ method: "POST", url: "/", headers, body: Buffer.from(BODY) })).toMatchObject({
    kind: "refused",
  });
  for (const payload of ['{"id":"evt_1"}', "[]", '{"id":"a b","type":"x"}', '{"id":"evt_1","type":7}'])
    await expect(receive(sign(SECRET, { payload }), Buffer.from(payload))).rejects.toMatchObject({
      code: "MESSAGING_EVENT_INVALID",
    });
  await expect(receive(sign(SECRET, { payload: "{" }), Buffer.from("{"))).rejects.toMatchObject({
    code: "TYPES_JSON_INVALID",
  });
});

test("accepts none of ten thousand forgeries", async () => {
  verifies("events.stripe");
  const others = [
    GOOD.replace("v1", "v0"),
    GOOD.replace("v1=", "v1"),
    GOOD.replace(/t=\d+/, `t=${NOW_S + 1}`),
    "t=,v1=",
  ];
  const forged = forgedRequests(
    { signature: GOOD, body: Buffer.from(BODY) },
    { sign: (secret) => sign(secret), others },
  )
    // White space and further parts around the same signature are no forgery.
    .filter(({ signature, body }) => Buffer.from(BODY).compare(body) !== 0 || !isSame(signature));
  await assert(
    asyncProperty(forged, async ({ signature, body }) => {
      expect((await receive(signature, body))?.kind).toBe("refused");
    }),
    { numRuns: 10_000 },
  );
}, 60_000);

function isSame(signature: string): boolean {
  const parts = signature.split(",");
  return (
    GOOD.split(",").every((part) => parts.includes(part)) && parts.filter((part) => part.startsWith("t=")).length === 1
  );
}
