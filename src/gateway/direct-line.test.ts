import { SignJWT } from "jose";
import { describe, expect, test } from "vitest";
import type { Call, Conversation } from "../../test/stand-ins/direct-line-caller.ts";
import { claimsIn, clientOf, errorIn } from "../../test/stand-ins/direct-line-caller.ts";
import { createGatewayFixture, WEBCHAT_SECRET } from "../../test/stand-ins/gateway-fixture.ts";

const BASE = "/v1/messaging/webchat";
import { verifies } from "../../test/verifies.ts";

const SITE = "https://www.acme.example";

const BAD_TOKEN = [403, "GATEWAY_TOKEN_INVALID"];
const NO_TOKEN = [401, "GATEWAY_UNAUTHENTICATED"];
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("DirectLine", () => {
  test("carries a conversation: token, start, post, read by watermark", async () => {
    const client = clientOf(createGatewayFixture());
    const generated = await client.generate();
    expect(generated.expires_in).toBe(1800);
    const at = await client.start({ token: generated.token });
    expect(at.conversationId).toBe(generated.conversationId);
    expect(at.conversationId).toMatch(/^[0-9a-f]{32}$/);
    expect(at.streamUrl).toMatch(/^ws:\/\/.+\/stream\?watermark=0&t=/);
    const posted = await client.say(at, { type: "message", text: "hello", from: { id: "me" } });
    expect([posted.status, await posted.json()]).toEqual([200, { id: `${at.conversationId}|0000000` }]);
    await settled();
    const first = await client.read(at);
    expect(first.activities).toMatchObject([
      { id: `${at.conversationId}|0000000`, type: "message", text: "hello", from: { role: "user" } },
      { id: `${at.conversationId}|0000001`, type: "message", text: "You said: hello", from: { role: "bot" } },
    ]);
    await client.say(at, { type: "message", text: "again" });
    await settled();
    const second = await client.read(at, first.watermark);
    expect(second.activities.map(({ text }) => text)).toEqual(["again", "You said: again"]);
    expect(await client.read(at, second.watermark)).toEqual({ activities: [], watermark: second.watermark });
    expect((await client.read(at, "undefined")).activities).toHaveLength(4);
  });

  test("tells nothing that is older than its tenant's days, and a watermark into it goes on with what is there", async () => {
    verifies("retention.conversation-log");
    const fixture = createGatewayFixture({
      retention: { all: {}, tenants: { demo: { conversationLogMs: 60_000 } } },
    });
    const client = clientOf(fixture);
    const at = await client.start();
    await client.say(at, { type: "message", text: "old" });
    await settled();
    const first = await client.read(at);
    expect(first.activities.map(({ text }) => text)).toEqual(["old", "You said: old"]);
    fixture.world.advance(60_000);
    expect((await client.read(at)).activities).toEqual([]);
    await client.say(at, { type: "message", text: "new" });
    await settled();
    for (const watermark of [undefined, "1", first.watermark]) {
      const { activities } = await client.read(at, watermark);
      expect(activities.map(({ id, text }) => [id, text])).toEqual([
        [`${at.conversationId}|0000002`, "new"],
        [`${at.conversationId}|0000003`, "You said: new"],
      ]);
    }
  });

  test("serves the token under /token too, and replays everything on a reconnect without watermark", async () => {
    const fixture = createGatewayFixture();
    const client = clientOf(fixture);
    expect((await client.call("POST", "token")).status).toBe(200);
    expect((await fixture.gateway.app.request(`${BASE}/demo/token`, { method: "POST" })).status).toBe(200);
    const at = await client.start();
    const again = await client.call("GET", `conversations/${at.conversationId}?watermark=5`, { token: at.token });
    expect(await again.json()).toMatchObject({
      conversationId: at.conversationId,
      streamUrl: expect.stringContaining("watermark=5&t=") as string,
    });
  });

  test("makes user and conversation itself: what the client says of itself isn't read", async () => {
    const fixture = createGatewayFixture();
    const client = clientOf(fixture);
    const at = await client.start({ body: { user: { id: "dl_victim" } } });
    const { sub } = claimsIn(at.token);
    expect(sub).toMatch(/^dl_[0-9a-f]{32}$/);
    await client.say(at, {
      type: "message",
      text: "hi",
      from: { id: "dl_victim", role: "bot" },
      conversation: { id: "other" },
    });
    expect(fixture.runtime.accepted[0]).toMatchObject({ user: sub, conversation: at.conversationId });
    expect((await client.read(at)).activities[0]?.from).toEqual({ id: sub, role: "user" });
  });

  test("gives the same id to a repeated clientActivityID, and to another user's one its own", async () => {
    const fixture = createGatewayFixture();
    const client = clientOf(fixture);
    const [at, other] = [await client.start(), await client.start()];
    const body = { type: "message", text: "hi", channelData: { clientActivityID: "c1" } };
    const ids = await Promise.all([1, 2, 3].map(async () => (await client.say(at, body)).json()));
    expect(new Set(ids.map((id) => JSON.stringify(id))).size).toBe(1);
    expect(await (await client.say(other, body)).json()).toEqual({ id: `${other.conversationId}|0000000` });
    expect(fixture.runtime.accepted).toHaveLength(2);
  });

  test("turns a submitted card into metadata, and answers typing without starting anything", async () => {
    const fixture = createGatewayFixture();
    const client = clientOf(fixture);
    const at = await client.start({ headers: { "x-greentic-locale": "de-DE" } });
    await client.say(
      at,
      { type: "message", value: { city: "Berlin", days: 3, __proto__: null } },
      { headers: { "x-greentic-locale": "de-DE" } },
    );
    expect((await client.say(at, { type: "typing" })).status).toBe(200);
    expect(fixture.runtime.accepted).toHaveLength(1);
    expect(fixture.runtime.accepted[0]).toMatchObject({
      locale: "de-DE",
      envelope: {
        metadata: { city: "Berlin", days: "3", locale: "de-DE" },
        extensions: { channel_data: { value: { city: "Berlin", days: 3 } } },
      },
    });
  });

  test("takes an endOfConversation as a word to the flow that others in the conversation see too", async () => {
    verifies("channels.webchat.goodbye");
    const fixture = createGatewayFixture();
    const client = clientOf(fixture);
    const at = await client.start();
    expect((await client.say(at, { type: "endOfConversation", code: "userCancelled" })).status).toBe(200);
    expect(fixture.runtime.accepted).toMatchObject([{ envelope: { metadata: { event: "endOfConversation" } } }]);
    expect((await client.read(at)).activities[0]).toMatchObject({ type: "endOfConversation", from: { role: "user" } });
  });

  test("greets once per conversation where the tenant wants that", async () => {
    const { gateway, runtime } = createGatewayFixture({
      tenant: () => ({ webchat: { anonymous: true, autoStart: true } }),
    });
    const client = clientOf({ gateway });
    const at = await client.start();
    await client.start({ token: at.token });
    expect(runtime.accepted).toMatchObject([{ envelope: { text: "", metadata: { autoStart: "true" } } }]);
  });

  test("answers 503 while the store is down", async () => {
    const fixture = createGatewayFixture();
    const client = clientOf(fixture);
    const at = await client.start();
    fixture.runtime.isDown = true;
    const answer = await client.say(at, { type: "message", text: "hi" });
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "2"]);
  });
});

describe("DirectLine refuses", () => {
  test("requests without a token", async () => {
    const client = clientOf(createGatewayFixture());
    const at = await client.start();
    const calls = [
      client.call("POST", "tokens/refresh"),
      client.call("POST", "conversations"),
      client.call("GET", `conversations/${at.conversationId}`),
      client.call("GET", `conversations/${at.conversationId}/activities`),
      client.call("POST", `conversations/${at.conversationId}/activities`, { body: {} }),
      client.call("POST", "tokens/refresh", { headers: { authorization: "Basic abc" } }),
      client.call("POST", "tokens/refresh", { headers: { authorization: "Bearer a b" } }),
    ];
    for (const call of calls) expect(await errorIn(await call)).toEqual(NO_TOKEN);
  });

  test("forged tokens of every kind, alike", async () => {
    const fixture = createGatewayFixture();
    const client = clientOf(fixture);
    const at = await client.start();
    const [header = "", payload = "", signature = ""] = at.token.split(".");
    const b64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const claims = claimsIn(at.token);
    const key = new Uint8Array(32).fill(7);
    const signed = (changes: object, options: { alg?: string; key?: Uint8Array } = {}): Promise<string> =>
      new SignJWT({ ...claims, ...changes })
        .setProtectedHeader({ alg: options.alg ?? "HS256", typ: "JWT" })
        .sign(options.key ?? key);
    const forgeries = [
      `${b64({ alg: "none", typ: "JWT" })}.${payload}.`,
      `${b64({ alg: "none", typ: "JWT" })}.${payload}.${signature}`,
      `${header}.${b64({ ...claims, sub: "dl_victim" })}.${signature}`,
      `${header}.${payload}.${signature.slice(0, -2)}AA`,
      `${header}.${payload}`,
      `${header}.${payload}.${signature}.x`,
      await signed({}, { key: new Uint8Array(32).fill(8) }),
      await signed({}, { alg: "HS512", key: new Uint8Array(64).fill(7) }),
      await signed({ aud: "directline.stream" }),
      await signed({ iss: "someone" }),
      await signed({ nbf: fixture.world.nowMs() / 1000 + 60 }),
      await signed({ conv: 7 }),
      await signed({ ctx: { env: "prod", tenant: "demo", team: "default" } }),
      await signed({ exp: undefined }),
      WEBCHAT_SECRET,
      "x".repeat(4000),
    ];
    for (const token of forgeries) {
      expect(await errorIn(await client.call("POST", "tokens/refresh", { token }))).toEqual(BAD_TOKEN);
      expect(await errorIn(await client.say(at, { type: "message", text: "hi" }, { token }))).toEqual(BAD_TOKEN);
    }
    expect(fixture.runtime.accepted).toHaveLength(0);
  });

  test("a stream ticket as a token", async () => {
    const client = clientOf(createGatewayFixture());
    const at = await client.start();
    const token = new URL(at.streamUrl).searchParams.get("t") ?? "";
    expect(await errorIn(await client.call("POST", "tokens/refresh", { token }))).toEqual(BAD_TOKEN);
  });

  test("expired tokens, for ever", async () => {
    const fixture = createGatewayFixture();
    const client = clientOf(fixture);
    const at = await client.start();
    fixture.world.advance(1_799_000);
    const renewed = (await (await client.call("POST", "tokens/refresh", { token: at.token })).json()) as Conversation;
    expect(renewed.conversationId).toBe(at.conversationId);
    fixture.world.advance(1_000);
    for (const path of ["tokens/refresh", "conversations"]) {
      expect(await errorIn(await client.call("POST", path, { token: at.token }))).toEqual(BAD_TOKEN);
    }
    expect(await errorIn(await client.say(at, { type: "message", text: "late" }))).toEqual(BAD_TOKEN);
    expect((await client.say({ ...at, token: renewed.token }, { type: "message", text: "in time" })).status).toBe(200);
  });

  test("tokens of another conversation and of another tenant like any bad token", async () => {
    const fixture = createGatewayFixture();
    const [demo, acme] = [clientOf(fixture), clientOf(fixture, "acme")];
    const [mine, theirs, foreign] = [await demo.start(), await demo.start(), await acme.start()];
    for (const token of [theirs.token, foreign.token]) {
      expect(await errorIn(await demo.say(mine, { type: "message", text: "hi" }, { token }))).toEqual(BAD_TOKEN);
      const path = `conversations/${mine.conversationId}`;
      expect(await errorIn(await demo.call("GET", path, { token }))).toEqual(BAD_TOKEN);
      expect(await errorIn(await demo.call("GET", `${path}/activities`, { token }))).toEqual(BAD_TOKEN);
    }
    expect(await errorIn(await demo.call("POST", "conversations", { token: foreign.token }))).toEqual(BAD_TOKEN);
    expect(fixture.runtime.accepted).toHaveLength(0);
  });

  test("tokens for tenants that don't exist, have no web chat or want a secret, alike", async () => {
    const fixture = createGatewayFixture();
    const bodies = await Promise.all(
      ["nobody", "mute", "locked", "NOT-ONE", "a%2fb"].map(async (tenant) => {
        const answer = await clientOf(fixture, tenant).call("POST", "tokens/generate");
        return [answer.status, await answer.text()];
      }),
    );
    expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1);
    expect(bodies[0]?.[0]).toBe(401);
    const wrong = await clientOf(fixture, "acme").call("POST", "tokens/generate", { token: "wrong-secret" });
    expect([wrong.status, await wrong.text()]).toEqual(bodies[0]);
  });

  test("origins that the tenant doesn't name, and a token on another site than its own", async () => {
    const fixture = createGatewayFixture();
    const acme = clientOf(fixture, "acme");
    const from = (origin: string): Call => ({ headers: { origin } });
    for (const origin of [
      "https://evil.example",
      "null",
      "http://www.acme.example",
      `${SITE}.evil.example`,
      "https://acme.example",
    ]) {
      const answer = await acme.call("POST", "tokens/generate", from(origin));
      expect(answer.headers.get("access-control-allow-origin")).toBeNull();
      expect(await errorIn(answer)).toEqual([403, "GATEWAY_ORIGIN_DENIED"]);
      expect((await acme.call("OPTIONS", "tokens/generate", from(origin))).status).toBe(403);
    }
    const embedded = await acme.call("POST", "tokens/generate", from(SITE));
    expect(embedded.headers.get("access-control-allow-origin")).toBe(SITE);
    const at = (await embedded.json()) as Conversation;
    const own = { host: "host.example", origin: "https://host.example" };
    expect(await errorIn(await acme.call("POST", "conversations", { token: at.token, headers: own }))).toEqual(
      BAD_TOKEN,
    );
    expect((await acme.call("POST", "conversations", { token: at.token, ...from(SITE) })).status).toBe(201);
    const preflight = await acme.call("OPTIONS", "conversations", from(SITE));
    expect([preflight.status, preflight.headers.get("access-control-allow-headers")]).toEqual([
      204,
      expect.stringContaining("authorization"),
    ]);
  });

  test("users that a secret's owner may not name", async () => {
    const acme = clientOf(createGatewayFixture(), "acme");
    const named = (id: unknown): Promise<Response> =>
      acme.call("POST", "tokens/generate", { token: WEBCHAT_SECRET, body: { user: { id }, trustedOrigins: [SITE] } });
    for (const id of ["alice", "", 7, `dl_${"x".repeat(126)}`]) {
      expect(await errorIn(await named(id))).toEqual([400, "GATEWAY_USER_INVALID"]);
    }
    const good = (await (await named("dl_alice")).json()) as Conversation;
    expect(claimsIn(good.token)).toMatchObject({ sub: "dl_alice", org: [SITE] });
    expect((await acme.call("POST", "conversations", { token: WEBCHAT_SECRET })).status).toBe(201);
  });

  test("more tokens than one address or user may have", async () => {
    const fixture = createGatewayFixture({ limits: { tokensPerMinute: 3 } });
    const client = clientOf(fixture);
    for (let i = 0; i < 3; i++) expect((await client.call("POST", "tokens/generate")).status).toBe(200);
    const refused = await client.call("POST", "tokens/generate");
    expect(refused.headers.get("retry-after")).toBe("20");
    expect(await errorIn(refused)).toEqual([429, "GATEWAY_RATE_LIMITED"]);
    fixture.world.advance(20_000);
    expect((await client.call("POST", "tokens/generate")).status).toBe(200);
    const other = clientOf(createGatewayFixture());
    const body = { user: { id: "u1" } };
    const statuses = [];
    for (let i = 0; i < 6; i++) statuses.push((await other.call("POST", "tokens/generate", { body })).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
  });

  test("activities that are too large, too deep, malformed or none", async () => {
    const fixture = createGatewayFixture();
    const client = clientOf(fixture);
    const at = await client.start();
    const cases: readonly [unknown, number, string][] = [
      ["x".repeat((1 << 20) + 1), 413, "GATEWAY_BODY_TOO_LARGE"],
      [`{"text":${"[".repeat(70)}`, 400, "TYPES_JSON_TOO_DEEP"],
      ["{", 400, "TYPES_JSON_INVALID"],
      ["[]", 400, "MESSAGING_ACTIVITY_INVALID"],
      [{ type: "exploit" }, 400, "MESSAGING_ACTIVITY_INVALID"],
      [{ type: "message", text: 7 }, 400, "MESSAGING_ACTIVITY_INVALID"],
      [
        { attachments: [{ contentType: "text/html", contentUrl: "javascript:alert(1)" }] },
        400,
        "MESSAGING_ACTIVITY_INVALID",
      ],
      [
        { attachments: [{ contentType: "text/html", contentUrl: "data:text/html,x" }] },
        400,
        "MESSAGING_ACTIVITY_INVALID",
      ],
      [
        { attachments: Array.from({ length: 17 }, () => ({ contentType: "image/png" })) },
        400,
        "MESSAGING_ACTIVITY_INVALID",
      ],
    ];
    for (const [body, status, code] of cases) expect(await errorIn(await client.say(at, body))).toEqual([status, code]);
    expect(fixture.runtime.accepted).toHaveLength(0);
  });

  test("watermarks that aren't its own", async () => {
    const client = clientOf(createGatewayFixture());
    const at = await client.start();
    for (const watermark of ["-1", "1e9", "a", "9".repeat(20)]) {
      const path = `conversations/${at.conversationId}/activities?watermark=${watermark}`;
      expect(await errorIn(await client.call("GET", path, { token: at.token }))).toEqual([
        400,
        "GATEWAY_WATERMARK_INVALID",
      ]);
    }
  });
});
