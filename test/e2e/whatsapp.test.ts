import { createHmac } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { WhatsAppStandIn } from "../stand-ins/whatsapp.ts";
import { openWhatsAppStandIn } from "../stand-ins/whatsapp.ts";
import { verifies } from "../verifies.ts";
import { CITY_FLOW, makeChannelBundle } from "./channel-bundle.ts";
import type { HostProcess } from "./host-process.ts";
import { startHostProcess } from "./host-process.ts";

const TOKEN = "EAAG-stand-in-token-0123456789";
const SECRET = "app-secret-of-the-demo-0123456789";
const NUMBER_ID = "106540352242922";
const CITIES = ["Rome", "Paris", "Oslo", "Bern", "Wien", "Prag", "Riga", "Bonn", "Genf", "Basel", "Turin", "Pisa"];

let whatsapp: WhatsAppStandIn;
let host: HostProcess;
const ingress = (): string => `${host.url}/v1/messaging/ingress/whatsapp/demo`;

beforeAll(async () => {
  whatsapp = await openWhatsAppStandIn({ token: TOKEN, appSecret: SECRET, phoneNumberId: NUMBER_ID });
  const bundle = await makeChannelBundle({
    flow: CITY_FLOW(CITIES),
    providers: `  whatsapp: { type: whatsapp, config: { phone_number_id: "${NUMBER_ID}" } }\n`,
    secrets: {
      whatsapp: {
        whatsapp_access_token: TOKEN,
        whatsapp_app_secret: SECRET,
        whatsapp_verify_token: "verify-me-please",
      },
    },
  });
  host = await startHostProcess(".", {
    cwd: bundle,
    args: ["--port", "0", "--data", join(bundle, "data")],
    env: { GREENTIC_HTTP_REWRITE: `https://graph.facebook.com=${whatsapp.url}` },
  });
  whatsapp.hook = ingress();
});
afterAll(async () => {
  await host.kill();
  await whatsapp[Symbol.asyncDispose]();
});

const sentTo = (person: string): readonly string[] =>
  whatsapp.sends
    .filter(({ to }) => to === person)
    .map(({ body }) => (body as unknown as { text: { body: string } }).text.body);
const post = async (body: string, signature: string): Promise<readonly [number, string]> => {
  const headers = { "content-type": "application/json", "x-hub-signature-256": signature };
  const response = await fetch(ingress(), { method: "POST", headers, body });
  return [response.status, await response.text()];
};
const sign = (body: string, secret = SECRET): string =>
  `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;

test("a person chooses by number what no list has room for, and a redelivery changes nothing", async () => {
  verifies("channels.whatsapp", "channels.numbered");
  const query = "hub.mode=subscribe&hub.verify_token=verify-me-please&hub.challenge=1158201444";
  const handshake = await fetch(`${ingress()}?${query}`);
  expect([handshake.status, await handshake.text()]).toEqual([200, "1158201444"]);
  const person = "16505550001";
  await whatsapp.say("hello", { from: person, id: "wamid.hello" });
  await whatsapp.say("hello", { from: person, id: "wamid.hello" });
  await whatsapp.until(() => sentTo(person).length === 1);
  expect(sentTo(person)[0]).toMatch(/^Which ∗city\*\?\n\n1\. Rome\n2\. Paris\n[^]*12\. Pisa$/);
  await whatsapp.say("12", { from: person });
  await whatsapp.until(() => sentTo(person).length === 2);
  expect(sentTo(person)[1]).toBe("Noted Pisa.");
  expect(whatsapp.refused).toEqual([]);
});

test("an answer in doubt is resolved by its status and not sent again", async () => {
  verifies("channels.whatsapp.read-back");
  const person = "16505550002";
  whatsapp.faults.push("reset-after");
  await whatsapp.say("hello", { from: person });
  await whatsapp.until(() => sentTo(person).length === 1);
  // What is said next waits behind the message in doubt.
  await whatsapp.say("1", { from: person });
  await whatsapp.until(() => sentTo(person).length === 2);
  expect(sentTo(person)[1]).toBe("Noted Rome.");
}, 60_000);

test("a forgery, an unknown channel and a body beyond three megabytes come to nothing", async () => {
  verifies("channels.whatsapp.signature");
  const body = JSON.stringify({ object: "whatsapp_business_account", entry: [] });
  expect(await post(body, sign(body))).toEqual([200, ""]);
  expect(await post(body, sign(body, "app-secret-of-another-0123456789"))).toEqual([401, ""]);
  const unknown = await fetch(ingress().replace("whatsapp/", "whatsup/"), { method: "POST", body });
  expect([unknown.status, await unknown.text()]).toEqual([401, ""]);
  const large = `${body.slice(0, -1)},"pad":"${"x".repeat(2 << 20)}"}`;
  expect((await post(large, sign(large)))[0]).toBe(200);
  const huge = `${body.slice(0, -1)},"pad":"${"x".repeat(3 << 20)}"}`;
  expect((await post(huge, sign(huge)))[0]).toBe(413);
});
