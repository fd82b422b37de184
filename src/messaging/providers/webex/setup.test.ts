import { afterEach, beforeEach, expect, test } from "vitest";
import type { WebexStandIn } from "../../../../test/stand-ins/webex.ts";
import { openWebexStandIn } from "../../../../test/stand-ins/webex.ts";
import { verifies } from "../../../../test/verifies.ts";
import { sendHttp } from "../../../http/index.ts";
import { channelId, DEFAULT_TEAM, envId, tenantId } from "../../../types/index.ts";
import type { SetupParts, SetupStep } from "../setup.ts";
import { webexSetup } from "./setup.ts";

const TOKEN = `stand-in_${"t".repeat(40)}`;
const SECRET = "a-secret-of-sixteen";
const URL_OF = "https://chat.example.com/v1/messaging/ingress/webex/acme";
let webex: WebexStandIn;
beforeEach(async () => {
  webex = await openWebexStandIn({ token: TOKEN, secret: SECRET });
});
afterEach(() => webex.close());

const partsOf = ({ token = TOKEN, ...more }: Partial<SetupParts> & { readonly token?: string } = {}): SetupParts => ({
  world: { nowMs: () => Date.now() },
  http: (request, options) =>
    sendHttp(request, { ...options, rewrites: [{ from: new URL("https://webexapis.com"), to: new URL(webex.url) }] }),
  config: {},
  secret: async (name) => Promise.resolve(name === "webex_bot_token" ? token : SECRET),
  secrets: async () => Promise.resolve([SECRET]),
  address: { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId("webex") },
  callbackUrl: URL_OF,
  isDryRun: false,
  isKnown: true,
  isTest: false,
  showSecret: (name) => `show ${name}`,
  ...more,
});
const states = (steps: readonly SetupStep[]): readonly string[] => steps.map(({ state }) => state);

test("registers both webhooks once, mends what changed, and takes them back", async () => {
  verifies("setup.channels");
  expect(states(await webexSetup.register(partsOf({ isDryRun: true })))).toEqual(["ok", "planned", "planned"]);
  expect(webex.webhooks.size).toBe(0);
  expect(states(await webexSetup.verify(partsOf()))).toEqual(["ok", "failed", "failed"]);
  expect(states(await webexSetup.register(partsOf()))).toEqual(["ok", "changed", "changed"]);
  expect([...webex.webhooks.values()]).toMatchObject(
    ["messages", "attachmentActions"].map((resource) => ({
      resource,
      event: "created",
      targetUrl: URL_OF,
      secret: SECRET,
      status: "active",
    })),
  );
  expect(states(await webexSetup.verify(partsOf()))).toEqual(["ok", "ok", "ok"]);
  expect(states(await webexSetup.register(partsOf()))).toEqual(["ok", "ok", "ok"]);
  // Webex shows no secret: another one is told again.
  expect(states(await webexSetup.register(partsOf({ isKnown: false })))).toEqual(["ok", "changed", "changed"]);
  const moved = partsOf({ callbackUrl: URL_OF.replace("chat", "talk") });
  expect(states(await webexSetup.verify(moved))).toEqual(["ok", "failed", "failed"]);
  expect(states(await webexSetup.register(moved))).toEqual(["ok", "changed", "changed"]);
  const [first] = webex.webhooks.values();
  if (typeof first?.["id"] !== "string") throw new TypeError("no webhook was made");
  webex.webhooks.set(first["id"], { ...first, status: "inactive" });
  expect(await webexSetup.verify(moved)).toMatchObject([{}, { code: "MESSAGING_CHANNEL_UNREACHED" }, { state: "ok" }]);
  expect(states(await webexSetup.register(moved))).toEqual(["ok", "changed", "ok"]);
  expect(states(await webexSetup.verify(moved))).toEqual(["ok", "ok", "ok"]);
  expect(webex.webhooks.size).toBe(2);
  expect(states(await webexSetup.remove(moved))).toEqual(["changed", "changed"]);
  expect(states(await webexSetup.remove(moved))).toEqual(["ok", "ok"]);
  expect(webex.webhooks.size).toBe(0);
});

test("says what is wrong, without any secret", async () => {
  verifies("setup.channels");
  const { callbackUrl: _url, ...unplaced } = partsOf();
  expect(states(await webexSetup.register(unplaced))).toEqual(["ok", "todo"]);
  const other = `another_${"t".repeat(40)}`;
  expect(await webexSetup.register(partsOf({ token: other }))).toMatchObject([
    { state: "failed", code: "MESSAGING_PLATFORM_UNAUTHENTICATED" },
  ]);
  expect(await webexSetup.verify(partsOf({ token: "short" }))).toMatchObject([
    { state: "failed", code: "MESSAGING_CREDENTIAL_INVALID" },
  ]);
  for (const [fault, code] of [
    [429, "MESSAGING_RATE_LIMITED"],
    [503, "MESSAGING_PLATFORM_UNAVAILABLE"],
    ["reset-before", "MESSAGING_PLATFORM_UNAVAILABLE"],
  ] as const) {
    webex.readFaults.push(fault);
    const steps = await webexSetup.verify(partsOf());
    expect(steps).toMatchObject([{ state: "failed", code }]);
    expect(JSON.stringify(steps)).not.toContain(TOKEN);
  }
});
