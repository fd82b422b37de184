import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { WebSocket } from "ws";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NatsServer } from "../stand-ins/nats-server.ts";
import { startNatsServer } from "../stand-ins/nats-server.ts";
import type { RedisServer } from "../stand-ins/redis-server.ts";
import { hasRedis, startRedis } from "../stand-ins/redis-server.ts";
import { hasServer } from "../stand-ins/server-program.ts";
import type { TelegramStandIn } from "../stand-ins/telegram.ts";
import { openTelegramStandIn } from "../stand-ins/telegram.ts";
import { verifies } from "../verifies.ts";
import { DirectLineClient } from "./direct-line-client.ts";
import type { HostProcess } from "./host-process.ts";
import { startHostProcess } from "./host-process.ts";
import { writeRolesBundle } from "./roles-bundle.ts";
import { ROOT } from "./shell.ts";
import type { SlowTool } from "./slow-tool.ts";
import { openSlowTool } from "./slow-tool.ts";

const TOKEN = "123456:roles-test-token-of-the-stand-in";
async function makeBundle(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "greentic-roles-"));
  await writeRolesBundle(dir);
  mkdirSync(join(dir, "data"), { mode: 0o700 });
  const secrets = { "secrets://dev/demo/_/messaging-telegram/telegram_bot_token": TOKEN };
  writeFileSync(join(dir, "data/secrets.json"), JSON.stringify(secrets), { mode: 0o600 });
  return dir;
}

describe.skipIf(!hasRedis || !hasServer("nats-server"))("gateway, workers and egress over Redis and NATS", () => {
  let redis: RedisServer;
  let nats: NatsServer;
  let telegram: TelegramStandIn;
  let bundle: string;
  const tools: SlowTool[] = [];
  const hosts: HostProcess[] = [];
  let gateway: HostProcess;
  let egress: HostProcess;
  const workers: HostProcess[] = [];

  const services = (): Record<string, string> => ({ GREENTIC_REDIS_URL: redis.url, GREENTIC_NATS_URL: nats.url });
  const start = async (role: string, tool = tools[0]): Promise<HostProcess> => {
    const host = await startHostProcess(".", {
      cwd: bundle,
      args: ["--role", role, "--port", "0", "--data", join(bundle, "data")],
      env: {
        ...services(),
        GREENTIC_HTTP_REWRITE: `https://api.telegram.org=${telegram.url},https://slow.example.com=${tool?.url ?? ""}`,
      },
    });
    hosts.push(host);
    return host;
  };
  const get = async (host: HostProcess, path: string): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(`${host.url}${path}`);
    return { status: response.status, body: await response.json() };
  };
  const person = (): DirectLineClient => new DirectLineClient(() => gateway.url);

  beforeAll(async () => {
    [redis, nats, telegram, bundle] = await Promise.all([
      startRedis(),
      startNatsServer(),
      openTelegramStandIn({ token: TOKEN }),
      makeBundle(),
    ]);
    tools.push(await openSlowTool(), await openSlowTool());
    gateway = await start("gateway");
    egress = await start("egress");
    workers.push(await start("worker", tools[0]), await start("worker", tools[1]));
  });
  afterAll(async () => {
    await Promise.all(hosts.map((host) => host.kill()));
    await Promise.all([...tools, redis, nats].map((server) => server[Symbol.asyncDispose]()));
    await telegram.close();
  });

  test("each process says what it is, and only the gateway takes anything in", async () => {
    verifies("roles.processes");
    for (const [host, role] of [
      [gateway, "gateway"],
      [egress, "egress"],
      [workers[0] ?? gateway, "worker"],
    ] as const) {
      expect(await get(host, "/healthz")).toEqual({ status: 200, body: { status: "healthy" } });
      expect(await get(host, "/readyz")).toEqual({ status: 200, body: { status: "ready" } });
      expect((await get(host, "/status")).body).toMatchObject({
        roles: [role],
        store: "redis",
        bus: { kind: "nats", ready: true },
      });
      const hook = await fetch(`${host.url}/v1/webhook/demo/nothing`, { method: "POST", body: "{}" });
      expect(hook.status).toBe(role === "gateway" ? 401 : 404);
    }
  });

  test("a conversation goes through all of them, over WebChat's stream and to a platform", async () => {
    const someone = person();
    await someone.open();
    await someone.say("hello");
    await someone.until(1);
    await someone.say("Ada");
    const heard = await someone.until(2);
    expect(heard.map(({ text }) => text)).toEqual(["Which name?", "Done Ada."]);
    telegram.say("hello", { chat: 7, user: 7 });
    await telegram.until(() => telegram.sends.some(({ chatId }) => chatId === "7"));
    telegram.say("Bo", { chat: 7, user: 7 });
    await telegram.until(() => telegram.sends.filter(({ chatId }) => chatId === "7").length === 2);
    expect(telegram.sends.map(({ text }) => text)).toEqual(["Which name?", "Done Bo."]);
  });

  test("a stream at another gateway sees what any worker commits, as it is committed, and its ticket is good once at all of them", async () => {
    const other = await start("gateway");
    const base = `${gateway.url}/v1/messaging/webchat/demo/v3/directline`;
    const post = async (path: string, token: string, body: object = {}): Promise<Record<string, string>> => {
      const response = await fetch(base + path, {
        method: "POST",
        headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
        body: JSON.stringify(body),
      });
      return (await response.json()) as Record<string, string>;
    };
    const { token = "" } = await post("/tokens/generate", "");
    const opened = await post("/conversations", token);
    const { pathname, search } = new URL(opened["streamUrl"] ?? "");
    const streamAt = (host: HostProcess): WebSocket =>
      new WebSocket(`${host.url.replace("http", "ws")}${pathname}${search}`);
    const socket = streamAt(other);
    const seen: string[] = [];
    const heard = new Promise<void>((done) => {
      socket.on("message", (data: Buffer) => {
        if (data.byteLength === 0) return;
        const set = JSON.parse(data.toString()) as { activities: { from: { role?: string }; text?: string }[] };
        for (const { from, text } of set.activities) if (from.role === "bot" && text !== undefined) seen.push(text);
        if (seen.length === 1) done();
      });
    });
    await new Promise((open) => socket.once("open", open));
    const again = streamAt(gateway);
    const refused = await new Promise((answered) => {
      again.once("unexpected-response", (_request, response) => answered(response.statusCode));
    });
    expect(refused).toBe(403);
    await post(`/conversations/${opened["conversationId"] ?? ""}/activities`, opened["token"] ?? "", {
      type: "message",
      text: "hello",
      from: { id: "someone" },
    });
    await heard;
    socket.close();
    expect(seen).toEqual(["Which name?"]);
    expect(await other.stop()).toBe(0);
  });

  test("a webhook's caller gets the answer of the worker that ran it", async () => {
    const response = await fetch(`${gateway.url}/v1/webhook/demo/hook`, {
      method: "POST",
      headers: { "content-type": "application/json", "webhook-id": "once-1" },
      body: '{"text":"over there"}',
    });
    expect([response.status, await response.json()]).toEqual([200, { said: "over there" }]);
  });

  test("a turn whose worker is killed is finished by another, once", async () => {
    verifies("roles.takeover");
    const someone = person();
    await someone.open();
    await someone.say("hello");
    await someone.until(1);
    const held = tools.map(async (tool, worker) => ({ worker, asked: await tool.hold() }));
    await someone.say("Cleo");
    const { worker, asked } = await Promise.race(held);
    expect(asked).toBe("Cleo");
    // The other one's tool answers at once.
    const other = tools[1 - worker];
    const release = fetch(`${other?.url ?? ""}/work/free`).catch(() => undefined);
    await held[1 - worker];
    await workers[worker]?.kill();
    const killedMs = performance.now();
    const heard = await someone.until(2);
    process.stderr.write(`taken over within ${Math.round(performance.now() - killedMs)} ms\n`);
    expect(heard.map(({ text }) => text)).toEqual(["Which name?", "Done Cleo."]);
    expect(tools.map(({ calls }) => calls.filter((call) => call === "Cleo").length)).toEqual([1, 1]);
    workers[worker] = await start("worker", tools[worker]);
    const again = await someone.all();
    expect(again.map(({ text }) => text)).toEqual(["hello", "Which name?", "Cleo", "Done Cleo."]);
    void release;
  });

  test("nothing is lost while the bus is away, and it is found again", async () => {
    verifies("roles.bus.outage");
    const someone = person();
    await someone.open();
    await someone.say("hello");
    await someone.until(1);
    await nats.stop();
    await expect.poll(async () => (await get(gateway, "/readyz")).status, { timeout: 5_000 }).toBe(503);
    await someone.say("Dora");
    await someone.until(2);
    telegram.say("hello", { chat: 8, user: 8 });
    await telegram.until(() => telegram.sends.some(({ chatId }) => chatId === "8"));
    await nats.start();
    for (const host of [gateway, egress, ...workers])
      await expect.poll(async () => (await get(host, "/readyz")).status, { timeout: 15_000 }).toBe(200);
    telegram.say("Emil", { chat: 8, user: 8 });
    await telegram.until(() => telegram.sends.filter(({ chatId }) => chatId === "8").length === 2);
    expect(telegram.sends.filter(({ chatId }) => chatId === "8").map(({ text }) => text)).toEqual([
      "Which name?",
      "Done Emil.",
    ]);
    await someone.say("hello again");
    const heard = await someone.until(3);
    expect(heard.map(({ text }) => text)).toEqual(["Which name?", "Done Dora.", "Which name?"]);
  });

  test("a gateway that can't keep what comes in says 503 with Retry-After, on every way in", async () => {
    verifies("gateway.journal.refuses");
    const someone = person();
    await someone.open();
    const { token = "" } = (await (
      await fetch(`${gateway.url}/v1/messaging/webchat/demo/v3/directline/tokens/generate`, { method: "POST" })
    ).json()) as { token?: string };
    redis.pause();
    try {
      await expect.poll(async () => (await get(gateway, "/readyz")).status, { timeout: 5_000 }).toBe(503);
      const base = `${gateway.url}/v1/messaging/webchat/demo/v3/directline`;
      const headers = { "content-type": "application/json" };
      const bearer = { ...headers, authorization: `Bearer ${token}` };
      const ways = await Promise.all([
        fetch(`${base}/conversations`, { method: "POST", headers: bearer, body: "{}" }).then(async (opened) => {
          const { conversationId = "none", token: own = token } = opened.ok
            ? ((await opened.json()) as { conversationId?: string; token?: string })
            : {};
          return fetch(`${base}/conversations/${conversationId}/activities`, {
            method: "POST",
            headers: { ...headers, authorization: `Bearer ${own}` },
            body: '{"type":"message","text":"lost?","from":{"id":"x"}}',
          });
        }),
        fetch(`${gateway.url}/v1/webhook/demo/hook`, { method: "POST", headers, body: '{"text":"lost?"}' }),
      ]);
      for (const answer of ways) {
        expect(answer.status).toBe(503);
        expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
      }
    } finally {
      redis.resume();
    }
    await expect.poll(async () => (await get(gateway, "/readyz")).status, { timeout: 15_000 }).toBe(200);
    await someone.say("hello");
    expect((await someone.until(1)).map(({ text }) => text)).toEqual(["Which name?"]);
  });

  test("two senders keep to a platform's pace together", async () => {
    verifies("egress.rate.shared");
    const second = await start("egress");
    const before = telegram.limited();
    const chats = Array.from({ length: 60 }, (_unused, n) => 1_000 + n);
    const toldTo = (chat: number): number => telegram.sends.filter(({ chatId }) => chatId === String(chat)).length;
    const begunMs = performance.now();
    for (const chat of chats) telegram.say("hello", { chat, user: chat });
    await telegram.until(() => chats.every((chat) => toldTo(chat) === 1));
    for (const chat of chats) telegram.say(`N${chat}`, { chat, user: chat });
    await telegram.until(() => chats.every((chat) => toldTo(chat) === 2));
    const limited = telegram.limited() - before;
    process.stderr.write(`120 sends in ${Math.round(performance.now() - begunMs)} ms, ${limited} too early\n`);
    expect(await second.stop()).toBe(0);
  });

  test("operators look into the store that all share, beside the hosts that run on it", async () => {
    verifies("cli.store.shared");
    const gtc = async (...args: readonly string[]): Promise<unknown> => {
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [join(ROOT, "src/cli/main.ts"), ...args, "--json"],
        {
          cwd: bundle,
          env: { PATH: process.env["PATH"] ?? "", ...services() },
        },
      );
      return JSON.parse(stdout);
    };
    const sessions = (await gtc("session", "list")) as { key: string }[];
    expect(sessions.some(({ key }) => key.includes(":messaging-telegram:7:"))).toBe(true);
    const rows = (await gtc("outbox", "list")) as { status: string }[];
    expect(new Set(rows.map(({ status }) => status))).toEqual(new Set(["sent"]));
  });

  test("a process with a part of the work is refused where nothing is shared", async () => {
    const alone = startHostProcess(".", {
      cwd: bundle,
      args: ["--role", "worker", "--port", "0", "--data", join(bundle, "data")],
      env: {},
    });
    await expect(alone).rejects.toThrow(/CLI_ROLE_ALONE|expected a store that processes share, got sqlite/);
  });

  test("all of them end when they are told, with nothing under way left behind", { timeout: 60_000 }, async () => {
    verifies("roles.drain");
    const someone = person();
    await someone.open();
    await someone.say("hello");
    await someone.until(1);
    // One turn hangs in somebody's tool: it isn't waited for longer than there is time.
    const held = tools.map((tool) => tool.hold());
    const hanging = person();
    await hanging.open();
    await hanging.say("hello");
    await hanging.until(1);
    await hanging.say("Gus");
    await Promise.race(held);
    const begunMs = performance.now();
    expect(await Promise.all([...workers, egress].map((host) => host.stop()))).toEqual([0, 0, 0]);
    const tookMs = performance.now() - begunMs;
    process.stderr.write(`drained within ${Math.round(tookMs)} ms\n`);
    expect(tookMs).toBeLessThan(10_000);
    await someone.say("Fay");
    expect(await gateway.stop()).toBe(0);
    for (const tool of tools) tool.free();
    gateway = await start("gateway,worker,egress");
    const all = async (): Promise<readonly (string | undefined)[]> => (await someone.all()).map(({ text }) => text);
    await expect.poll(all, { timeout: 15_000 }).toEqual(["hello", "Which name?", "Fay", "Done Fay."]);
    expect((await hanging.until(2)).map(({ text }) => text)).toEqual(["Which name?", "Done Gus."]);
  });
});
