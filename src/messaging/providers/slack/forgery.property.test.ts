import { createHmac } from "node:crypto";
import { assert, asyncProperty, constantFrom, integer, oneof, record, string, tuple, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { verifies } from "../../../../test/verifies.ts";
import { channelId, DEFAULT_TEAM, envId, tenantId } from "../../../types/index.ts";
import type { Received, WebhookRequest } from "../../provider.ts";
import { createSlackProvider } from "./provider.ts";

const SECRET = "8f742231b10e8888abcd99yyyzzz85a5";
const OLDER = "11112222333344445555666677778888";
const NOW_S = 1_700_000_000;
const provider = createSlackProvider({
  address: { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId("slack") },
  token: () => Promise.resolve("xoxb-stand-in-0123456789"),
  signingSecrets: () => Promise.resolve([SECRET, OLDER]),
  http: () => Promise.reject(new TypeError("nothing is sent here")),
  world: { nowMs: () => NOW_S * 1000 + 400, schedule: () => () => undefined },
});
const body = Buffer.from(
  '{"type":"event_callback","team_id":"T1","event":{"type":"message","channel":"D1","ts":"1.2","user":"U1","text":"a"}}',
);
const sign = (secret: string, timestamp: string | number, of: Uint8Array = body): string =>
  `v0=${createHmac("sha256", secret).update(`v0:${timestamp}:`).update(of).digest("hex")}`;
const GOOD = sign(SECRET, NOW_S);

function receive(
  signature: string | readonly string[] | undefined,
  timestamp: string | readonly string[] | undefined = String(NOW_S),
  of: Uint8Array = body,
): Promise<Received> | undefined {
  const headers: WebhookRequest["headers"] = {
    "content-type": "application/json",
    "x-slack-signature": signature,
    "x-slack-request-timestamp": timestamp,
  };
  return provider.receive?.({ method: "POST", url: "/", headers, body: of });
}

test("accepts what either secret signed, up to five minutes off, and nothing beyond", async () => {
  verifies("channels.slack.signature");
  expect(await receive(GOOD)).toMatchObject({ kind: "messages", messages: [{ conversation: "D1" }] });
  expect(await receive(sign(OLDER, NOW_S))).toMatchObject({ kind: "messages" });
  for (const [skew, kind] of [
    [-300, "refused"],
    [-299, "messages"],
    [299, "messages"],
    [300, "messages"],
    [301, "refused"],
    [-301, "refused"],
    [-90_000, "refused"],
  ] as const) {
    const at = NOW_S + skew;
    expect([skew, (await receive(sign(SECRET, at), String(at)))?.kind]).toEqual([skew, kind]);
  }
  for (const [signature, timestamp] of [
    [[GOOD, GOOD], String(NOW_S)],
    [GOOD, [String(NOW_S), String(NOW_S)]],
    [undefined, String(NOW_S)],
    [GOOD, undefined],
    [sign(SECRET, `${NOW_S}.0`), `${NOW_S}.0`],
    [sign("", NOW_S), String(NOW_S)],
  ] as const)
    expect(await receive(signature, timestamp === undefined ? [] : timestamp)).toMatchObject({ kind: "refused" });
});

test("accepts none of ten thousand forgeries", async () => {
  verifies("channels.slack.signature");
  const at = integer({ min: 0, max: GOOD.length });
  const hex = integer({ min: 0, max: 15 }).map((digit) => digit.toString(16));
  const signature = oneof(
    string(),
    at.map((end) => GOOD.slice(0, end)),
    tuple(at, hex).map(([cut, one]) => GOOD.slice(0, cut) + one + GOOD.slice(cut + 1)),
    tuple(at, hex).map(([cut, one]) => GOOD.slice(0, cut) + one + GOOD.slice(cut)),
    constantFrom(GOOD.toUpperCase(), GOOD.slice(3), `v1${GOOD.slice(2)}`, ` ${GOOD}`, `${GOOD},${GOOD}`, "v0="),
    string().map((secret) => sign(secret, NOW_S)),
  ).filter((value) => value !== GOOD);
  const forged = oneof(
    signature.map((value) => ({ value, timestamp: String(NOW_S), of: body as Uint8Array })),
    // A good signature of another time or another body.
    integer({ min: 1, max: 300 }).map((skew) => ({
      value: GOOD,
      timestamp: String(NOW_S + skew),
      of: body as Uint8Array,
    })),
    uint8Array({ maxLength: 200 })
      .filter((of) => Buffer.compare(of, body) !== 0)
      .map((of) => ({ value: GOOD, timestamp: String(NOW_S), of: of as Uint8Array })),
    record({ byte: integer({ min: 0, max: body.length - 1 }), bit: integer({ min: 0, max: 7 }) }).map(
      ({ byte, bit }) => {
        const of = new Uint8Array(body);
        of[byte] = (of[byte] ?? 0) ^ (1 << bit);
        return { value: GOOD, timestamp: String(NOW_S), of };
      },
    ),
  );
  await assert(
    asyncProperty(forged, async ({ value, timestamp, of }) => {
      expect((await receive(value, timestamp, of))?.kind).toBe("refused");
    }),
    { numRuns: 10_000 },
  );
}, 60_000);
