import { sign, verify } from "@octokit/webhooks-methods";
import { assert, asyncProperty, string } from "fast-check";
import { expect, test } from "vitest";
import { forgedRequests } from "../../../../test/stand-ins/forged-requests.ts";
import { verifies } from "../../../../test/verifies.ts";
import { channelId, DEFAULT_TEAM, envId, tenantId } from "../../../types/index.ts";
import type { Received, WebhookRequest } from "../../provider.ts";
import { createGithubProvider } from "./provider.ts";

const SECRET = "a secret of sixteen";
const OLDER = "the one before that";
const provider = createGithubProvider({
  address: { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId("github") },
  secrets: () => Promise.resolve([SECRET, OLDER]),
});
const BODY = '{"action":"opened","issue":{"number":7},"repository":{"full_name":"octo/shop"}}';
const DELIVERY = "72d3162e-cc78-11e3-81ab-4c9367dc0958";

function receive(
  signature: string | readonly string[] | undefined,
  { body = Buffer.from(BODY), headers = {} }: { body?: Uint8Array; headers?: WebhookRequest["headers"] } = {},
): Promise<Received> | undefined {
  return provider.receive?.({
    method: "POST",
    url: "/",
    headers: {
      "content-type": "application/json",
      "x-github-event": "issues",
      "x-github-delivery": DELIVERY,
      "x-hub-signature-256": signature,
      ...headers,
    },
    body,
  });
}

test("accepts all that Octokit signs, by either secret", async () => {
  verifies("events.github");
  const event = { type: "github.issues.opened", id: DELIVERY, subject: "octo/shop", data: { issue: { number: 7 } } };
  for (const secret of [SECRET, OLDER])
    expect(await receive(await sign(secret, BODY))).toMatchObject({ kind: "messages", events: [event] });
  const pushed = await receive(await sign(SECRET, BODY), { headers: { "x-github-event": "push" } });
  expect(pushed).toMatchObject({ events: [{ type: "github.push.opened" }] });
  await assert(
    asyncProperty(string({ unit: "grapheme", maxLength: 200 }), async (text) => {
      const body = JSON.stringify({ text });
      const signature = await sign(SECRET, body);
      expect(await verify(SECRET, body, signature)).toBe(true);
      expect((await receive(signature, { body: Buffer.from(body) }))?.kind).toBe("messages");
    }),
  );
});

test("answers a ping, reads forms, and says what it can't read", async () => {
  verifies("events.github");
  const good = await sign(SECRET, BODY);
  expect(await receive(good, { headers: { "x-github-event": "ping" } })).toMatchObject({
    kind: "answer",
    body: "pong",
  });
  expect(await receive("sha256=0", { headers: { "x-github-event": "ping" } })).toMatchObject({ kind: "refused" });
  const form = new URLSearchParams({ payload: BODY }).toString();
  const posted = await receive(await sign(SECRET, form), {
    body: Buffer.from(form),
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  expect(posted).toMatchObject({ events: [{ type: "github.issues.opened", data: JSON.parse(BODY) as object }] });
  for (const headers of [
    { "x-github-event": undefined },
    { "x-github-event": ["issues", "push"] },
    { "x-github-event": "issues.*" },
    { "x-github-delivery": undefined },
    { "x-github-delivery": [DELIVERY, DELIVERY] },
    { "x-github-delivery": "a b" },
  ])
    await expect(receive(good, { headers })).rejects.toMatchObject({ code: "MESSAGING_EVENT_INVALID" });
  for (const body of ["[]", "{"])
    await expect(receive(await sign(SECRET, body), { body: Buffer.from(body) })).rejects.toMatchObject({
      kind: "invalid_input",
    });
});

test("refuses repeated headers, other methods, and everything where there is no secret", async () => {
  verifies("events.github");
  const good = await sign(SECRET, BODY);
  expect(await receive([good, good])).toMatchObject({ kind: "refused" });
  expect(await receive(undefined)).toMatchObject({ kind: "refused" });
  const open = createGithubProvider({ address: provider.address, secrets: () => Promise.resolve([]) });
  const request = { method: "POST", url: "/", body: Buffer.from(BODY) };
  for (const secret of ["", SECRET]) {
    const signature = secret === "" ? "sha256=" : await sign(secret, BODY);
    expect(await open.receive?.({ ...request, headers: { "x-hub-signature-256": signature } })).toMatchObject({
      kind: "refused",
    });
  }
  const got = { ...request, method: "GET", headers: { "x-hub-signature-256": good } };
  expect(await provider.receive?.(got)).toMatchObject({ kind: "refused" });
});

test("accepts none of ten thousand forgeries", async () => {
  verifies("events.github");
  const good = await sign(SECRET, BODY);
  const own = new Map<string, string>();
  for (let i = 0; i < 64; i++) own.set(String(i), await sign(`secret-${i}`, BODY));
  const others = [good.slice(7), `sha1${good.slice(6)}`, `${good},${good}`, ` ${good}`];
  const forged = forgedRequests(
    { signature: good, body: Buffer.from(BODY) },
    { sign: (secret) => own.get(String((secret.codePointAt(0) ?? 0) % 64)) ?? "", others },
  );
  await assert(
    asyncProperty(forged, async ({ signature, body }) => {
      expect((await receive(signature, { body }))?.kind).toBe("refused");
    }),
    { numRuns: 10_000 },
  );
}, 60_000);
