import { Webhook as StandardWebhook } from "standardwebhooks";
import { Webhook as Svix } from "svix";
import { expect, test } from "vitest";
import type { HttpRequest } from "../../src/http/index.ts";
import { createWebhookProvider, providerOf } from "../../src/messaging/index.ts";
import { channelId, DEFAULT_TEAM, envId, tenantId } from "../../src/types/index.ts";
import { plainMessage } from "../stand-ins/any-message.ts";
import { verifies } from "../verifies.ts";
import { CHANNEL_SETTINGS, partsOf } from "./channel-settings.ts";

const SECRET = CHANNEL_SETTINGS["webhook-out"]?.secrets["webhook_secret"] ?? "";
const OTHER = `whsec_${Buffer.from("another secret of twenty-f").toString("base64")}`;
const address = { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId("orders") };
const world = {
  nowMs: () => Date.now(),
  schedule: () => () => undefined,
  randomBytes: (size: number) => new Uint8Array(size),
};
const PEERS = [
  ["standardwebhooks", (secret: string) => new StandardWebhook(secret)],
  ["svix", (secret: string) => new Svix(secret)],
] as const;

/** What is posted for a message, signed by the secrets. */
async function posted(
  text: string,
  secrets: readonly string[],
): Promise<{ body: Buffer; headers: Record<string, string> }> {
  let request: HttpRequest | undefined;
  const provider = providerOf("webhook-out").create(address, {
    ...partsOf("webhook-out"),
    secrets: () => Promise.resolve(secrets),
    world,
    http: async (one) => {
      request = one;
      return { status: 204, headers: [], body: Buffer.alloc(0) };
    },
  });
  const [payload = null] = provider.project(plainMessage({ text }));
  const sending = { idempotencyKey: "row-1", conversation: "orders", signal: new AbortController().signal };
  expect(await provider.send?.(payload, sending)).toEqual({ kind: "sent" });
  return { body: Buffer.from(request?.body ?? []), headers: Object.fromEntries(request?.headers ?? []) };
}

test.each(PEERS)(
  "%s believes what we post, by either secret while one is changed, and nothing else",
  async (_name, open) => {
    verifies("channels.peers");
    for (const text of ["order 7", "naïve 👨‍👩‍👧 \u0000", "x".repeat(100_000)]) {
      const { body, headers } = await posted(text, [SECRET]);
      expect(() => open(SECRET).verify(body, headers)).not.toThrow();
      expect(() => open(OTHER).verify(body, headers)).toThrow(/signature/i);
      expect(() => open(SECRET).verify(Buffer.concat([body, Buffer.from(" ")]), headers)).toThrow(/signature/i);
    }
    const both = await posted("order 8", [OTHER, SECRET]);
    for (const secret of [SECRET, OTHER]) expect(() => open(secret).verify(both.body, both.headers)).not.toThrow();
  },
);

test.each(PEERS)("we believe what %s signs, and the same times", async (_name, open) => {
  verifies("channels.peers");
  const provider = createWebhookProvider(address, { world, secrets: [SECRET] });
  const body = JSON.stringify({ text: "naïve 👨‍👩‍👧" });
  const believe = async (atMs: number, secret = SECRET): Promise<boolean> => {
    const at = new Date(atMs);
    const headers = {
      "webhook-id": "msg_1",
      "webhook-timestamp": String(Math.floor(atMs / 1000)),
      "webhook-signature": open(secret).sign("msg_1", at, body),
    };
    const received = await provider.receive?.({ method: "POST", url: "/", headers, body: Buffer.from(body) });
    const isBelieved = received?.kind === "messages";
    let isTheirs = true;
    try {
      open(SECRET).verify(body, headers);
    } catch {
      isTheirs = false;
    }
    expect([atMs, isTheirs]).toEqual([atMs, isBelieved]);
    return isBelieved;
  };
  expect(await believe(Date.now())).toBe(true);
  expect(await believe(Date.now(), OTHER)).toBe(false);
  for (const offMs of [-280_000, 280_000]) expect(await believe(Date.now() + offMs)).toBe(true);
  for (const offMs of [-320_000, 320_000, 86_400_000]) expect(await believe(Date.now() + offMs)).toBe(false);
});
