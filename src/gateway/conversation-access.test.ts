import { randomBytes } from "node:crypto";
import { SignJWT } from "jose";
import { describe, expect, test } from "vitest";
import type { Call, Conversation } from "../../test/stand-ins/direct-line-caller.ts";
import { claimsIn, clientOf, errorIn } from "../../test/stand-ins/direct-line-caller.ts";
import type { GatewayFixture } from "../../test/stand-ins/gateway-fixture.ts";
import { createGatewayFixture, WEBCHAT_SECRET } from "../../test/stand-ins/gateway-fixture.ts";
import { verifies } from "../../test/verifies.ts";
import type { GatewayTenant } from "./index.ts";

const SITE = "https://www.acme.example";
const BAD_TOKEN = [403, "GATEWAY_TOKEN_INVALID"];
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const greeting = (options: Partial<NonNullable<GatewayTenant["webchat"]>> = {}): GatewayFixture =>
  createGatewayFixture({
    tenant: () => ({
      webchat: { anonymous: true, autoStart: true, secrets: async () => Promise.resolve([WEBCHAT_SECRET]), ...options },
    }),
  });
const greetings = ({ runtime }: GatewayFixture): readonly unknown[] =>
  runtime.accepted.filter(({ envelope }) => envelope.metadata["autoStart"] === "true");

describe("a conversation that is opened", () => {
  test("is greeted once, however often it is started, renewed and reconnected, for days", async () => {
    verifies("channels.webchat.autostart");
    const fixture = greeting();
    const client = clientOf(fixture);
    let { token } = await client.generate();
    await Promise.all([1, 2, 3].map(() => client.start({ token })));
    await settled();
    for (let day = 0; day < 8 * 48; day++) {
      fixture.world.advance(1_790_000);
      ({ token } = (await (await client.call("POST", "tokens/refresh", { token })).json()) as Conversation);
    }
    const at = await client.start({ token });
    await client.call("GET", `conversations/${at.conversationId}`, { token: at.token });
    expect(greetings(fixture)).toHaveLength(1);
    expect((await client.read(at)).activities.map(({ from }) => from.role)).toEqual(["bot"]);
  });

  test("is greeted in the language that was told, whichever way", async () => {
    const fixture = greeting();
    const client = clientOf(fixture);
    const locales = ["de-DE", "es", "id", "ja"] as const;
    await client.start({ headers: { "x-greentic-locale": locales[0] }, body: { locale: "fr" } });
    await client.call("POST", "conversations", {
      token: (await client.generate()).token,
      body: { locale: locales[1] },
      headers: { "accept-language": "fr" },
    });
    await client.start({ token: (await client.generate({ body: { locale: locales[2] } })).token });
    await client.start({ headers: { "accept-language": `fr;q=0.2, ${locales[3]}` } });
    expect(fixture.runtime.accepted.map(({ envelope }) => envelope.metadata["locale"])).toEqual(locales);
    expect(fixture.runtime.accepted.map(({ locale }) => locale)).toEqual(locales);
  });

  test("isn't greeted where somebody spoke before, nor where nobody asked for it", async () => {
    const silent = createGatewayFixture();
    await clientOf(silent).start();
    expect(silent.runtime.accepted).toEqual([]);
    const fixture = greeting();
    const client = clientOf(fixture);
    const at = await client.generate();
    await client.say(at, { type: "message", text: "hello" });
    await client.start({ token: at.token });
    expect(greetings(fixture)).toEqual([]);
  });
});

test("an activity speaks its own language, then its header's, its token's and its browser's", async () => {
  verifies("channels.webchat.locale");
  const fixture = createGatewayFixture();
  const client = clientOf(fixture);
  const at = await client.start({ body: { locale: "ja" } });
  const all = { headers: { "x-greentic-locale": "de", "accept-language": "fr" } };
  await client.say(at, { type: "message", text: "1", locale: "es" }, all);
  await client.say(at, { type: "message", text: "2" }, all);
  await client.say(at, { type: "message", text: "3" }, { headers: { "accept-language": "fr" } });
  const untold = await client.start();
  await client.say(untold, { type: "message", text: "4" }, { headers: { "accept-language": "fr" } });
  await client.say(untold, { type: "message", text: "5" });
  expect(fixture.runtime.accepted.map(({ locale }) => locale)).toEqual(["es", "de", "ja", "fr", undefined]);
});

describe("a server with the secret", () => {
  const secret = { token: WEBCHAT_SECRET };

  test("reaches every conversation of its web chat, and speaks for whom it names", async () => {
    verifies("channels.webchat.secret");
    const fixture = createGatewayFixture();
    const acme = clientOf(fixture, "acme");
    const started = (await (await acme.call("POST", "conversations", secret)).json()) as Conversation;
    expect(claimsIn(started.token)).toMatchObject({
      sub: `dl_${started.conversationId}`,
      user: `dl_${started.conversationId}`,
    });
    const at = { ...started, token: WEBCHAT_SECRET };
    await acme.say(at, { type: "message", text: "hello", from: { id: "somebody" } });
    await acme.say(at, { type: "message", text: "and I", from: { id: "dl_ada" } });
    await settled();
    expect((await acme.read(at)).activities.map(({ text, from }) => [text, from.id])).toEqual([
      ["hello", `dl_${started.conversationId}`],
      ["You said: hello", "worker"],
      ["and I", "dl_ada"],
      ["You said: and I", "worker"],
    ]);
  });

  test("gets a token of a conversation whose own has expired, for the same person", async () => {
    const fixture = createGatewayFixture();
    const acme = clientOf(fixture, "acme");
    const at = await acme.start({
      token: (await acme.generate({ ...secret, body: { user: { id: "dl_ada" } } })).token,
    });
    await acme.say(at, { type: "message", text: "hello" });
    fixture.world.advance(1_800_000);
    expect(await errorIn(await acme.call("POST", "tokens/refresh", { token: at.token }))).toEqual(BAD_TOKEN);
    const again = await acme.call("GET", `conversations/${at.conversationId}`, secret);
    const { token } = (await again.json()) as Conversation;
    expect(claimsIn(token)).toMatchObject({ sub: "dl_ada", conv: at.conversationId });
    expect((await acme.say({ ...at, token }, { type: "message", text: "there again" })).status).toBe(200);
  });

  test("is believed by either of two secrets, in its own tenant alone, and never by an empty one", async () => {
    const acme = { anonymous: false, secrets: async () => Promise.resolve([WEBCHAT_SECRET, "the-one-before-it"]) };
    const demo = { anonymous: false, secrets: async () => Promise.resolve(["", ""]) };
    const fixture = createGatewayFixture({
      tenant: (tenant) => ({ webchat: (tenant as string) === "acme" ? acme : demo }),
    });
    const statuses = async (tenant: string): Promise<readonly number[]> =>
      Promise.all(
        [WEBCHAT_SECRET, "the-one-before-it", "another", ""].map(async (token) => {
          const headers = { authorization: `Bearer ${token}` };
          return (await clientOf(fixture, tenant).call("POST", "tokens/generate", { headers })).status;
        }),
      );
    expect(await statuses("acme")).toEqual([200, 200, 401, 401]);
    expect(await statuses("demo")).toEqual([401, 401, 401, 401]);
    const foreign = await clientOf(fixture, "demo").call("GET", `conversations/${"a".repeat(32)}`, secret);
    expect(await errorIn(foreign)).toEqual(BAD_TOKEN);
    const invented = await clientOf(fixture, "acme").call("GET", "conversations/of-my-own", secret);
    expect(await errorIn(invented)).toEqual(BAD_TOKEN);
  });

  test("binds a token to sites, and is told where what it names are none", async () => {
    verifies("channels.webchat.origin");
    const fixture = createGatewayFixture();
    const acme = clientOf(fixture, "acme");
    const wrong = [SITE, [], [7], [`${SITE}/`], ["null"], ["www.acme.example"], Array.from({ length: 17 }, () => SITE)];
    for (const trustedOrigins of wrong) {
      const answer = await acme.call("POST", "tokens/generate", { ...secret, body: { trustedOrigins } });
      expect(await errorIn(answer)).toEqual([400, "GATEWAY_ORIGINS_INVALID"]);
    }
    const at = await acme.start({
      token: (await acme.generate({ ...secret, body: { trustedOrigins: [SITE] } })).token,
      headers: { origin: SITE },
    });
    const own = { host: "host.example", origin: "https://host.example" };
    const say = (headers: Record<string, string>): Promise<Response> =>
      acme.say(at, { type: "message", text: "hi" }, { headers });
    expect((await say({ origin: SITE })).status).toBe(200);
    expect(await errorIn(await say(own))).toEqual(BAD_TOKEN);
    expect(await errorIn(await say({ origin: "https://evil.example" }))).toEqual([403, "GATEWAY_ORIGIN_DENIED"]);
  });
});

test("a team's web chat has its own secret, sites and openness", async () => {
  const sales = { anonymous: false, secrets: async () => Promise.resolve(["secret-of-sales"]), origins: [SITE] };
  const fixture = createGatewayFixture({ tenant: () => ({ webchat: { anonymous: true }, teamWebchats: { sales } }) });
  const client = clientOf(fixture, "regional");
  const generate = async (query: string, call: Call = {}): Promise<unknown> =>
    (await client.call("POST", `tokens/generate${query}`, call)).status;
  expect(await generate("?team=sales")).toBe(401);
  expect(await generate("?team=sales", { token: "secret-of-sales" })).toBe(200);
  const demo = clientOf(fixture);
  expect((await demo.call("POST", "tokens/generate")).status).toBe(200);
  expect((await demo.call("POST", "tokens/generate", { token: "secret-of-sales" })).status).toBe(401);
  const crossed = await demo.call("POST", "tokens/generate", { headers: { origin: SITE } });
  expect(await errorIn(crossed)).toEqual([403, "GATEWAY_ORIGIN_DENIED"]);
});

test("who keeps talking gets a new token in the answers, from half the old one's time on", async () => {
  const fixture = createGatewayFixture({ tokenTtlSeconds: 600 });
  const client = clientOf(fixture);
  const at = await client.start();
  expect(at.expires_in).toBe(600);
  const renewed = async (answer: Response): Promise<string | undefined> =>
    ((await answer.json()) as { _directline?: { renewed_token: string; expires_in: number } })._directline
      ?.renewed_token;
  const read = (token: string): Promise<Response> =>
    client.call("GET", `conversations/${at.conversationId}/activities`, { token });
  fixture.world.advance(299_000);
  expect(await renewed(await read(at.token))).toBeUndefined();
  fixture.world.advance(2_000);
  const second = (await renewed(await read(at.token))) ?? "";
  expect(await renewed(await client.say(at, { type: "message", text: "hi" }))).not.toBeUndefined();
  fixture.world.advance(300_000);
  expect(await errorIn(await read(at.token))).toEqual(BAD_TOKEN);
  expect(claimsIn(second)).toMatchObject({ sub: claimsIn(at.token)["sub"], conv: at.conversationId });
  expect((await read(second)).status).toBe(200);
});

test("tokens are counted over all gateways of a store", async () => {
  const limits = { tokensPerMinute: 3 };
  const { gateway, runtime, world } = createGatewayFixture({ limits });
  const other = createGatewayFixture({ limits, runtime, world });
  const statuses = [];
  for (const one of [gateway, other.gateway, gateway, other.gateway])
    statuses.push((await clientOf({ gateway: one }).call("POST", "tokens/generate")).status);
  expect(statuses).toEqual([200, 200, 200, 429]);
});

test("Direct Line stands at the root where the operator wants it, for the default tenant alone", async () => {
  const [plain, rooted] = [createGatewayFixture(), createGatewayFixture({ hasRootDirectLine: true })];
  const post = ({ gateway }: GatewayFixture, path: string, token = ""): Promise<Response> =>
    Promise.resolve(
      gateway.app.request(path, { method: "POST", headers: token === "" ? {} : { authorization: `Bearer ${token}` } }),
    );
  const paths = ["/v3/directline/tokens/generate", "/directline/tokens/generate", "/token"];
  for (const path of paths) {
    expect((await post(plain, path)).status).toBe(404);
    const { token } = (await (await post(rooted, path)).json()) as Conversation;
    expect(claimsIn(token)).toMatchObject({ ctx: { tenant: "demo" } });
    expect((await post(rooted, "/v3/directline/conversations", token)).status).toBe(201);
  }
});

test("of 10,000 forged tokens none is accepted, and all are refused alike", { timeout: 60_000 }, async () => {
  verifies("channels.webchat.forgeries");
  const fixture = createGatewayFixture({ tokenTtlSeconds: 604_800 });
  const client = clientOf(fixture);
  const at = await client.start();
  const [header = "", payload = "", signature = ""] = at.token.split(".");
  const claims = claimsIn(at.token);
  const b64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const flip = (text: string, at: number): string => {
    const bytes = Buffer.from(text, "base64url");
    const place = at % bytes.length;
    bytes[place] = (bytes[place] ?? 0) ^ (1 << (at % 8));
    return bytes.toString("base64url");
  };
  const forge = async (i: number): Promise<string> => {
    switch (i % 8) {
      case 0:
        return `${header}.${payload}.${flip(signature, i >> 3)}`;
      case 1:
        return `${header}.${flip(payload, i >> 3)}.${signature}`;
      case 2:
        return `${flip(header, i >> 3)}.${payload}.${signature}`;
      case 3:
        return `${header}.${b64({ ...claims, sub: `dl_victim${i}` })}.${signature}`;
      case 4:
        return `${b64({ alg: ["none", "NONE", "HS384", "RS256", "ES256", ""][i % 6], typ: "JWT" })}.${payload}.${i % 3 === 0 ? signature : ""}`;
      case 5:
        return new SignJWT(claims).setProtectedHeader({ alg: "HS256", typ: "JWT" }).sign(randomBytes(32));
      case 6:
        return `${header}.${payload}.${randomBytes(32).toString("base64url")}`;
      default:
        return randomBytes(1 + (i % 200)).toString("base64url");
    }
  };
  const answers = new Set<string>();
  for (let i = 0; i < 10_000; i += 100) {
    const batch = await Promise.all(Array.from({ length: 100 }, (_, k) => forge(i + k)));
    const refusals = await Promise.all(
      batch.map(async (token) => {
        // Base64 leaves bits unused at its end: another spelling of the same signature is no forgery.
        if (token === at.token) return "";
        const answer = await client.call("GET", `conversations/${at.conversationId}/activities`, { token });
        return `${answer.status} ${await answer.text()}`;
      }),
    );
    for (const refusal of refusals) if (refusal !== "") answers.add(refusal);
  }
  expect(answers.size).toBe(1);
  expect([...answers][0]).toContain("GATEWAY_TOKEN_INVALID");
  expect(fixture.runtime.accepted).toEqual([]);
});
