import { assert, asyncProperty, constantFrom, integer, oneof, string } from "fast-check";
import { expect, test } from "vitest";
import { channelId, DEFAULT_TEAM, envId, tenantId } from "../../../types/index.ts";
import { createTelegramProvider } from "./provider.ts";

const SECRET = "Stand-in_secret-0123456789";
const provider = createTelegramProvider({
  address: { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId("telegram") },
  token: () => "123456:AAE-stand-in_token-0123456789",
  secretToken: () => [SECRET],
  http: () => Promise.reject(new TypeError("nothing is sent here")),
  mode: "webhook",
  world: { nowMs: () => 0, schedule: () => () => undefined },
});
const body = Buffer.from('{"update_id":1,"message":{"message_id":1,"chat":{"id":1},"from":{"id":1},"text":"a"}}');
const receive = (value: string | readonly string[]) =>
  provider.receive?.({ method: "POST", url: "/", headers: { "x-telegram-bot-api-secret-token": value }, body });

test("accepts the secret itself and none of what is made from it", async () => {
  expect(await receive(SECRET)).toMatchObject({ kind: "messages", messages: [{ conversation: "1" }] });
  const at = integer({ min: 0, max: SECRET.length });
  const forgery = oneof(
    string(),
    at.map((end) => SECRET.slice(0, end)),
    at.map((start) => SECRET.slice(start)),
    at.chain((at) =>
      string({ minLength: 1, maxLength: 2 }).map((more) => SECRET.slice(0, at) + more + SECRET.slice(at)),
    ),
    at.chain((at) =>
      string({ minLength: 1, maxLength: 1 }).map((one) => SECRET.slice(0, at) + one + SECRET.slice(at + 1)),
    ),
    constantFrom(
      SECRET.toLowerCase(),
      SECRET.toUpperCase(),
      ` ${SECRET}`,
      `${SECRET}\n`,
      `${SECRET},${SECRET}`,
      `"${SECRET}"`,
    ),
    constantFrom([SECRET], [SECRET, SECRET], ["", SECRET]),
  ).filter((value) => value !== SECRET);
  await assert(
    asyncProperty(forgery, async (value) => {
      expect(await receive(value)).toEqual({ kind: "refused", reason: "secret token" });
    }),
    { numRuns: 2_000 },
  );
});
