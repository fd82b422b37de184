import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { openInProcessBus } from "../bus/index.ts";
import { InProcessComponentHost } from "../component/index.ts";
import { receiveConsole } from "../messaging/index.ts";
import { createSecretReader } from "../secrets/index.ts";
import { openMemoryStore } from "../session/index.ts";
import type { SessionStore } from "../session/index.ts";
import { DENY_ALL } from "../types/index.ts";
import { dyingStore } from "./crash-fixture.ts";
import { createMachineWorld } from "./machine-world.ts";
import { openRuntime } from "./open-runtime.ts";
import type { Runtime } from "./runtime.ts";
import { consoleChannel, ENV, makePack, TENANT } from "./runtime-fixture.ts";

interface Rpc {
  readonly id?: number;
  readonly method: string;
  readonly params?: { readonly protocolVersion?: string; readonly _meta?: Readonly<Record<string, unknown>> };
}

/** A peer that is an HTTP endpoint and an MCP server, and notes the keys of the calls that it gets. */
async function startPeer(): Promise<
  AsyncDisposable & { readonly origin: string; readonly keys: { readonly via: string; readonly key: unknown }[] }
> {
  const keys: { readonly via: string; readonly key: unknown }[] = [];
  const answer = (request: IncomingMessage, body: string): object | undefined => {
    if (request.url === "/order") {
      keys.push({ via: "http", key: request.headers["idempotency-key"] });
      return { ok: true };
    }
    const { id, method, params } = JSON.parse(body) as Rpc;
    if (id === undefined) return undefined;
    if (method === "tools/call") keys.push({ via: "mcp", key: params?._meta?.["greentic.ai/idempotency-key"] });
    const result =
      method === "initialize"
        ? {
            protocolVersion: params?.protocolVersion,
            capabilities: { tools: {} },
            serverInfo: { name: "peer", version: "1" },
          }
        : method === "tools/list"
          ? { tools: [{ name: "order", inputSchema: { type: "object" } }] }
          : { content: [{ type: "text", text: "done" }] };
    return { jsonrpc: "2.0", id, result };
  };
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => void parts.push(part));
    request.on("end", () => {
      const said = request.method === "POST" ? answer(request, Buffer.concat(parts).toString()) : undefined;
      if (said === undefined) response.writeHead(request.method === "POST" ? 202 : 405).end();
      else response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(said));
    });
  };
  const server = createServer(serve);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keys,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

test("a call that crashed before its record is made again under the key that it had, over HTTP and MCP", async () => {
  verifies("effects.keys");
  await using peer = await startPeer();
  const pack = await makePack({
    flows: {
      default: `
id: default
type: messaging
start: a
nodes:
  a: { tool.invoke: { tool: direct, input: { item: tea } }, routing: [{ to: b }] }
  b: { tool.invoke: { tool: served, input: { item: tea } }, routing: [{ to: c }] }
  c: { message.send: { text: done }, routing: out }
`,
    },
    assets: {
      "toolmap.json": JSON.stringify({
        servers: { peer: { url: `${peer.origin}/mcp` } },
        tools: [
          { name: "direct", http: { method: "POST", url: `${peer.origin}/order` } },
          { name: "served", server: "peer", entry: "order" },
        ],
      }),
    },
  });
  const world = createMachineWorld();
  const channel = consoleChannel();
  const store = openMemoryStore(world);
  const open = async (over: SessionStore): Promise<Runtime> => {
    const runtime = await openRuntime({
      env: ENV,
      world,
      store: over,
      bus: openInProcessBus(),
      components: new InProcessComponentHost(),
      secrets: createSecretReader([]),
      policy: () => ({
        ...DENY_ALL,
        network: { egress: { origins: [peer.origin] }, privateAddresses: ["127.0.0.1/32"] },
      }),
      providers: [channel],
      apps: [{ scope: { env: ENV, tenant: TENANT }, pack }],
      defaults: { leaseTtlMs: 300, sweepIntervalMs: 50 },
    });
    runtime.start();
    return runtime;
  };
  const conversation = "test:acme:default:console:s1";
  /** Resolves once the store's process is dead, or the conversation has been answered. */
  const until = async (isOver: () => Promise<boolean>): Promise<void> => {
    while (!(await isOver())) await new Promise((resolve) => void setTimeout(resolve, 20));
  };
  const isAnswered = async (): Promise<boolean> =>
    (await store.readLog(conversation, { after: -1, limit: 1 })).length > 0;
  const first = dyingStore(store, { at: 1, when: "before", of: ["record"] });
  const second = dyingStore(store, { at: 2, when: "before", of: ["record"] });
  const message = receiveConsole(channel.address, { text: "go" }, { session: "s1", id: "m1" });
  await (await open(first.store)).accept(channel, message);
  await until(async () => first.isDead());
  await open(second.store);
  await until(async () => second.isDead() || (await isAnswered()));
  const last = await open(store);
  await until(isAnswered);
  const of = (via: string): readonly unknown[] => peer.keys.filter((call) => call.via === via).map(({ key }) => key);
  for (const via of ["http", "mcp"]) {
    expect(of(via).length, via).toBeGreaterThanOrEqual(1);
    expect(new Set(of(via)).size, via).toBe(1);
    expect(of(via)[0]).toMatch(/^[0-9a-f]{32}-\d-[0-9a-f]{16}$/);
  }
  expect([of("http").length, of("mcp").length]).toEqual([2, 2]);
  expect(of("http")[0]).not.toBe(of("mcp")[0]);
  await last[Symbol.asyncDispose]();
});
