import { createHmac } from "node:crypto";
import { assert, asyncProperty, constantFrom, integer, nat, oneof, string } from "fast-check";
import type { Arbitrary } from "fast-check";
import { expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import type { Received, WebhookRequest } from "../../src/messaging/index.ts";
import { createWebhookProvider, providerOf } from "../../src/messaging/index.ts";
import { channelId, DEFAULT_TEAM, envId, tenantId } from "../../src/types/index.ts";
import { partsOf } from "./channel-settings.ts";
import type { Headers, IngressPlatform } from "./ingress-platforms.ts";
import { INGRESS_PLATFORMS } from "./ingress-platforms.ts";

const NOW_MS = 1_760_000_000_000;
const TRIES = 10_000;

type Forgery = Pick<WebhookRequest, "headers" | "body">;
type Signer = Omit<IngressPlatform, "type" | "message">;

function open(platform: IngressPlatform): (request: Forgery) => Promise<Received> {
  const { type } = platform;
  const address = { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId(type) };
  const provider = providerOf(type).create(address, {
    ...partsOf(type),
    world: { nowMs: () => NOW_MS, schedule: () => () => undefined },
    http: async (request) => platform.answer?.(request) ?? Promise.reject(new TypeError(`not sent: ${request.url}`)),
  });
  return async ({ headers, body }) => {
    const received = await provider.receive?.({
      method: "POST",
      url: `/v1/messaging/ingress/${type}/acme`,
      headers: { "content-type": "application/json", ...headers },
      body,
    });
    const [notice] = received?.kind === "messages" ? (received.notices ?? []) : [];
    if (notice === undefined) return received ?? { kind: "refused", reason: "no receiver" };
    // Believed, and what was said is fetched by its name.
    const completed = await provider.complete?.(notice.data, { signal: new AbortController().signal, attempt: 0 });
    return { kind: "messages", messages: completed?.kind === "messages" ? completed.messages : [] };
  };
}

/** What can be made of a header that is right: cut, stretched, doubled, in other letters, in other words, more than once. */
function spoiltHeader(value: string): Arbitrary<string | readonly string[] | undefined> {
  const at = nat(value.length);
  return oneof(
    at.map((end) => value.slice(0, end)),
    at.map((start) => value.slice(start)),
    at.chain((cut) =>
      string({ minLength: 1, maxLength: 3 }).map((more) => value.slice(0, cut) + more + value.slice(cut)),
    ),
    at.chain((cut) =>
      string({ minLength: 1, maxLength: 1 }).map((one) => value.slice(0, cut) + one + value.slice(cut + 1)),
    ),
    // One bit of one character.
    nat(value.length * 7 - 1).map((bit) => {
      const cut = Math.floor(bit / 7);
      return (
        value.slice(0, cut) + String.fromCodePoint(value.charCodeAt(cut) ^ (1 << (bit % 7))) + value.slice(cut + 1)
      );
    }),
    constantFrom(
      value.toUpperCase(),
      value.toLowerCase(),
      value.replace(/[^=. ]+$/, (last) => last.toUpperCase()),
      ` ${value}`,
      `${value}\n`,
      `${value},${value}`,
      `${value} ${value}`,
      `${value};${value}`,
      `"${value}"`,
      value + value,
      value.replace("=", "=="),
      encodeURIComponent(`${value}=`),
      "",
    ),
    constantFrom([value], [value, value], ["", value], [value, ""], undefined),
    string(),
  );
}

/** What can be made of a body that is signed: other bytes, and the same words in other bytes. */
function spoiltBody(body: Buffer): Arbitrary<Uint8Array> {
  const text = body.toString();
  const parsed = JSON.parse(text) as Record<string, unknown>;
  return oneof(
    nat(body.length * 8 - 1).map((bit) => {
      const bytes = new Uint8Array(body);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return bytes;
    }),
    nat(body.length - 1).map((end) => body.subarray(0, end)),
    string({ minLength: 1, maxLength: 3 }).map((more) => Buffer.from(text + more)),
    constantFrom(
      Buffer.from(JSON.stringify(parsed, null, 1)),
      Buffer.from(JSON.stringify(Object.fromEntries(Object.entries(parsed).toReversed()))),
      Buffer.from(text.replace("hello", String.raw`hell\u006f`)),
      Buffer.from(`\uFEFF${text}`),
      Buffer.from(text, "utf16le"),
      Buffer.from(`${text}\r\n`),
      Buffer.from(`payload=${encodeURIComponent(text)}`),
      Buffer.from(text.replace("hello", "hullo")),
      Buffer.alloc(0),
    ),
  );
}

/** Everything that is nearly what the platform sends. */
function forgeryOf(platform: Signer, body: Buffer): Arbitrary<Forgery> {
  const good = platform.sign(body, NOW_MS);
  const { signatureHeader, timestampHeader, freshMs = 0 } = platform;
  const value = good[signatureHeader] ?? "";
  const kinds: Arbitrary<Forgery>[] = [
    spoiltHeader(value)
      // Standard Webhooks may bring several signatures; one of them suffices.
      .filter((other) => other !== value && !(typeof other === "string" && other.split(" ").includes(value)))
      .map((other) => ({ headers: { ...good, [signatureHeader]: other }, body })),
    constantFrom(...platform.forge(body, NOW_MS)).map((headers) => ({ headers, body })),
  ];
  if (platform.isBodySigned) {
    const other = spoiltBody(body).filter((bytes) => Buffer.compare(bytes, body) !== 0);
    kinds.push(other.map((bytes) => ({ headers: good, body: bytes })));
  }
  if (timestampHeader !== undefined) {
    const right = good[timestampHeader] ?? "";
    const stamp = oneof(
      integer({ min: -400, max: 400 }).map((off) => String(Number(right) + off)),
      constantFrom(
        `${right}.0`,
        ` ${right}`,
        `+${right}`,
        `0${right}`,
        `${right}e0`,
        `0x${Number(right).toString(16)}`,
      ),
      constantFrom([right, right], [right], undefined),
    ).filter((other) => other !== right);
    kinds.push(stamp.map((other) => ({ headers: { ...good, [timestampHeader]: other }, body })));
  }
  if (freshMs > 0) {
    // Signed well, long ago or too early.
    const away = integer({ min: 1_000, max: 40 * 86_400_000 }).chain((more) =>
      constantFrom(-freshMs - more, 301_000 + more),
    );
    const dated = Array.from(
      { length: 40 },
      (_, at) => NOW_MS + (at % 2 === 0 ? -freshMs : 300_000) + (at % 2 === 0 ? -1_000 : 1_000) * 3 ** (at / 3),
    );
    kinds.push(
      platform.isBodySigned
        ? away.map((offMs) => ({ headers: platform.sign(body, NOW_MS + offMs), body }))
        : // A key of RSA signs slowly: some are made once.
          constantFrom(...dated.map((atMs) => platform.sign(body, atMs))).map((headers) => ({ headers, body })),
    );
  }
  return oneof(...kinds);
}

test.each(INGRESS_PLATFORMS)(
  "$type takes what is signed and none of ten thousand forgeries",
  async (platform) => {
    verifies("channels.forgeries");
    const receive = open(platform);
    const body = Buffer.from(JSON.stringify(platform.message(1, "hello", NOW_MS)));
    await refuseAll(platform, { receive, body });
  },
  120_000,
);

test("a webhook flow takes what is signed and none of ten thousand forgeries", async () => {
  verifies("channels.forgeries");
  const key = Buffer.from("a secret of twenty-four b");
  const headers = (body: Uint8Array, atMs: number, mac: (signed: Buffer) => string): Headers => {
    const [id, timestamp] = ["msg_1", String(Math.floor(atMs / 1000))];
    const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
    return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": mac(signed) };
  };
  const hmac = (signed: Buffer, algorithm = "sha256", by = key): Buffer =>
    createHmac(algorithm, by).update(signed).digest();
  const signer: Signer = {
    sign: (body, atMs) => headers(body, atMs, (signed) => `v1,${hmac(signed).toString("base64")}`),
    signatureHeader: "webhook-signature",
    timestampHeader: "webhook-timestamp",
    isBodySigned: true,
    freshMs: 300_000,
    forge: (body, atMs) => [
      ...["sha1", "sha512"].map((algorithm) =>
        headers(body, atMs, (signed) => `v1,${hmac(signed, algorithm).toString("base64")}`),
      ),
      headers(body, atMs, (signed) => `v1,${hmac(signed).toString("hex")}`),
      headers(body, atMs, (signed) => `v1,${hmac(signed).toString("base64url")}`),
      headers(body, atMs, (signed) => `v1a,${hmac(signed).toString("base64")}`),
      headers(body, atMs, (signed) => hmac(signed).toString("base64")),
      headers(body, atMs, (signed) => `v1,${hmac(signed, "sha256", Buffer.from(SECRET)).toString("base64")}`),
      headers(body, atMs, (signed) => `v1,${hmac(signed, "sha256", Buffer.alloc(0)).toString("base64")}`),
      headers(body, atMs, () => `v1,${hmac(Buffer.from(body)).toString("base64")}`),
      { ...headers(body, atMs, (signed) => `v1,${hmac(signed).toString("base64")}`), "webhook-id": "msg_2" },
    ],
  };
  const SECRET = `whsec_${key.toString("base64")}`;
  const address = { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId("webhook") };
  const world = { nowMs: () => NOW_MS, randomBytes: (size: number) => new Uint8Array(size) };
  const provider = createWebhookProvider(address, { world, secrets: [SECRET] });
  const receive = async ({ headers, body }: Forgery): Promise<Received> =>
    (await provider.receive?.({ method: "POST", url: "/webhook/flow", headers, body })) ?? {
      kind: "refused",
      reason: "",
    };
  await refuseAll(signer, { receive, body: Buffer.from('{"text":"hello","n":1}') });
}, 120_000);

/** Takes what is right, before and after the forgeries, and none of these. */
async function refuseAll(
  signer: Signer,
  { receive, body }: { readonly receive: (request: Forgery) => Promise<Received>; readonly body: Buffer },
): Promise<void> {
  const genuine = { headers: signer.sign(body, NOW_MS), body };
  const heard = { kind: "messages", messages: [{ envelope: { text: "hello" } }] };
  expect(await receive(genuine)).toMatchObject(heard);
  let tried = 0;
  await assert(
    asyncProperty(forgeryOf(signer, body), async (forgery) => {
      tried++;
      expect(await receive(forgery)).toMatchObject({ kind: "refused" });
    }),
    { numRuns: TRIES },
  );
  expect(tried).toBe(TRIES);
  expect(await receive(genuine)).toMatchObject(heard);
}
