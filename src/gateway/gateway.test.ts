import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { createGatewayFixture, TELEGRAM_SECRET } from "../../test/stand-ins/gateway-fixture.ts";

const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});
const codeOf = async (response: Response): Promise<unknown> =>
  ((await response.json()) as { error?: { code?: unknown } }).error?.code;
const update = (id: number, text: string): object => ({
  update_id: id,
  message: {
    message_id: id,
    date: 1,
    chat: { id: 42, type: "private" },
    from: { id: 42, is_bot: false, language_code: "de" },
    text,
  },
});

describe("createGateway()", () => {
  test("answers health, readiness and status", async () => {
    let isReady = true;
    const { gateway } = createGatewayFixture({ isReady: () => isReady });
    expect(await (await gateway.app.request("/healthz")).json()).toEqual({ status: "healthy" });
    expect(await (await gateway.app.request("/readyz")).json()).toEqual({ status: "ready" });
    expect(await (await gateway.app.request("/status")).json()).toMatchObject({ status: "running", env: "dev" });
    isReady = false;
    expect((await gateway.app.request("/readyz")).status).toBe(503);
  });

  test("names in its status the packs that don't run as they are", async () => {
    verifies("bundle.partial");
    const refused = [{ pack: "shop", code: "PACK_UNSIGNED" }];
    const { gateway } = createGatewayFixture({ refused: () => refused });
    expect(await (await gateway.app.request("/status")).json()).toMatchObject({ refused });
  });

  test("refuses new work while draining, and says when to come back", async () => {
    const { gateway } = createGatewayFixture();
    gateway.startDraining();
    const answer = await gateway.app.request("/v1/webhook/demo/echo", post({ text: "hi" }));
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(await codeOf(answer)).toBe("GATEWAY_DRAINING");
    expect((await gateway.app.request("/readyz")).status).toBe(503);
    expect((await gateway.app.request("/healthz")).status).toBe(200);
  });

  test("takes a request that names no team to the tenant's own", async () => {
    const { gateway } = createGatewayFixture();
    const chat = "/v1/messaging/webchat/regional/v3/directline/tokens/generate";
    const statusOf = async (path: string): Promise<number> => (await gateway.app.request(path, post({}))).status;
    expect(await Promise.all([chat, `${chat}?team=sales`, `${chat}?team=other`].map(statusOf))).toEqual([
      200, 200, 401,
    ]);
    expect(await statusOf("/v1/webhook/regional/f")).toBe(200);
  });

  test("answers unknown paths with a typed error and no stack", async () => {
    const { gateway } = createGatewayFixture();
    for (const path of [
      "/nothing",
      "/v1/nothing",
      "/v1/messaging/webchat/demo/v3/directline/nothing",
      "/v1/web/config",
    ]) {
      const answer = await gateway.app.request(path);
      expect(answer.status).toBe(404);
      const text = await answer.text();
      expect(JSON.parse(text)).toMatchObject({ error: { code: "GATEWAY_ROUTE_UNKNOWN" } });
      expect(text).not.toMatch(/ at |\.ts/);
    }
  });

  test("hides what failed inside, and reports it", async () => {
    const { gateway, reports } = createGatewayFixture({
      isReady: () => {
        throw new Error("secret path /etc/x");
      },
    });
    const answer = await gateway.app.request("/readyz");
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain("secret");
    expect(reports).toMatchObject([{ kind: "failed", route: "/readyz" }]);
  });

  test("tells the page what it needs of a tenant, and nothing of others", async () => {
    const { gateway } = createGatewayFixture();
    const config = await gateway.app.request("/v1/web/config/demo");
    expect(await config.json()).toEqual({
      tenant: "demo",
      env: "dev",
      locales: ["en", "de"],
      theme: { accent: "#0b5" },
      worker: { title: "Weather", description: "Tells the weather", suggestions: ["Weather in Berlin"] },
      dev: true,
    });
    const refusals = await Promise.all(
      ["nobody", "mute", "NOT A TENANT", "../x"].map(async (tenant) => {
        const answer = await gateway.app.request(`/v1/web/config/${encodeURIComponent(tenant)}`);
        return [answer.status, await answer.text()];
      }),
    );
    expect(refusals).toEqual(refusals.map(() => [401, ""]));
  });
});

describe("handleWebhook()", () => {
  test("waits for the turn and answers with its output", async () => {
    verifies("gateway.rest", "concept.connector");
    const { gateway, runtime } = createGatewayFixture({
      output: (text, flow) => ({ text: text ?? null, flow: flow ?? null }),
    });
    const answer = await gateway.app.request("/v1/webhook/demo/echo?who=me", post({ text: "hi", n: 1 }));
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ text: "hi", flow: "echo" });
    expect(runtime.accepted[0]?.envelope).toMatchObject({
      text: "hi",
      metadata: { method: "POST", path: "/v1/webhook/demo/echo" },
      extensions: { channel_data: { query: { who: "me" }, body: { text: "hi", n: 1 } } },
    });
    expect((await gateway.app.request("/webhook/echo", post({ text: "hi" }))).status).toBe(200);
    expect((await gateway.app.request("/v1/webhook/demo/echo")).status).toBe(200);
  });

  test("answers as the flow says where its output describes a response, and keeps it from running as the page", async () => {
    const outputs = [
      "plain",
      {
        status: 201,
        headers: {
          "X-Id": "7",
          "Set-Cookie": "a=b",
          "X-Accel-Redirect": "/private",
          "X-Sendfile": "/etc/passwd",
          "X-Content-Type-Options": "",
          "content-type": "text/html",
        },
        body: "<script>1</script>",
      },
      { status: "ok", body: "not a response" },
      { messages: [{ id: "1", text: "You said: " }] },
    ];
    const { gateway } = createGatewayFixture({ output: () => outputs.shift() ?? null });
    const send = (): Response | Promise<Response> => gateway.app.request("/v1/webhook/demo/f", post({}));
    const [plain, custom, json, sent, replies] = [await send(), await send(), await send(), await send(), await send()];
    expect([plain.status, await plain.text()]).toEqual([200, "plain"]);
    expect([custom.status, custom.headers.get("x-id"), custom.headers.get("set-cookie")]).toEqual([201, "7", null]);
    expect(custom.headers.get("content-security-policy")).toContain("sandbox");
    expect(["x-accel-redirect", "x-sendfile"].map((name) => custom.headers.get(name))).toEqual([null, null]);
    expect(custom.headers.get("x-content-type-options")).toBe("nosniff");
    expect(await json.json()).toEqual({ status: "ok", body: "not a response" });
    expect([sent.headers.get("content-type"), await sent.text()]).toEqual(["text/plain; charset=utf-8", "You said: "]);
    expect(await replies.json()).toMatchObject({ status: "done", reply: [{ text: "You said: " }] });
  });

  test("answers 504 with a typed error where the turn takes too long", async () => {
    const { gateway } = createGatewayFixture();
    const answer = await gateway.app.request("/v1/webhook/demo/echo", post({ text: "silence" }));
    expect([answer.status, await codeOf(answer)]).toEqual([504, "HTTP_TIMEOUT"]);
  });

  test("takes the same webhook-id once", async () => {
    const { gateway, runtime } = createGatewayFixture();
    for (let i = 0; i < 3; i++)
      await gateway.app.request("/v1/webhook/demo/f", post({ text: "a" }, { "webhook-id": "m1" }));
    await gateway.app.request("/v1/webhook/demo/f", post({ text: "a" }, { "idempotency-key": "m2" }));
    await gateway.app.request("/v1/webhook/demo/f", post({ text: "a" }));
    expect(runtime.accepted).toHaveLength(3);
  });

  test("takes signed requests alone where the channel has a secret", async () => {
    const { gateway, runtime, world } = createGatewayFixture();
    const body = JSON.stringify({ text: "hi" });
    const sign = (at: number, text = body): Record<string, string> => ({
      "webhook-id": "msg_1",
      "webhook-timestamp": String(at),
      "webhook-signature": `v1a,x v1,${createHmac("sha256", "signing-secret").update(`msg_1.${at}.${text}`).digest("base64")}`,
    });
    const send = async (headers: Record<string, string>): Promise<number> =>
      (await gateway.app.request("/v1/webhook/signed/f", { method: "POST", headers, body })).status;
    const now = Math.floor(world.nowMs() / 1000);
    expect(await send({})).toBe(401);
    expect(await send(sign(now, `${body} `))).toBe(401);
    expect(await send(sign(now - 301))).toBe(401);
    expect(await send(sign(now + 301))).toBe(401);
    expect(runtime.accepted).toHaveLength(0);
    expect(await send(sign(now - 299))).toBe(200);
  });

  test("bounds what it reads: size, depth, packing, well-formedness", async () => {
    const { gateway, runtime } = createGatewayFixture({ limits: { maxBodyBytes: 1000 } });
    const send = (init: RequestInit): Response | Promise<Response> => gateway.app.request("/v1/webhook/demo/f", init);
    const big = await send(post("x".repeat(1001)));
    expect([big.status, await codeOf(big)]).toEqual([413, "GATEWAY_BODY_TOO_LARGE"]);
    const deep = await send({ ...post({}), body: "[".repeat(100) });
    expect([deep.status, await codeOf(deep)]).toEqual([400, "TYPES_JSON_TOO_DEEP"]);
    const broken = await send({ ...post({}), body: "{" });
    expect([broken.status, await codeOf(broken)]).toEqual([400, "TYPES_JSON_INVALID"]);
    const packed = await send(post({}, { "content-encoding": "gzip" }));
    expect([packed.status, await codeOf(packed)]).toEqual([415, "GATEWAY_ENCODING_UNSUPPORTED"]);
    expect(runtime.accepted).toHaveLength(0);
  });
});

describe("handleIngress()", () => {
  const path = "/v1/messaging/ingress/telegram/demo";
  const header = { "x-telegram-bot-api-secret-token": TELEGRAM_SECRET };

  test("answers 200 once the message is durable, and takes a redelivery for what it is", async () => {
    verifies("gateway.router", "message.ingress");
    const { gateway, runtime } = createGatewayFixture();
    for (let i = 0; i < 3; i++) {
      const answer = await gateway.app.request(path, post(update(1, "/weather@my_bot Berlin"), header));
      expect([answer.status, await answer.text()]).toEqual([200, ""]);
    }
    expect((await gateway.app.request(`${path}/default`, post(update(2, "hi"), header))).status).toBe(200);
    expect(runtime.accepted.map(({ dedupeKey }) => dedupeKey)).toEqual(["tg:123456:1", "tg:123456:2"]);
  });

  test("answers 503 with Retry-After while the store is down, so that the platform comes again", async () => {
    const { gateway, runtime } = createGatewayFixture();
    runtime.isDown = true;
    const answer = await gateway.app.request(path, post(update(1, "hi"), header));
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "2"]);
    runtime.isDown = false;
    expect((await gateway.app.request(path, post(update(1, "hi"), header))).status).toBe(200);
    expect(runtime.accepted).toHaveLength(1);
  });

  test("gives everything that isn't a good request of a known channel the same refusal", async () => {
    const { gateway, runtime, reports } = createGatewayFixture();
    const body = post(update(1, "hi"), header);
    const bad = (secret: string): RequestInit => post(update(1, "hi"), { "x-telegram-bot-api-secret-token": secret });
    const requests: readonly [string, RequestInit][] = [
      [path, post(update(1, "hi"))],
      [path, bad("")],
      [path, bad("wrong")],
      [path, bad(TELEGRAM_SECRET.toUpperCase())],
      [path, bad(TELEGRAM_SECRET.slice(1))],
      [path, bad(`${TELEGRAM_SECRET}x`)],
      [path, bad(`${TELEGRAM_SECRET}, ${TELEGRAM_SECRET}`)],
      ["/v1/messaging/ingress/telegram/nobody", body],
      ["/v1/messaging/ingress/telegram/mute", body],
      ["/v1/messaging/ingress/telegram/acme", body],
      ["/v1/messaging/ingress/slack/demo", body],
      ["/v1/messaging/ingress/telegram/demo/other-team", body],
      ["/v1/messaging/ingress/telegram/DEMO", body],
      ["/v1/messaging/ingress/webchat/demo", body],
      ["/v1/messaging/ingress/webhook/demo", body],
      ["/v1/events/ingress/webhook/demo", body],
      ["/v1/webhook/nobody/f", body],
      ["/v1/webhook/mute/f", body],
      ["/v1/webhook/demo/unknown", body],
      ["/v1/webhook/demo/chat", body],
      ["/v1/webhook/demo/vanished", body],
    ];
    const answers = await Promise.all(
      requests.map(async ([url, init]) => {
        const answer = await gateway.app.request(url, init);
        return [answer.status, await answer.text(), JSON.stringify(Object.fromEntries(answer.headers))];
      }),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]?.slice(0, 2)).toEqual([401, ""]);
    expect(runtime.accepted.filter(({ dedupeKey }) => dedupeKey.startsWith("tg:"))).toHaveLength(0);
    expect(reports).toHaveLength(requests.length);
    expect(JSON.stringify(reports)).not.toContain(TELEGRAM_SECRET);
  });

  test("accepts both secrets while one is rotated", async () => {
    const { gateway } = createGatewayFixture();
    const answer = await gateway.app.request(
      path,
      post(update(1, "hi"), { "x-telegram-bot-api-secret-token": "older_secret" }),
    );
    expect(answer.status).toBe(200);
  });
});
