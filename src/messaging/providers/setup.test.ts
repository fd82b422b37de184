import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inflateSync } from "node:zlib";
import { openBotFrameworkStandIn } from "../../../test/stand-ins/bot-framework.ts";
import { openSlackStandIn } from "../../../test/stand-ins/slack.ts";
import { openTelegramStandIn } from "../../../test/stand-ins/telegram.ts";
import { openWebhookReceiver } from "../../../test/stand-ins/webhook-receiver.ts";
import { openWhatsAppStandIn } from "../../../test/stand-ins/whatsapp.ts";
import { verifies } from "../../../test/verifies.ts";
import { CHANNEL_TYPES } from "../../config/index.ts";
import { sendHttp } from "../../http/index.ts";
import type { HttpOptions } from "../../http/index.ts";
import type { JsonObject } from "../../types/index.ts";
import { channelId, DEFAULT_TEAM, envId, tenantId } from "../../types/index.ts";
import { providerOf } from "./catalog.ts";
import type { ProviderSetup, SetupParts, SetupStep } from "./setup.ts";

const URL_OF = "https://chat.example.com/v1/messaging/ingress/desk/acme";

/** Parts over secrets that a test may change on the way. */
function partsOf(
  secrets: Record<string, string>,
  { http = {}, ...more }: Partial<Omit<SetupParts, "http">> & { readonly http?: HttpOptions },
): SetupParts {
  return {
    world: { nowMs: () => Date.now() },
    http: (request, options) => sendHttp(request, { ...http, ...options }),
    config: {},
    secret: async (name) => Promise.resolve(secrets[name] ?? ""),
    secrets: async (name) => Promise.resolve([secrets[name] ?? ""]),
    address: { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId("desk") },
    callbackUrl: URL_OF,
    isDryRun: false,
    isKnown: true,
    isTest: false,
    showSecret: (name) => `show ${name}`,
    ...more,
  };
}
const rewritten = (from: string, to: string): HttpOptions => ({ rewrites: [{ from: new URL(from), to: new URL(to) }] });
const states = (steps: readonly SetupStep[]): readonly string[] => steps.map(({ state }) => state);
const told = (steps: readonly SetupStep[]): string => JSON.stringify(steps);
function setupOf(type: (typeof CHANNEL_TYPES)[number]): ProviderSetup {
  const { setup } = providerOf(type);
  if (setup === undefined) throw new TypeError(`${type} has no set-up`);
  return setup;
}

test("every built-in channel has a set-up", () => {
  verifies("setup.channels");
  const types = [
    "webchat",
    "telegram",
    "slack",
    "webhook-out",
    "whatsapp",
    "teams",
    "email",
    "webhook-in",
    "github",
    "stripe",
    "timer",
    "email",
  ] as const;
  for (const type of types) {
    const setup = setupOf(type);
    for (const part of ["isReached", "register", "verify", "remove"] as const)
      expect(typeof setup[part]).toBe("function");
  }
});

describe("telegramSetup", () => {
  const TOKEN = "987654:AAF_stand-in-token-0123456789";
  const secrets = { telegram_bot_token: TOKEN, telegram_secret_token: "made-up_secret" };
  let telegram: Awaited<ReturnType<typeof openTelegramStandIn>>;
  let http: HttpOptions;
  beforeAll(async () => {
    telegram = await openTelegramStandIn({ token: TOKEN });
    http = rewritten("https://api.telegram.org", telegram.url);
  });
  afterAll(() => telegram.close());
  const setup = setupOf("telegram");

  test("registers once with the secret, says so, and takes it back", async () => {
    verifies("setup.idempotent", "setup.register");
    const parts = partsOf(secrets, { http, config: { mode: "webhook" } });
    expect(await setup.register({ ...parts, isDryRun: true })).toMatchObject([{ state: "ok" }, { state: "planned" }]);
    expect(telegram.registrations()).toBe(0);
    expect(states(await setup.verify(parts))).toEqual(["ok", "failed"]);
    expect(states(await setup.register({ ...parts, isKnown: false }))).toEqual(["ok", "changed"]);
    expect(telegram.webhook()).toEqual({
      url: URL_OF,
      secret: "made-up_secret",
      allowed: ["message", "callback_query"],
    });
    expect(states(await setup.register(parts))).toEqual(["ok", "ok"]);
    expect(states(await setup.verify(parts))).toEqual(["ok", "ok"]);
    expect(telegram.registrations()).toBe(1);
    // A secret that changed isn't to be seen in what Telegram tells.
    expect(states(await setup.register({ ...parts, isKnown: false }))).toEqual(["ok", "changed"]);
    const moved = { ...parts, callbackUrl: "https://new.example.com/x" };
    expect(told(await setup.verify(moved))).toMatch(/posts to https:\/\/chat.*is at https:\/\/new/);
    expect(told(await setup.register(moved))).toContain(`(was ${URL_OF})`);
    expect(states(await setup.remove(parts))).toEqual(["changed"]);
    expect(states(await setup.remove(parts))).toEqual(["ok"]);
  });

  test("says what Telegram can't deliver, and repairs a secret that it doesn't have", async () => {
    verifies("doctor.online");
    const parts = partsOf(secrets, { http, config: { mode: "webhook" } });
    await setup.register(parts);
    telegram.say("hello");
    await telegram.until(() => telegram.pending().length === 1);
    expect(await setup.verify(parts)).toMatchObject([
      { state: "ok" },
      {
        state: "failed",
        code: "MESSAGING_CHANNEL_UNREACHED",
        what: expect.stringMatching(/"Connection refused".*1 updates wait/),
      },
    ]);
    await setup.remove(parts);
  });

  test("fetches where it isn't reached, and tells of another program that does", async () => {
    const parts = partsOf(secrets, { http });
    await setup.register(partsOf(secrets, { http, config: { mode: "webhook" } }));
    expect(await setup.verify(parts)).toMatchObject([
      {},
      { state: "failed", what: expect.stringContaining("keeps updates from") },
    ]);
    expect(states(await setup.register(parts))).toEqual(["ok", "changed"]);
    const poll = (timeout: number): Promise<unknown> =>
      fetch(`${telegram.url}/bot${TOKEN}/getUpdates`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ offset: 9_999, timeout }),
      }).catch(() => undefined);
    // What waited for the webhook would be an answer at once.
    await poll(0);
    const verifying = setup.verify(parts);
    const others: Promise<unknown>[] = [];
    for (;;) {
      others.push(poll(10));
      if ((await Promise.race([verifying, new Promise((done) => setTimeout(done, 100))])) !== undefined) break;
    }
    expect(told(await verifying)).toContain("another program with this token");
  });

  test("names a token that isn't taken or is another bot's, and never shows it", async () => {
    verifies("setup.secrets");
    const wrong = partsOf({ telegram_bot_token: "987654:wrong_wrong_wrong" }, { http });
    expect(await setup.verify(wrong)).toMatchObject([{ state: "failed", code: "MESSAGING_PLATFORM_UNAUTHENTICATED" }]);
    expect(told(await setup.register(wrong))).not.toContain("wrong_wrong");
    const other = partsOf(secrets, { http, config: { username: "another_bot" } });
    expect(await setup.register(other)).toMatchObject([
      { state: "failed", what: expect.stringContaining("@stand_in_bot") },
    ]);
    const plain = partsOf(secrets, { http, config: { mode: "webhook" }, callbackUrl: "http://chat.example.com/x" });
    expect(told(await setup.register(plain))).toContain("An HTTPS URL must be provided");
    const away = partsOf(secrets, { http: rewritten("https://api.telegram.org", "http://127.0.0.1:1") });
    expect(await setup.verify(away)).toMatchObject([{ state: "failed", code: "MESSAGING_PLATFORM_UNAVAILABLE" }]);
  });
});

describe("whatsappSetup", () => {
  const secrets = {
    whatsapp_access_token: "EAAG-stand-in-token-0123456789",
    whatsapp_app_secret: "app-secret-of-the-demo-0123456789",
    whatsapp_verify_token: "verify-me-please",
  };
  const ids = { phoneNumberId: "106540352242922", accountId: "102290129340398", appId: "670843887433847" };
  const config: JsonObject = {
    phone_number_id: ids.phoneNumberId,
    business_account_id: ids.accountId,
    app_id: ids.appId,
  };
  const setup = setupOf("whatsapp");

  test("subscribes app and fields and gives the number its webhook, once the host answers", async () => {
    verifies("setup.idempotent", "setup.register");
    const { whatsapp_access_token: token, whatsapp_app_secret: appSecret } = secrets;
    await using whatsapp = await openWhatsAppStandIn({ token, appSecret, ...ids });
    const http = rewritten("https://graph.facebook.com", whatsapp.url);
    const parts = partsOf(secrets, { http, config });
    expect(states(await setup.register({ ...parts, isDryRun: true }))).toEqual(["ok", "planned", "planned", "planned"]);
    const away = await setup.register(parts);
    expect(states(away)).toEqual(["ok", "changed", "failed", "failed"]);
    expect(told(away)).toMatch(/Callback verification failed.*start the host/);
    whatsapp.handshake = async (url, verify) => Promise.resolve(url === URL_OF && verify === "verify-me-please");
    expect(states(await setup.register(parts))).toEqual(["ok", "ok", "changed", "changed"]);
    expect(states(await setup.register(parts))).toEqual(["ok", "ok", "ok", "ok"]);
    delete whatsapp.webhooks.phone_number;
    whatsapp.webhooks.application = "https://elsewhere.example.com/hook";
    expect(told(await setup.verify(parts))).toContain("posts to https://elsewhere.example.com/hook");
    expect(states(await setup.register(parts))).toEqual(["ok", "ok", "ok", "changed"]);
    expect(states(await setup.register(parts))).toEqual(["ok", "ok", "ok", "ok"]);
    const changes = ["subscribed_apps", "subscriptions", "webhook_configuration", "webhook_configuration"];
    expect(whatsapp.changes).toEqual(changes);
    expect(states(await setup.verify(parts))).toEqual(["ok", "ok"]);
    whatsapp.numberStatus = "PENDING";
    expect(told(await setup.verify(parts))).toContain(String.raw`is \"PENDING\"`);
    whatsapp.numberStatus = "CONNECTED";
    expect([...states(await setup.remove(parts)), ...states(await setup.remove(parts))]).toEqual(["changed", "ok"]);
  });

  test("prints what to paste where it knows neither app nor account, and shows no secret", async () => {
    verifies("setup.paste", "setup.secrets");
    const { whatsapp_access_token: token, whatsapp_app_secret: appSecret } = secrets;
    await using whatsapp = await openWhatsAppStandIn({ token, appSecret, ...ids });
    const http = rewritten("https://graph.facebook.com", whatsapp.url);
    const parts = partsOf(secrets, { http, config: { phone_number_id: ids.phoneNumberId }, isKnown: false });
    const steps = await setup.register(parts);
    expect(steps[2]?.paste).toBe(
      `Callback URL:  ${URL_OF}\nVerify token:  what this shows: show whatsapp_verify_token`,
    );
    const wrong = partsOf({ ...secrets, whatsapp_access_token: "EAAG-wrong" }, { http, config });
    expect(await setup.verify(wrong)).toMatchObject([{ state: "failed", code: "MESSAGING_PLATFORM_UNAUTHENTICATED" }]);
    for (const secret of Object.values(secrets)) expect(told(steps)).not.toContain(secret);
  });
});

test("slackSetup prints a manifest, verifies the token and names what it lacks", async () => {
  verifies("setup.paste", "doctor.online");
  const secrets = { slack_bot_token: "xoxb-1234567890-abcdef", slack_signing_secret: "0123456789abcdef" };
  const slack = await openSlackStandIn({ token: secrets.slack_bot_token, signingSecret: secrets.slack_signing_secret });
  const http = rewritten("https://slack.com", slack.url);
  const setup = setupOf("slack");
  const config = { workspace: "T0001", listen: "all", command: "/ask", app_name: "Desk" };
  const parts = partsOf(secrets, { http, config, isKnown: false });
  const [bot, app] = await setup.register(parts);
  expect(bot).toMatchObject({ state: "ok", what: expect.stringContaining('"worker" in "Acme" (T0001)') });
  expect(JSON.parse(app?.paste ?? "")).toMatchObject({
    display_information: { name: "Desk" },
    features: { slash_commands: [{ command: "/ask", url: URL_OF }] },
    oauth_config: { scopes: { bot: expect.arrayContaining(["chat:write", "commands", "im:history"]) } },
    settings: {
      event_subscriptions: {
        request_url: URL_OF,
        bot_events: expect.arrayContaining(["app_mention", "message.channels", "message.im"]),
      },
      interactivity: { is_enabled: true, request_url: URL_OF },
    },
  });
  expect(states(await setup.register({ ...parts, isKnown: true }))).toEqual(["ok", "ok"]);
  slack.scopes = ["chat:write"];
  expect(told(await setup.verify(parts))).toContain("no scope app_mentions:read, im:history");
  expect(told(await setup.verify(partsOf(secrets, { http, config: { workspace: "T0002" } })))).toContain(
    "of workspace T0001",
  );
  const wrong = partsOf({ slack_bot_token: "xoxb-0000000000-wrong" }, { http });
  expect(told(await setup.verify(wrong))).toContain("invalid_auth");
  await slack.close();
});

test("teamsSetup fetches a token, prints the endpoint and makes an app package", async () => {
  verifies("setup.paste", "doctor.online");
  const appId = "6b2b1f3e-0000-4000-8000-9a1f4c3d2e10";
  await using platform = await openBotFrameworkStandIn({ appId, password: "client-secret-value-1" });
  const setup = setupOf("teams");
  const http = { rewrites: platform.rewrites };
  const parts = partsOf(
    { teams_app_password: "client-secret-value-1" },
    { http, config: { app_id: appId }, isKnown: false },
  );
  const steps = await setup.register(parts);
  expect(states(steps)).toEqual(["ok", "todo", "todo"]);
  expect(steps[1]?.paste).toBe(URL_OF);
  const files = steps[2]?.archive?.files ?? {};
  expect(JSON.parse(Buffer.from(files["manifest.json"] ?? []).toString())).toMatchObject({
    id: appId,
    bots: [{ botId: appId, scopes: ["personal", "team", "groupChat"] }],
    validDomains: ["chat.example.com"],
  });
  for (const [name, size] of [
    ["color.png", 192],
    ["outline.png", 32],
  ] as const) {
    const png = Buffer.from(files[name] ?? []);
    expect([png.subarray(1, 4).toString(), png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual(["PNG", size, size]);
    const data = png.subarray(41, 41 + png.readUInt32BE(33));
    expect(inflateSync(data).length).toBe(size * (size * 4 + 1));
  }
  const wrong = partsOf({ teams_app_password: "client-secret-value-2" }, { http, config: { app_id: appId } });
  expect(await setup.verify(wrong)).toMatchObject([
    { state: "failed", what: expect.stringContaining("AADSTS7000215"), code: "MESSAGING_PLATFORM_UNAUTHENTICATED" },
  ]);
});

test("webhookOutSetup tells how to share the secret, and sends a signed test event when asked", async () => {
  verifies("setup.paste");
  const secret = providerOf("webhook-out").secrets[0]?.generate?.(new Uint8Array(32).fill(7)) ?? "";
  const receiver = await openWebhookReceiver(secret);
  const setup = setupOf("webhook-out");
  const parts = partsOf(
    { webhook_secret: secret },
    { http: { privateAddresses: ["127.0.0.1"] }, config: { url: `${receiver.url}/hook?key=hidden` }, isKnown: false },
  );
  const steps = await setup.register(parts);
  expect(steps).toMatchObject([{ state: "todo", paste: "show webhook_secret" }]);
  expect(told(steps)).not.toContain("hidden");
  expect(states(await setup.verify({ ...parts, isTest: true }))).toEqual(["changed"]);
  expect(receiver.taken).toMatchObject([{ payload: { type: "greentic.test" } }]);
  const other = { ...parts, secrets: async () => Promise.resolve(["whsec_" + "A".repeat(44)]), isTest: true };
  expect(await setup.verify(other)).toMatchObject([{ state: "failed", code: "MESSAGING_PLATFORM_UNAUTHENTICATED" }]);
  await receiver.close();
});

test("senders that are told by hand get their address, once, and before their secret where they make it", async () => {
  verifies("setup.paste");
  const first = partsOf({}, { isKnown: false });
  const github = setupOf("github");
  expect(await github.register(first)).toMatchObject([
    { state: "todo", paste: expect.stringContaining(`Payload URL:   ${URL_OF}`) },
  ]);
  expect(github.prepare).toBeUndefined();
  for (const type of ["stripe", "webhook-in"] as const)
    expect(setupOf(type).prepare?.(first)).toMatchObject([{ state: "todo", paste: `Endpoint URL:  ${URL_OF}` }]);
  expect(states(await setupOf("stripe").register({ ...first, isKnown: true }))).toEqual(["ok"]);
  expect(states(await setupOf("timer").register(first))).toEqual(["ok"]);
});

test("what anybody may make up is made in the form that its platform takes", () => {
  verifies("setup.secrets");
  const random = Uint8Array.from({ length: 32 }, (_, i) => i * 37);
  for (const type of CHANNEL_TYPES)
    for (const { generate, form } of providerOf(type).secrets)
      if (generate !== undefined) expect(form?.pattern.test(generate(random))).toBe(true);
});
