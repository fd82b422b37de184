/** Published provider components, judged as they are: `GREENTIC_COMPAT_DIR` holds the public repositories. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { judgeProvider } from "../../src/conformance/index.ts";
import type { ProviderSuiteOptions } from "../../src/conformance/index.ts";
import { makeProviderPack } from "../stand-ins/provider-pack.ts";
import { verifies } from "../verifies.ts";
import { notPassed } from "./demo.ts";

const root = process.env["GREENTIC_COMPAT_DIR"] ?? "";
const wasms = join(root, "greentic-messaging-providers/dist/wasms");

interface Published {
  readonly type: string;
  readonly destination: string;
  readonly grants: string;
  /** What its platform posts. */
  readonly body: object;
  readonly options?: Partial<ProviderSuiteOptions>;
  /** What is wrong with it, as it was published. */
  readonly found: readonly string[];
}

const PUBLISHED: Readonly<Record<string, Published>> = {
  telegram: {
    type: "messaging.telegram.bot",
    destination: "chat",
    grants: 'http = ["https://api.telegram.org"]\nsecrets = ["TELEGRAM_BOT_TOKEN"]',
    body: { update_id: 5, message: { message_id: 9, date: 1, chat: { id: 42 }, from: { id: 7 }, text: "hello" } },
    // It takes a 500 for a refusal.
    found: ["fail provider.egress.failing"],
  },
  slack: {
    type: "messaging.slack.api",
    destination: "channel",
    grants: 'http = ["https://slack.com"]\nsecrets = ["SLACK_BOT_TOKEN"]',
    body: {
      type: "event_callback",
      team_id: "T0001",
      event_id: "Ev1",
      event: { type: "message", channel: "C1", user: "U7", text: "hello", ts: "1.1" },
    },
    found: [],
  },
  whatsapp: {
    type: "messaging.whatsapp.cloud",
    destination: "phone",
    grants: 'http = ["https://graph.facebook.com"]\nsecrets = ["WHATSAPP_TOKEN", "WHATSAPP_VERIFY_TOKEN"]',
    body: {
      object: "whatsapp_business_account",
      entry: [
        {
          id: "1",
          changes: [
            {
              field: "messages",
              value: {
                messaging_product: "whatsapp",
                metadata: { phone_number_id: "1065" },
                messages: [{ from: "4917", id: "wamid.A", timestamp: "1", type: "text", text: { body: "hello" } }],
              },
            },
          ],
        },
      ],
    },
    options: { config: { phone_number_id: "1065", enabled: true, public_base_url: "https://chat.example.com" } },
    found: ["fail provider.egress.failing"],
  },
  webex: {
    type: "messaging.webex.bot",
    destination: "room",
    grants: 'http = ["https://webexapis.com"]\nsecrets = ["WEBEX_BOT_TOKEN"]',
    body: { id: "wh", resource: "messages", event: "created", data: { id: "M1", roomId: "R1", personId: "P7" } },
    // The webhook names a message, which it fetches.
    options: { answer: { id: "M1", roomId: "R1", personEmail: "ada@example.com", text: "hello" } },
    found: [],
  },
};

describe.skipIf(root === "" || !existsSync(wasms))("published provider components", () => {
  test.each(Object.entries(PUBLISHED))("%s is judged as it is", { timeout: 120_000 }, async (name, published) => {
    verifies("conformance.provider.works", "conformance.provider.faults");
    const { type, destination, grants, body, options, found } = published;
    const bytes = await makeProviderPack({
      name,
      provider: `provider_type = "${type}"\ndedupe = "delivery"\ndestination = "${destination}"`,
      components: { provider: { bytes: readFileSync(join(wasms, `messaging-provider-${name}.wasm`)), grants } },
    });
    const headers = { "content-type": "application/json" };
    const request = { name: "hello", method: "POST", url: "/", headers, body: Buffer.from(JSON.stringify(body)) };
    const report = await judgeProvider(bytes, {
      target: name,
      nowMs: Date.now(),
      timeoutMs: 60_000,
      requests: [request],
      ...options,
    });
    expect(notPassed(report), JSON.stringify(report.cases)).toEqual([
      // The host verifies for them, and they are of class C.
      "skip provider.ingress.altered:hello",
      "skip provider.egress.idempotent",
      ...found,
    ]);
  });
});
