import { once } from "node:events";
import { connect } from "node:net";
import { SignJWT } from "jose";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import type { GatewayFixture } from "../../test/stand-ins/gateway-fixture.ts";
import { createGatewayFixture } from "../../test/stand-ins/gateway-fixture.ts";
import { verifies } from "../../test/verifies.ts";
import type { GatewayOptions, Listening } from "./index.ts";
import { STREAM_CLOSE } from "./index.ts";

interface Conversation {
  readonly conversationId: string;
  readonly token: string;
  readonly streamUrl: string;
}
interface Frame {
  readonly activities: readonly { readonly text?: string; readonly type: string }[];
  readonly watermark?: string;
}

const open: Listening[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((listening) => listening.close({ timeoutMs: 100 })));
});

async function serve(
  extra: Partial<GatewayOptions> = {},
): Promise<GatewayFixture & { readonly url: string; readonly listening: Listening }> {
  const fixture = createGatewayFixture(extra);
  const listening = await fixture.gateway.listen({ host: "127.0.0.1", port: 0 });
  open.push(listening);
  return { ...fixture, listening, url: listening.url };
}

const base = (url: string): string => `${url}/v1/messaging/webchat/demo/v3/directline`;
async function start(url: string, headers: Record<string, string> = {}): Promise<Conversation> {
  const generated = await fetch(`${base(url)}/tokens/generate`, { method: "POST", headers });
  const { token } = (await generated.json()) as Conversation;
  const started = await fetch(`${base(url)}/conversations`, {
    method: "POST",
    headers: { ...headers, authorization: `Bearer ${token}` },
  });
  return (await started.json()) as Conversation;
}
async function say(url: string, at: Conversation, text: string): Promise<void> {
  const answer = await fetch(`${base(url)}/conversations/${at.conversationId}/activities`, {
    method: "POST",
    headers: { authorization: `Bearer ${at.token}`, "content-type": "application/json" },
    body: JSON.stringify({ type: "message", text, from: { id: "x" } }),
  });
  expect(answer.status).toBe(200);
}

/** A stream client that hands out what it got: everything but typing, in order. */
function listenTo(streamUrl: string, options: { origin?: string } = {}) {
  const ws = new WebSocket(streamUrl, options);
  const frames: Frame[] = [];
  const texts: string[] = [];
  let wake = (): void => undefined;
  let signs = 0;
  ws.on("message", (data: Buffer) => {
    // The server's sign of life, for scripts that see no pings.
    if (data.byteLength === 0) {
      signs++;
      return;
    }
    const frame = JSON.parse(data.toString()) as Frame;
    frames.push(frame);
    for (const { type, text } of frame.activities ?? []) if (type === "message") texts.push(text ?? "");
    wake();
  });
  const until = async (isDone: () => boolean): Promise<void> => {
    while (!isDone()) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { ws, frames, texts, until, signs: () => signs };
}
const statusOf = async (url: string, options: { origin?: string } = {}): Promise<number> => {
  const ws = new WebSocket(url, options);
  ws.on("error", () => undefined);
  const result = await Promise.race([
    once(ws, "unexpected-response").then(([, response]) => (response as { statusCode: number }).statusCode),
    once(ws, "open").then(() => 101),
  ]);
  ws.terminate();
  return result;
};

describe("the Direct Line stream", () => {
  test("pushes what was said and what is said, with watermarks", async () => {
    const { url } = await serve();
    const at = await start(url);
    await say(url, at, "one");
    const stream = listenTo(at.streamUrl);
    await stream.until(() => stream.texts.length === 2);
    await say(url, at, "two");
    await stream.until(() => stream.texts.length === 4);
    expect(stream.texts).toEqual(["one", "You said: one", "two", "You said: two"]);
    expect(stream.frames.findLast(({ watermark }) => watermark !== undefined)?.watermark).toBe("4");
    expect(stream.frames.some(({ activities }) => activities[0]?.type === "typing")).toBe(true);
    stream.ws.close();
  });

  test("goes on from the watermark after a break, without loss or repetition", async () => {
    const { url } = await serve();
    const at = await start(url);
    const first = listenTo(at.streamUrl);
    await say(url, at, "one");
    await first.until(() => first.texts.length === 2);
    first.ws.terminate();
    await say(url, at, "two");
    const again = await fetch(`${base(url)}/conversations/${at.conversationId}?watermark=2`, {
      headers: { authorization: `Bearer ${at.token}` },
    });
    const second = listenTo(((await again.json()) as Conversation).streamUrl);
    await second.until(() => second.texts.length === 2);
    expect(second.texts).toEqual(["two", "You said: two"]);
    second.ws.close();
  });

  test("opens once per ticket, within a minute, for its own conversation and tenant", async () => {
    const { url, world } = await serve();
    const [at, other] = [await start(url), await start(url)];
    expect(await statusOf(at.streamUrl.replace(at.conversationId, other.conversationId))).toBe(403);
    expect(await statusOf(at.streamUrl)).toBe(403);
    const fresh = await start(url);
    expect(await statusOf(fresh.streamUrl.replace("/demo/", "/acme/"))).toBe(403);
    const late = await start(url);
    world.advance(60_000);
    expect(await statusOf(late.streamUrl)).toBe(403);
    const used = await start(url);
    expect(await statusOf(used.streamUrl)).toBe(101);
    expect(await statusOf(used.streamUrl)).toBe(403);
    expect(await statusOf(used.streamUrl.replace(/&t=.*/, ""))).toBe(403);
    expect(await statusOf(used.streamUrl.replace(/&t=.*/, `&t=${used.token}`))).toBe(403);
    expect(await statusOf(`${url.replace("http", "ws")}/elsewhere`)).toBe(404);
  });

  test("takes no ticket that an earlier process may have taken; its token gets another", async () => {
    const { url, world, runtime } = await serve();
    const at = await start(url);
    world.advance(2_000);
    const later = await serve({ world, runtime });
    const moved = at.streamUrl.replace(url.replace("http", "ws"), later.url.replace("http", "ws"));
    expect(await statusOf(moved)).toBe(403);
    const again = await fetch(`${base(later.url)}/conversations/${at.conversationId}`, {
      headers: { authorization: `Bearer ${at.token}` },
    });
    expect(await statusOf(((await again.json()) as Conversation).streamUrl)).toBe(101);
  });

  test("refuses other origins than the token's", async () => {
    const { url } = await serve();
    const own = { origin: url };
    const at = await start(url, own);
    expect(await statusOf(at.streamUrl, { origin: "https://evil.example" })).toBe(403);
    expect(await statusOf((await start(url, own)).streamUrl, own)).toBe(101);
  });

  test("keeps a token of one trusted site from another trusted one", async () => {
    verifies("channels.webchat.origin");
    const [shop, blog] = [{ origin: "https://shop.example" }, { origin: "https://blog.example" }];
    const origins = [shop.origin, blog.origin];
    const { url } = await serve({ tenant: () => ({ webchat: { anonymous: true, origins } }) });
    const at = await start(url, shop);
    const path = `${base(url)}/conversations/${at.conversationId}/activities`;
    const read = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(path, { headers: { ...headers, authorization: `Bearer ${at.token}` } })).status;
    expect([await read(shop), await read(blog)]).toEqual([200, 403]);
    expect(await statusOf(at.streamUrl, blog)).toBe(403);
    expect(await statusOf((await start(url, shop)).streamUrl, shop)).toBe(101);
  });

  test("ends when its token does, and with a code that says so", async () => {
    const { url, world } = await serve();
    const at = await start(url);
    const claims = JSON.parse(
      Buffer.from(new URL(at.streamUrl).searchParams.get("t")?.split(".")[1] ?? "", "base64url").toString(),
    ) as Record<string, unknown>;
    const ticket = await new SignJWT({ ...claims, until: world.nowMs() + 10_000 })
      .setProtectedHeader({ alg: "HS256", typ: "JWT" })
      .sign(new Uint8Array(32).fill(7));
    const { ws } = listenTo(at.streamUrl.replace(/&t=.*/, `&t=${ticket}`));
    await once(ws, "open");
    const closed = once(ws, "close");
    world.advance(9_999);
    expect(ws.readyState).toBe(WebSocket.OPEN);
    world.advance(1);
    expect((await closed)[0]).toBe(STREAM_CLOSE.expired);
  });

  test("lets go of clients that answer no ping, and keeps those that do", async () => {
    const { url, world } = await serve();
    const [lively, dead] = [listenTo((await start(url)).streamUrl), listenTo((await start(url)).streamUrl)];
    for (const { ws } of [lively, dead]) if (ws.readyState !== WebSocket.OPEN) await once(ws, "open");
    dead.ws.pause();
    for (let i = 0; i < 3; i++) {
      const pinged = once(lively.ws, "ping");
      world.advance(25_000);
      await pinged;
      // The pong has been written; a request on another connection is answered after it was read.
      await fetch(`${url}/healthz`);
      await fetch(`${url}/healthz`);
    }
    const closed = once(dead.ws, "close");
    dead.ws.resume();
    expect((await closed)[0]).toBe(1006);
    expect([lively.ws.readyState, lively.signs()]).toEqual([WebSocket.OPEN, 3]);
    lively.ws.close();
  });

  test("bounds the streams of one conversation, and drops frames that are too large", async () => {
    const { url } = await serve({ limits: { maxStreamsPerConversation: 2 } });
    const at = await start(url);
    const again = async (): Promise<string> => {
      const answer = await fetch(`${base(url)}/conversations/${at.conversationId}`, {
        headers: { authorization: `Bearer ${at.token}` },
      });
      return ((await answer.json()) as Conversation).streamUrl;
    };
    const first = listenTo(at.streamUrl);
    await once(first.ws, "open");
    const second = listenTo(await again());
    await once(second.ws, "open");
    expect(await statusOf(await again())).toBe(429);
    second.ws.on("error", () => undefined);
    second.ws.send("x".repeat(5000));
    await once(second.ws, "close");
    first.ws.close();
  });

  test("says goodbye when the host drains", async () => {
    const { url, listening } = await serve();
    const { ws } = listenTo((await start(url)).streamUrl);
    await once(ws, "open");
    const closed = once(ws, "close");
    await listening.close({ timeoutMs: 1000 });
    expect((await closed)[0]).toBe(STREAM_CLOSE.away);
  });
});

describe("the turns of a conversation", () => {
  const turnsUrl = (url: string, at: Conversation): string =>
    `${url.replace("http", "ws")}/v1/dev/demo/turns?conversation=${at.conversationId}&token=${at.token}`;

  test("are shown to the conversation's own token", async () => {
    const { url } = await serve();
    const [at, other] = [await start(url), await start(url)];
    const ws = new WebSocket(turnsUrl(url, at));
    const kinds: string[] = [];
    const ended = new Promise<void>((resolve) => {
      ws.on("message", (data: Buffer) => {
        if (data.byteLength === 0) return;
        const { kind, ctx } = JSON.parse(data.toString()) as { kind: string; ctx: { session: string } };
        expect(ctx.session).toContain(at.conversationId);
        kinds.push(kind);
        if (kind === "flow.ended") resolve();
      });
    });
    await once(ws, "open");
    await say(url, other, "not for you");
    await say(url, at, "hi");
    await ended;
    expect(kinds).toEqual(["flow.started", "flow.ended"]);
    expect(await statusOf(turnsUrl(url, { ...at, token: other.token }))).toBe(403);
    ws.close();
  });

  test("are shown nowhere but in env dev", async () => {
    const { url } = await serve({ env: "prod" as GatewayOptions["env"] });
    const at = { conversationId: "c", token: "t", streamUrl: "" };
    expect(await statusOf(turnsUrl(url, at))).toBe(404);
  });
});

describe("listen()", () => {
  /** Sends raw bytes and gives back what came until the connection closed. */
  async function raw(url: string, bytes: string): Promise<string> {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", () => undefined);
    socket.write(bytes);
    await once(socket, "close");
    return Buffer.concat(chunks).toString();
  }

  test("refuses a large body by its header, before it is sent", async () => {
    const { url } = await serve();
    const answer = await raw(url, "POST /v1/webhook/demo/f HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n{");
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain("connection: close");
  });

  test("refuses a large body without a length once it is too large", async () => {
    const { url } = await serve({ limits: { maxBodyBytes: 1000 } });
    const chunk = `${(2000).toString(16)}\r\n${"x".repeat(2000)}\r\n`;
    const answer = await raw(
      url,
      `POST /v1/webhook/demo/f HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n${chunk}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("refuses smuggling, large headers and repeated secrets", async () => {
    const { url, runtime } = await serve();
    const both = await raw(
      url,
      "POST /v1/webhook/demo/f HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    );
    expect(both).toMatch(/^HTTP\/1\.1 400 /);
    expect(await raw(url, `GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: ${"a".repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 /,
    );
    const secret = "x-telegram-bot-api-secret-token: webhook_secret-A1\r\n";
    const body = '{"update_id":1,"message":{"message_id":1,"chat":{"id":1},"from":{"id":1},"text":"a"}}';
    const head = `POST /v1/messaging/ingress/telegram/demo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${body.length}\r\n`;
    expect(await raw(url, `${head}${secret}${secret}\r\n${body}`)).toMatch(/^HTTP\/1\.1 401 /);
    expect(runtime.accepted).toHaveLength(0);
    expect(await raw(url, `${head}${secret}\r\n${body}`)).toMatch(/^HTTP\/1\.1 200 /);
    expect(runtime.accepted).toHaveLength(1);
  });

  test("serves the names that it is told to alone", async () => {
    const { url } = await serve({ hosts: ["localhost", "127.0.0.1"] });
    const ask = (host: string): Promise<string> =>
      raw(url, `GET /healthz HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    expect(await ask("evil.example:80")).toMatch(/^HTTP\/1\.1 403 /);
    expect(await ask("LOCALHOST:8080")).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("says which address it couldn't have", async () => {
    const { url, gateway } = await serve();
    await expect(gateway.listen({ host: "127.0.0.1", port: Number(new URL(url).port) })).rejects.toMatchObject({
      code: "GATEWAY_ADDRESS_UNAVAILABLE",
    });
  });
});
