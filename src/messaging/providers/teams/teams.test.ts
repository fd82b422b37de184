import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { assert, asyncProperty, integer } from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { plainMessage } from "../../../../test/stand-ins/any-message.ts";
import type { BotFrameworkStandIn } from "../../../../test/stand-ins/bot-framework.ts";
import { openBotFrameworkStandIn, SERVICE_URL } from "../../../../test/stand-ins/bot-framework.ts";
import { verifies } from "../../../../test/verifies.ts";
import { sendHttp } from "../../../http/index.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../../../types/index.ts";
import { channelId, DEFAULT_TEAM, envId, tenantId } from "../../../types/index.ts";
import type { Provider, Received } from "../../provider.ts";
import type { TeamsOptions } from "./provider.ts";
import { createTeamsProvider } from "./provider.ts";

const APP_ID = "6b2b1f3e-0000-4000-8000-9a1f4c3d2e10";
const PASSWORD = "stand-in~password-0123456789";
const CONVERSATION = "19:abc@thread.tacv2;messageid=1700000000000";
const NOW = 1_750_000_000_000;
const address = { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId("teams") };
const OTHER_KEY = generateKeyPairSync("rsa", { modulusLength: 2048 });

let nowMs = NOW;
let teams: BotFrameworkStandIn;
let by: Provider;
beforeEach(async () => {
  nowMs = NOW;
  teams = await openBotFrameworkStandIn({ appId: APP_ID, password: PASSWORD, nowMs: () => nowMs });
  by = open();
});
afterEach(() => teams[Symbol.asyncDispose]());

const open = (extra: Partial<TeamsOptions> = {}): Provider =>
  createTeamsProvider({
    address,
    world: {
      nowMs: () => nowMs,
      schedule: (delayMs, task) => {
        nowMs += delayMs;
        queueMicrotask(task);
        return () => undefined;
      },
    },
    http: (request, options) => sendHttp(request, { ...options, rewrites: teams.rewrites }),
    appId: APP_ID,
    appPassword: () => Promise.resolve(PASSWORD),
    ...extra,
  });
const activity = (extra: JsonObject = {}): JsonObject => ({
  type: "message",
  id: "1700000000001",
  channelId: "msteams",
  serviceUrl: SERVICE_URL,
  from: { id: "29:ada", name: "Ada", aadObjectId: "a-d-a" },
  recipient: { id: `28:${APP_ID}`, name: "Worker" },
  conversation: { id: CONVERSATION, tenantId: "t-1" },
  text: "hello",
  ...extra,
});
const receive = (
  body: JsonObject,
  authorization: string | readonly string[] | undefined = `Bearer ${teams.token()}`,
  provider = by,
) =>
  provider.receive?.({
    method: "POST",
    url: "/",
    headers: { authorization },
    body: Buffer.from(JSON.stringify(body)),
  }) as Promise<Received>;
const readOne = async (extra: JsonObject): Promise<ChannelMessageEnvelope | undefined> => {
  const received = await receive(activity(extra));
  return received.kind === "messages" ? received.messages[0]?.envelope : undefined;
};
const send = (payload: JsonValue | undefined, conversation = CONVERSATION, provider = by) =>
  provider.send?.(payload ?? null, { idempotencyKey: "k", conversation, signal: new AbortController().signal });
const reply = (text: string, scope?: string): JsonValue | undefined =>
  by.project(
    plainMessage({
      text,
      ...(scope === undefined ? {} : { reply_scope: { conversation: CONVERSATION, correlation: scope } }),
    }),
  )[0];
const b64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

describe("createTeamsProvider() verifying", () => {
  test("accepts the platform's token for its activity", async () => {
    expect(await receive(activity())).toMatchObject({
      kind: "messages",
      messages: [{ conversation: CONVERSATION, user: "29:ada", envelope: { text: "hello" } }],
    });
    // Clocks differ by minutes.
    const nowS = NOW / 1000;
    for (const claims of [{ exp: nowS - 290 }, { nbf: nowS + 290 }])
      expect(await receive(activity(), `Bearer ${teams.token(claims)}`)).toMatchObject({ kind: "messages" });
  });

  test("accepts no token that is forged, borrowed, stale or for something else", async () => {
    verifies("channels.teams.token");
    const good = teams.token();
    const [head = "", claims = "", signature = ""] = good.split(".");
    const resigned = (header: object): string => {
      const signed = `${b64(header)}.${claims}`;
      return `${signed}.${sign("sha256", Buffer.from(signed), OTHER_KEY.privateKey).toString("base64url")}`;
    };
    const pem = teams.publicKey.export({ format: "pem", type: "spki" });
    const hs = `${b64({ alg: "HS256", typ: "JWT", kid: teams.kid })}.${claims}`;
    const jwk = OTHER_KEY.publicKey.export({ format: "jwk" });
    const nowS = NOW / 1000;
    const forgeries: readonly (string | readonly string[])[] = [
      "",
      good,
      `Basic ${good}`,
      `Bearer  ${good}`,
      `Bearer ${good},Bearer ${good}`,
      ...[
        `${b64({ alg: "none" })}.${claims}.`,
        `${b64({ alg: "none", kid: teams.kid })}.${claims}.${signature}`,
        `${b64({ alg: "nOnE", kid: teams.kid })}.${claims}.${signature}`,
        `${hs}.${createHmac("sha256", pem).update(hs).digest("base64url")}`,
        resigned({ alg: "RS256", kid: teams.kid }),
        resigned({ alg: "RS256", kid: teams.kid, jwk }),
        resigned({ alg: "RS256", kid: teams.kid, jku: "https://evil.example/keys" }),
        resigned({ alg: "RS256", kid: teams.kid, x5u: "https://evil.example/cert" }),
        resigned({ alg: "RS256", kid: "../../../../dev/null" }),
        resigned({ alg: "RS256", kid: "https://evil.example/keys" }),
        resigned({ alg: "RS256", kid: "__proto__" }),
        resigned({ alg: "RS256" }),
        teams.token({}, { alg: "RS512" }),
        teams.token({}, { crit: ["exp"] }),
        teams.token({ iss: "https://evil.example" }),
        teams.token({ iss: "https://api.botframework.com/" }),
        teams.token({ aud: "another-app" }),
        teams.token({ aud: [APP_ID, "another-app"] }),
        teams.token({ aud: undefined }),
        teams.token({ exp: nowS - 301 }),
        teams.token({ exp: undefined }),
        teams.token({ nbf: nowS + 301 }),
        teams.token({ serviceurl: undefined }),
        teams.token({ serviceurl: "https://evil.example/" }),
        teams.token({ serviceurl: SERVICE_URL.toUpperCase() }),
        `${head}.${b64({ iss: "https://api.botframework.com", aud: APP_ID })}.${signature}`,
      ].map((token) => `Bearer ${token}`),
      [`Bearer ${good}`, `Bearer ${good}`],
      [`Bearer ${good}`],
    ];
    const accepted: unknown[] = [];
    for (const forgery of forgeries)
      if ((await receive(activity(), forgery)).kind !== "refused") accepted.push(forgery);
    expect(accepted).toEqual([]);
    // One bit is enough, wherever it is.
    const bits = integer({ min: 0, max: good.length * 6 - 1 });
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    await assert(
      asyncProperty(bits, async (bit) => {
        const at = Math.floor(bit / 6);
        const digit = alphabet.indexOf(good[at] ?? "");
        if (digit === -1) return;
        const other = alphabet[digit ^ (1 << (bit % 6))] ?? "";
        const forged = good.slice(0, at) + other + good.slice(at + 1);
        expect(await receive(activity(), `Bearer ${forged}`)).toMatchObject({ kind: "refused" });
      }),
      { numRuns: 3_000 },
    );
    expect(await receive(activity(), `Bearer ${good}`)).toMatchObject({ kind: "messages" });
    expect(teams.counts.keys).toBe(1);
  });

  test("refuses a good token whose activity is another's", async () => {
    const refused: JsonObject[] = [
      { serviceUrl: "https://evil.example/" },
      { serviceUrl: "https://smba.trafficmanager.net/amer/" },
      { channelId: "webchat" },
      { channelId: ["msteams"] },
    ];
    for (const extra of refused) expect(await receive(activity(extra))).toMatchObject({ kind: "refused" });
    const evil = "https://evil.example/";
    const signed = `Bearer ${teams.token({ serviceurl: evil })}`;
    expect(await receive(activity({ serviceUrl: evil }), signed)).toEqual({ kind: "refused", reason: "service url" });
    teams.endorsements = ["webchat"];
    const other = open();
    expect(await receive(activity(), undefined, other)).toEqual({ kind: "refused", reason: "not its token" });
  });

  test("keeps an app of one directory to it, and a conversation to the host that it was first heard from", async () => {
    const single = open({ directory: "T-1" });
    expect(await receive(activity(), undefined, single)).toMatchObject({ kind: "messages" });
    const foreign = activity({ channelData: { tenant: { id: "t-2" } } });
    expect(await receive(foreign, undefined, single)).toEqual({ kind: "refused", reason: "directory" });
    const more = open({ serviceHosts: ["smba.example.com"] });
    await receive(activity(), undefined, more);
    const moved = "https://smba.example.com/emea/";
    const signed = `Bearer ${teams.token({ serviceurl: moved })}`;
    expect(await receive(activity({ serviceUrl: moved }), signed, more)).toEqual({
      kind: "refused",
      reason: "service url",
    });
    const region = "https://smba.trafficmanager.net/amer/";
    const there = `Bearer ${teams.token({ serviceurl: region })}`;
    expect(await receive(activity({ serviceUrl: region }), there, more)).toMatchObject({ kind: "messages" });
  });

  test("asks for keys once a day, for an unknown one once an hour, and lives on yesterday's in an outage", async () => {
    await receive(activity());
    await receive(activity());
    for (let i = 0; i < 20; i++) await receive(activity(), `Bearer ${teams.token({}, { kid: `made-up-${i}` })}`);
    expect(teams.counts.keys).toBe(1);
    nowMs += 3_600_000;
    teams.rotate();
    expect(await receive(activity())).toMatchObject({ kind: "messages" });
    expect(teams.counts.keys).toBe(2);
    nowMs += 24 * 3_600_000;
    expect(await receive(activity())).toMatchObject({ kind: "messages" });
    expect(teams.counts.keys).toBe(3);
    const cut = open({ http: () => Promise.reject(new Error("down")) });
    await expect(receive(activity(), undefined, cut)).rejects.toMatchObject({ code: "MESSAGING_PLATFORM_UNAVAILABLE" });
  });
});

describe("createTeamsProvider() receiving", () => {
  test("takes out the mention that called the worker and names the others", async () => {
    const entities = [
      { type: "mention", text: "<at>Worker</at>", mentioned: { id: `28:${APP_ID}`, name: "Worker" } },
      { type: "mention", text: "<at>Bob</at>", mentioned: { id: "29:bob", name: "Bob" } },
      { type: "clientInfo", locale: "de-DE" },
    ];
    const text = "<at>Worker</at>&nbsp;tell <at>Bob</at> hello";
    expect(await readOne({ text, entities, locale: "de-DE" })).toMatchObject({
      text: "tell Bob hello",
      metadata: { locale: "de-DE", directory_id: "a-d-a" },
      reply_scope: { conversation: CONVERSATION, reply_to: "1700000000001", correlation: SERVICE_URL },
    });
  });

  test("gives a card's submit and execute back as the same fields", async () => {
    const value = { city: "rome", msteams: { type: "task" } };
    const submitted = await readOne({ text: undefined as unknown as JsonValue, value });
    expect(submitted).toMatchObject({
      metadata: { city: "rome" },
      extensions: { channel_data: { value: { city: "rome" } } },
    });
    expect(submitted?.metadata["msteams"]).toBeUndefined();
    const executed = await receive(
      activity({
        type: "invoke",
        name: "adaptiveCard/action",
        value: { action: { type: "Action.Execute", verb: "save", data: { city: "rome" } } },
      }),
    );
    expect(executed).toMatchObject({
      kind: "messages",
      messages: [{ envelope: { metadata: { action: "save", city: "rome" } } }],
      answer: { status: 200, contentType: "application/json; charset=utf-8" },
    });
    expect(JSON.parse((executed.kind === "messages" && executed.answer?.body) || "{}")).toMatchObject({
      statusCode: 200,
      type: "application/vnd.microsoft.activity.message",
    });
    expect(await receive(activity({ type: "invoke", name: "task/submit", value: { data: { n: 1 } } }))).toMatchObject({
      messages: [{ envelope: { metadata: { n: "1" } } }],
      answer: { status: 200, body: "{}" },
    });
    expect(await receive(activity({ type: "invoke", name: "composeExtension/query" }))).toMatchObject({
      kind: "answer",
      status: 501,
    });
  });

  test("names a delivery by conversation and id, and starts nothing for news, its own and other workers' messages", async () => {
    const keys = new Set<string>();
    for (const [id, conversation] of [
      ["1", "a"],
      ["1", "b"],
      ["2", "a"],
      ["1", "a"],
    ]) {
      const received = await receive(activity({ id: id ?? "", conversation: { id: conversation ?? "" } }));
      if (received.kind === "messages") keys.add(received.messages[0]?.dedupeKey ?? "");
    }
    expect(keys.size).toBe(3);
    const silent: JsonObject[] = [
      { type: "conversationUpdate", membersAdded: [{ id: `28:${APP_ID}` }] },
      { type: "messageReaction", reactionsAdded: [{ type: "like" }] },
      { type: "typing" },
      { type: "messageUpdate" },
      { from: { id: `28:${APP_ID}` } },
      { from: { id: "28:another" } },
      { from: { id: "29:x", role: "bot" } },
      { text: " " },
    ];
    for (const extra of silent) expect(await receive(activity(extra))).toEqual({ kind: "messages", messages: [] });
  });

  test("keeps files by what names them and leaves the formatted double of the text", async () => {
    const attachments = [
      { contentType: "text/html", content: "<p>hello</p>" },
      {
        contentType: "application/vnd.microsoft.teams.file.download.info",
        name: "a.pdf",
        content: { uniqueId: "u", fileType: "pdf" },
      },
    ];
    expect((await readOne({ attachments }))?.attachments).toEqual([
      {
        mime_type: "application/vnd.microsoft.teams.file.download.info",
        name: "a.pdf",
        content: { uniqueId: "u", fileType: "pdf" },
      },
    ]);
  });
});

describe("createTeamsProvider() sending", () => {
  test("shows that it types where the message came from, in threads whose allowance is whole", async () => {
    verifies("channels.typing");
    const sign = { conversation: CONVERSATION, correlation: SERVICE_URL, signal: new AbortController().signal };
    await by.showTyping?.(sign);
    expect(teams.posts).toEqual([{ conversation: CONVERSATION, body: { type: "typing" } }]);
    await send(reply("one", SERVICE_URL));
    await by.showTyping?.(sign);
    await by.showTyping?.({ ...sign, conversation: "19:other@thread.v2", correlation: "https://evil.example/" });
    expect(teams.posts.map(({ body }) => body.type)).toEqual(["typing", "message"]);
    nowMs += 10_000;
    await by.showTyping?.(sign);
    expect(teams.posts).toHaveLength(3);
  });

  test("answers where the message came from, also what was never heard of, and asks for one token", async () => {
    const sent = await Promise.all([
      send(reply("one", SERVICE_URL)),
      send(reply("two", SERVICE_URL)),
      send(reply("news"), "19:never-heard-of@thread.v2"),
    ]);
    expect(sent).toMatchObject([{ kind: "sent" }, { kind: "sent" }, { kind: "sent" }]);
    expect(teams.posts.map(({ conversation }) => conversation).toSorted()).toEqual(
      [CONVERSATION, CONVERSATION, "19:never-heard-of@thread.v2"].toSorted(),
    );
    expect(teams.posts[0]?.body).toMatchObject({ type: "message", textFormat: "plain" });
    expect(teams.counts.tokens).toBe(1);
    nowMs += 3_400_000;
    await send(reply("later", SERVICE_URL));
    expect(teams.counts.tokens).toBe(2);
  });

  test("sends the token nowhere else, whatever a row says", async () => {
    verifies("channels.teams.token");
    const asked: string[] = [];
    const spying = open({
      http: (request, options) => {
        asked.push(new URL(request.url).origin);
        return sendHttp(request, { ...options, rewrites: teams.rewrites });
      },
    });
    for (const serviceUrl of [
      "https://evil.example/",
      "http://smba.trafficmanager.net/emea/",
      "https://smba.trafficmanager.net:8443/emea/",
      "https://smba.trafficmanager.net@evil.example/",
      "https://smba.trafficmanager.net.evil.example/",
      "https://smba.trafficmanager.net/emea/?x=",
      "not a url",
    ])
      expect(await send(reply("secret", serviceUrl), CONVERSATION, spying)).toEqual({
        kind: "failed",
        error: "MESSAGING_PAYLOAD_INVALID",
      });
    expect(asked).toEqual([]);
  });

  test("tells by kind how a send ended", async () => {
    const outcomes: JsonValue[] = [];
    for (const fault of [429, 412, 502, 504, 500, 403, 413]) {
      teams.faults.push(fault);
      const result = await send(reply("hello", SERVICE_URL));
      outcomes.push(result === undefined ? null : [result.kind, "error" in result ? result.error : ""]);
      nowMs += 5_000;
    }
    expect(outcomes).toEqual([
      ["retry", "MESSAGING_RATE_LIMITED"],
      ["retry", "MESSAGING_PLATFORM_UNAVAILABLE"],
      ["retry", "MESSAGING_PLATFORM_UNAVAILABLE"],
      ["retry", "MESSAGING_PLATFORM_UNAVAILABLE"],
      ["retry", "MESSAGING_PLATFORM_UNAVAILABLE"],
      ["failed", "MESSAGING_PLATFORM_REFUSED"],
      ["failed", "MESSAGING_PLATFORM_REFUSED"],
    ]);
  });

  test("replaces a token that the connector doesn't take, once", async () => {
    await send(reply("one", SERVICE_URL));
    teams.tokens.clear();
    expect(await send(reply("two", SERVICE_URL))).toMatchObject({ kind: "sent" });
    expect(teams.counts.tokens).toBe(2);
    const wrong = open({ appPassword: () => Promise.resolve("wrong-password-0123456789") });
    expect(await send(reply("three", SERVICE_URL), CONVERSATION, wrong)).toMatchObject({
      kind: "retry",
      error: "MESSAGING_PLATFORM_UNAUTHENTICATED",
    });
  });

  test("keeps a thread's pace: eight in two seconds and 1,800 in an hour at most", () => {
    const rates = by.sendRates?.(CONVERSATION) ?? [];
    const within = (seconds: number): number =>
      Math.min(
        ...rates.filter(({ name }) => name !== "app").map(({ rate }) => rate.capacity + rate.perSecond * seconds),
      );
    expect([within(1) <= 7, within(2) <= 8, within(30) <= 60, within(3_600) <= 1_800]).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(within(3_600)).toBeGreaterThan(1_700);
    const [app] = rates;
    expect((app?.rate.capacity ?? 0) + (app?.rate.perSecond ?? 0)).toBeLessThanOrEqual(50);
  });
});
