import { createPrivateKey, createPublicKey, sign as signWith } from "node:crypto";
import { assert, asyncProperty, integer, string } from "fast-check";
import { Webhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { expect, test } from "vitest";
import { forgedRequests } from "../../../../test/stand-ins/forged-requests.ts";
import { verifies } from "../../../../test/verifies.ts";
import { channelId, DEFAULT_TEAM, envId, tenantId } from "../../../types/index.ts";
import type { Received, WebhookRequest } from "../../provider.ts";
import { createWebhookInProvider } from "./provider.ts";

const whsec = (text: string): string => `whsec_${Buffer.from(text).toString("base64")}`;
const SECRET = whsec("a secret of twenty-four b");
const OLDER = whsec("the secret before that one");
const NOW_S = 1_700_000_000;
// RFC 8410's key pair: any seed does.
const seed = Buffer.alloc(32, 7);
const privateKey = createPrivateKey({
  key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]),
  format: "der",
  type: "pkcs8",
});
const x = String(createPublicKey(privateKey).export({ format: "jwk" }).x);
const PUBLIC = `whpk_${Buffer.from(x, "base64url").toString("base64")}`;
const address = { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId("payments") };
const open = (secrets: readonly string[], publicKeys: readonly string[]) =>
  createWebhookInProvider({
    address,
    world: { nowMs: () => NOW_S * 1000 },
    secrets: () => Promise.resolve(secrets),
    publicKeys,
  });
const provider = open([SECRET, OLDER], [PUBLIC]);
const BODY = '{"type":"invoice.paid","timestamp":"2023-11-14T22:13:20Z","data":{"id":"in_1"}}';
const sign = (secret: string, { id = "msg_1", at = NOW_S, body = BODY } = {}): string =>
  new Webhook(secret).sign(id, new Date(at * 1000), body);
const GOOD = sign(SECRET);
const v1a = (content: string): string => `v1a,${signWith(null, Buffer.from(content), privateKey).toString("base64")}`;
const BY_KEY = v1a(`msg_1.${NOW_S}.${BODY}`);

type Headers = WebhookRequest["headers"];
function receive(headers: Headers, body: Uint8Array = Buffer.from(BODY), by = provider): Promise<Received> | undefined {
  return by.receive?.({ method: "POST", url: "/", headers, body });
}
const headersOf = (signature: string | readonly string[] | undefined, more: Headers = {}): Headers => ({
  "webhook-id": "msg_1",
  "webhook-timestamp": String(NOW_S),
  "webhook-signature": signature,
  ...more,
});

test("accepts all that standardwebhooks and svix sign, by either secret, and signatures of a private key", async () => {
  verifies("events.webhook-in");
  const event = { type: "payments.invoice.paid", id: "msg_1", timeMs: NOW_S * 1000, data: { data: { id: "in_1" } } };
  const svix = new SvixWebhook(SECRET).sign("msg_1", new Date(NOW_S * 1000), BODY);
  for (const signature of [
    GOOD,
    sign(OLDER),
    svix,
    `v1,AAAA ${GOOD}`,
    `v1a,AAAA ${GOOD}`,
    BY_KEY,
    `${sign(whsec("x".repeat(24)))} ${BY_KEY}`,
  ])
    expect(await receive(headersOf(signature))).toMatchObject({ kind: "messages", events: [event] });
  const bySvix = { "svix-id": "msg_1", "svix-timestamp": String(NOW_S), "svix-signature": svix };
  expect(await receive(bySvix)).toMatchObject({ events: [event] });
  const untyped = headersOf(sign(SECRET, { body: "[1]" }));
  expect(await receive(untyped, Buffer.from("[1]"))).toMatchObject({
    events: [{ type: "payments.received", data: [1] }],
  });
  await assert(
    asyncProperty(
      string({ unit: "grapheme", maxLength: 200 }),
      integer({ min: -300, max: 300 }),
      async (text, skew) => {
        const body = JSON.stringify({ text });
        const at = NOW_S + skew;
        const headers = { "webhook-timestamp": String(at) };
        const found = await receive(headersOf(sign(SECRET, { at, body }), headers), Buffer.from(body));
        expect(found).toMatchObject({ kind: "messages", events: [{ data: { text } }] });
      },
    ),
  );
});

test("refuses what is five minutes off, repeated, half there, or signed by a key that anybody has", async () => {
  verifies("events.webhook-in");
  for (const skew of [-301, 301, -90_000, 90_000]) {
    const at = NOW_S + skew;
    const headers = headersOf(sign(SECRET, { at }), { "webhook-timestamp": String(at) });
    expect([skew, (await receive(headers))?.kind]).toEqual([skew, "refused"]);
  }
  for (const more of [
    { "webhook-id": ["msg_1", "msg_1"] },
    { "webhook-timestamp": [String(NOW_S), String(NOW_S)] },
    { "webhook-signature": [GOOD, GOOD] },
    { "webhook-id": undefined },
    { "webhook-id": "" },
    { "webhook-timestamp": undefined },
    { "webhook-signature": undefined },
  ] as readonly Headers[])
    expect(await receive(headersOf(GOOD, more))).toMatchObject({ kind: "refused" });
  // A secret that decodes to nothing, no secret at all, and a public key for another signature.
  const broken = open(["whsec_!!!!", "whsec_"], []);
  const none = open([], []);
  const other = open([], [`whpk_${Buffer.alloc(32, 1).toString("base64")}`, "whpk_AAAA"]);
  for (const by of [broken, none, other])
    for (const signature of [GOOD, BY_KEY])
      expect(await receive(headersOf(signature), Buffer.from(BODY), by)).toMatchObject({ kind: "refused" });
  await expect(receive(headersOf(sign(SECRET, { body: "{" })), Buffer.from("{"))).rejects.toMatchObject({
    code: "TYPES_JSON_INVALID",
  });
});

test.each([
  ["a secret", GOOD],
  ["a private key", BY_KEY],
])(
  "accepts none of ten thousand forgeries of what %s signed",
  async (_, good) => {
    verifies("events.webhook-in");
    const others = [good.slice(3), good.replace("v1", "v2"), good.replace("v1,", "v1a,"), good.replace("v1a,", "v1,")];
    const forged = forgedRequests(
      { signature: good, body: Buffer.from(BODY) },
      { sign: (secret) => sign(whsec(secret.padEnd(24, "."))), others },
    ).filter(({ signature, body }) => Buffer.from(BODY).compare(body) !== 0 || !signature.split(" ").includes(good));
    await assert(
      asyncProperty(forged, async ({ signature, body }) => {
        expect((await receive(headersOf(signature), body))?.kind).toBe("refused");
      }),
      { numRuns: 10_000 },
    );
  },
  60_000,
);
