import { createHmac } from "node:crypto";
import { assert, asyncProperty } from "fast-check";
import { expect, test } from "vitest";
import { forgedRequests } from "../../../../test/stand-ins/forged-requests.ts";
import { verifies } from "../../../../test/verifies.ts";
import { channelId, DEFAULT_TEAM, envId, tenantId } from "../../../types/index.ts";
import type { Received } from "../../provider.ts";
import { createWebexProvider } from "./provider.ts";

const SECRET = "a secret of sixteen";
const OLDER = "the one before that";
const provider = createWebexProvider({
  address: { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId("webex") },
  token: () => Promise.reject(new TypeError("nothing is fetched within a request")),
  webhookSecrets: () => Promise.resolve([SECRET, OLDER]),
  http: () => Promise.reject(new TypeError("nothing is fetched within a request")),
  world: { nowMs: () => 0, schedule: () => () => undefined },
});
const BODY = Buffer.from(
  '{"resource":"messages","event":"created","createdBy":"me","data":{"id":"m1","roomId":"r1","roomType":"direct","personId":"p1","personEmail":"ada@example.com"}}',
);
const sign = (secret: string, body: Uint8Array = BODY): string => createHmac("sha1", secret).update(body).digest("hex");

function receive(
  signature: string | readonly string[] | undefined,
  body: Uint8Array = BODY,
  method = "POST",
): Promise<Received> | undefined {
  return provider.receive?.({ method, url: "/", headers: { "x-spark-signature": signature }, body });
}

test("accepts what either secret signed, and keeps word of it without asking Webex", async () => {
  verifies("channels.webex.signature");
  const notice = { dedupeKey: "wx:messages:m1", lane: "r1", data: { resource: "messages", id: "m1" } };
  for (const secret of [SECRET, OLDER])
    expect(await receive(sign(secret))).toEqual({ kind: "messages", messages: [], notices: [notice] });
  for (const signature of [undefined, [sign(SECRET), sign(SECRET)], sign(""), sign(SECRET).toUpperCase(), ""])
    expect(await receive(signature)).toMatchObject({ kind: "refused" });
  expect(await receive(sign(SECRET), BODY, "PUT")).toMatchObject({ kind: "refused" });
});

test.each([
  ["its own messages", { data: { personId: "me" } }],
  ["other bots' messages", { data: { personEmail: "other@webex.bot" } }],
  ["deletions", { event: "deleted" }],
  ["news of rooms", { resource: "rooms" }],
  ["ids that aren't", { data: { id: "../people/me?x" } }],
])("drops %s", async (_, { data, ...more }: { data?: object; event?: string; resource?: string }) => {
  const hook = JSON.parse(BODY.toString()) as { data: object };
  const body = Buffer.from(JSON.stringify({ ...hook, ...more, data: { ...hook.data, ...data } }));
  expect(await receive(sign(SECRET, body), body)).toEqual({ kind: "messages", messages: [] });
});

test("accepts none of ten thousand forgeries", async () => {
  verifies("channels.webex.signature");
  const good = sign(SECRET);
  const forged = forgedRequests(
    { signature: good, body: BODY },
    { sign: (secret) => sign(secret), others: [`sha1=${good}`] },
  );
  await assert(
    asyncProperty(forged, async ({ signature, body }) => {
      expect((await receive(signature, body))?.kind).toBe("refused");
    }),
    { numRuns: 10_000 },
  );
}, 60_000);
