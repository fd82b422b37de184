/** Provider packs that work and provider packs that don't, each found by the case that is meant. */
import { createHmac } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import type { PackedType } from "../../scripts/provider-packs/built-in-packs.ts";
import { buildBuiltInPack } from "../../scripts/provider-packs/built-in-packs.ts";
import { findToolchains } from "../../src/component/authoring/toolchains.ts";
import { judgeProvider } from "../../src/conformance/index.ts";
import type { ConformanceReport, ProviderSuiteOptions } from "../../src/conformance/index.ts";
import { ROOT } from "../e2e/shell.ts";
import { PigeonStandIn } from "../stand-ins/pigeon.ts";
import { verifies } from "../verifies.ts";
import { gtc, judge, notPassed } from "./demo.ts";
import type { FaultyPigeon } from "./faulty-pigeon.ts";
import { buildFaultyPigeon } from "./faulty-pigeon.ts";

const absent = (await findToolchains(ROOT)).filter(
  ({ languages, isPresent }) => !isPresent && languages.includes("typescript"),
);
const TOKEN = "Tk7-0123456789-qvx";
const SECRET = "Zw8-9876543210-kjh";
const PATIENCE_MS = 300_000;
const pigeon = new PigeonStandIn({ name: "pigeon", token: TOKEN, secret: SECRET });
const body = pigeon.said("hello", { id: "p1" });
const RECORDED_MS = Date.UTC(2026, 2, 5, 10);
const secrets = { api_token: TOKEN, webhook_secret: SECRET, webhook_secret_previous: "" };
const OPTIONS: ProviderSuiteOptions = {
  target: "pigeon",
  nowMs: Date.now(),
  // A busy machine isn't what is judged.
  timeoutMs: 60_000,
  secrets,
  requests: [
    {
      name: "hello",
      method: "POST",
      url: "/v1/messaging/ingress/pigeon/acme",
      headers: pigeon.sign(body, { atMs: RECORDED_MS }),
      body: Buffer.from(body),
      atMs: RECORDED_MS,
    },
  ],
};
let built: FaultyPigeon;

beforeAll(async () => {
  if (absent.length === 0) built = await buildFaultyPigeon();
}, PATIENCE_MS);

async function judged(
  fault?: string,
  { provider, ...more }: Partial<ProviderSuiteOptions> & { readonly provider?: string } = {},
): Promise<ConformanceReport> {
  return judgeProvider(await built.pack(fault, provider), { ...OPTIONS, ...more });
}

const A = 'sink = "A"';
test.skipIf(absent.length > 0)("a working provider pack passes every case", { timeout: PATIENCE_MS }, async () => {
  verifies("conformance.provider.works");
  expect(notPassed(await judged(undefined, { provider: A }))).toEqual([]);
  const c = await judged();
  expect([c.ok, notPassed(c)]).toEqual([true, ["skip provider.egress.idempotent"]]);
});

test.skipIf(absent.length > 0).each<[string, readonly string[]]>([
  ["drops", ["fail provider.egress.delivers"]],
  ["twice", ["fail provider.egress.delivers"]],
  ["gives-up", ["fail provider.egress.failing"]],
  ["insists", ["fail provider.egress.refused"]],
  ["repeats", ["fail provider.egress.doubtful"]],
  ["names-nothing", ["fail provider.egress.class"]],
  ["renames", ["fail provider.egress.idempotent"]],
  ["leaks", ["fail provider.secrets"]],
  ["receipt", ["fail provider.secrets"]],
  ["asks", ["fail provider.secrets"]],
  ["swallows", ["fail provider.ingress.accepts:hello"]],
  ["renumbers", ["fail provider.ingress.redelivered:hello"]],
  ["believes", ["fail provider.ingress.altered:hello"]],
])("a provider pack that %s is found by the case that is meant", { timeout: PATIENCE_MS }, async (fault, cases) => {
  verifies("conformance.provider.faults");
  const report = await judged(fault, { provider: A });
  expect(report.ok).toBe(false);
  expect(
    notPassed(report).filter((line) => line.startsWith("fail")),
    JSON.stringify(report.cases),
  ).toEqual(cases);
  for (const { reason } of report.cases) expect(reason ?? "").not.toContain(SECRET);
});

test.skipIf(absent.length > 0)(
  "a provider pack that is late is found, sending and receiving",
  { timeout: PATIENCE_MS },
  async () => {
    verifies("conformance.provider.faults");
    const failed = async (fault: string): Promise<readonly string[]> =>
      notPassed(await judged(fault, { timeoutMs: 100 })).filter((line) => line.startsWith("fail"));
    expect(await failed("late")).toContain("fail provider.egress.in-time");
    expect(await failed("slow")).toContain("fail provider.ingress.in-time:hello");
  },
);

test.skipIf(absent.length > 0)(
  "gtc conformance provider reads recorded requests and what they are signed with",
  { timeout: PATIENCE_MS },
  async () => {
    verifies("conformance.provider.works");
    const dir = mkdtempSync(join(tmpdir(), "greentic-providers-"));
    const write = (name: string, value: string | Uint8Array): void => writeFileSync(join(dir, name), value);
    write("pigeon.gtpack", await built.pack());
    write("secrets.json", JSON.stringify(secrets));
    const at = new Date(RECORDED_MS).toISOString();
    write("hello.json", JSON.stringify({ headers: pigeon.sign(body, { atMs: RECORDED_MS }), body, at }));
    const args = ["provider", "pigeon.gtpack", "--request", "hello.json", "--secrets"];
    const { code, report } = await judge(dir, ...args, "secrets.json");
    expect([code, notPassed(report)]).toEqual([0, ["skip provider.egress.idempotent"]]);
    write("other.json", JSON.stringify({ ...secrets, webhook_secret: "another-secret" }));
    expect(notPassed((await judge(dir, ...args, "other.json")).report)).toContain(
      "fail provider.ingress.accepts:hello",
    );
    write("torn.json", '{"webhook_secret": "Zw8');
    const torn = await gtc(dir, ["conformance", ...args, "torn.json"]);
    expect(torn).toMatchObject({ code: 2, stdout: "", stderr: expect.not.stringContaining("Zw8") });
  },
);

/** What a platform posted, as its own documentation says it does. */
const BUILT_IN: Readonly<Record<PackedType, Partial<ProviderSuiteOptions>>> = {
  telegram: {
    secrets: { telegram_bot_token: "987654:AAF_stand-in-token-0123456789", telegram_secret_token: "stand-in-word" },
    requests: [
      posted(
        { update_id: 5, message: { message_id: 9, chat: { id: 42 }, from: { id: 7, is_bot: false }, text: "hi" } },
        () => ({ "x-telegram-bot-api-secret-token": "stand-in-word" }),
        { signsBody: false },
      ),
    ],
    config: { mode: "webhook" },
  },
  slack: {
    secrets: { slack_bot_token: "xoxb-stand-in-0123456789", slack_signing_secret: "0123456789abcdef0123456789abcdef" },
    requests: [
      posted(
        {
          type: "event_callback",
          team_id: "T1",
          api_app_id: "A1",
          event_id: "Ev1",
          event: {
            type: "message",
            channel_type: "im",
            text: "hi",
            user: "U7",
            channel: "D1",
            ts: "1772704800.000100",
          },
        },
        (text) => {
          const timestamp = String(RECORDED_MS / 1_000);
          const mac = hmac("0123456789abcdef0123456789abcdef", `v0:${timestamp}:${text}`);
          return { "x-slack-request-timestamp": timestamp, "x-slack-signature": `v0=${mac}` };
        },
      ),
    ],
  },
  whatsapp: {
    secrets: { whatsapp_access_token: "EAAG-stand-in-0123456789", whatsapp_app_secret: "app-secret-0123456789" },
    config: { phone_number_id: "106540352242922" },
    requests: [
      posted(
        {
          object: "whatsapp_business_account",
          entry: [
            {
              id: "1",
              changes: [
                {
                  field: "messages",
                  value: {
                    messaging_product: "whatsapp",
                    metadata: { phone_number_id: "106540352242922" },
                    contacts: [{ wa_id: "16505550001", profile: { name: "Ada" } }],
                    messages: [
                      {
                        from: "16505550001",
                        id: "wamid.A",
                        timestamp: String(RECORDED_MS / 1_000),
                        type: "text",
                        text: { body: "hi" },
                      },
                    ],
                  },
                },
              ],
            },
          ],
        },
        (text) => ({ "x-hub-signature-256": `sha256=${hmac("app-secret-0123456789", text)}` }),
      ),
    ],
  },
};

function posted(
  value: object,
  sign: (text: string) => Readonly<Record<string, string>>,
  more: { readonly signsBody?: boolean } = {},
): NonNullable<ProviderSuiteOptions["requests"]>[number] {
  const text = JSON.stringify(value);
  const headers = { "content-type": "application/json", ...sign(text) };
  return { name: "hi", method: "POST", url: "/", headers, body: Buffer.from(text), atMs: RECORDED_MS, ...more };
}

function hmac(secret: string, text: string): string {
  return createHmac("sha256", secret).update(text).digest("hex");
}

test.skipIf(absent.length > 0).each(["telegram", "slack", "whatsapp"] as const)(
  "the pack of %s, made of the built-in channel, passes",
  { timeout: PATIENCE_MS },
  async (type) => {
    verifies("conformance.provider.works");
    const more = BUILT_IN[type];
    const report = await judgeProvider(await buildBuiltInPack(type), {
      ...more,
      target: type,
      nowMs: Date.now(),
      timeoutMs: 60_000,
    });
    expect(notPassed(report), JSON.stringify(report.cases)).toEqual(["skip provider.egress.idempotent"]);
    expect(report.ok).toBe(true);
  },
);
