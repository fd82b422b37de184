import type { ClientOptions } from "@modelcontextprotocol/client";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { CallFeed, createOffering } from "../../src/cli/mcp-offering.ts";
import type { McpHttpOptions } from "../../src/mcp/index.ts";
import { openMcpServing } from "../../src/mcp/index.ts";
import { createMcpProvider } from "../../src/messaging/index.ts";
import type { ComponentBehaviour, PackFiles, TestRuntime } from "../../src/runner/runtime-fixture.ts";
import { ENV, makePack, openTestRuntime, TEAM, TENANT } from "../../src/runner/runtime-fixture.ts";
import { channelId } from "../../src/types/index.ts";

const URL_SERVED = "http://localhost:8090/mcp";

/** Flows served over HTTP without a socket. */
export interface ServedFlows extends TestRuntime {
  /** Sends one request as it is. */
  fetch(init: {
    readonly method?: string;
    readonly headers?: Record<string, string>;
    readonly body?: unknown;
  }): Promise<Response>;
  /** Opens a session by hand and posts within it. */
  session(): Promise<(body: Record<string, unknown>) => Promise<Record<string, unknown>>>;
  /** Connects the official client. */
  connect(options?: ClientOptions): Promise<Client>;
  load(files: PackFiles): Promise<void>;
}

/** Opens a runtime with a pack and serves what its flows offer. */
export async function serveFlows(
  files: PackFiles,
  options: {
    readonly component?: ComponentBehaviour;
    readonly http?: Partial<McpHttpOptions>;
    readonly nowMs?: () => number;
  } = {},
): Promise<ServedFlows> {
  const provider = createMcpProvider({ env: ENV, tenant: TENANT, team: TEAM, channel: channelId("mcp") });
  const feed = new CallFeed();
  const opened = await openTestRuntime({
    pack: await makePack(files),
    providers: [provider],
    // Days pass in some tests.
    defaults: { sweepIntervalMs: 3_600_000 },
    log: feed.log,
    observe: feed.observe,
    ...(options.component && { component: options.component }),
  });
  const { runtime, world } = opened;
  const scope = { env: ENV, tenant: TENANT, team: TEAM };
  const offering = createOffering({ runtime, provider, scope, feed, title: "Test", flows: [], timeoutMs: 1_000_000 });
  const serving = await openMcpServing({
    offering,
    world: { randomBytes: (size) => world.randomBytes(size), nowMs: options.nowMs ?? (() => world.nowMs()) },
    version: "0.0.0",
    key: new Uint8Array(32).fill(7),
  });
  const face = serving.http({
    hosts: ["localhost"],
    origins: ["localhost"],
    tokens: () => [],
    needsToken: false,
    ...options.http,
  });
  const fetch: ServedFlows["fetch"] = ({ method = "POST", headers = {}, body }) =>
    face.fetch(
      new Request(URL_SERVED, {
        method,
        headers: {
          host: "localhost:8090",
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      }),
    );
  return {
    ...opened,
    fetch,
    async session() {
      const opening = await fetch({ body: initialize() });
      const headers = {
        "mcp-session-id": opening.headers.get("mcp-session-id") ?? "",
        "mcp-protocol-version": "2025-11-25",
      };
      await opening.body?.cancel();
      await fetch({ headers, body: { jsonrpc: "2.0", method: "notifications/initialized" } });
      return async (body) => {
        const response = await fetch({ headers, body: { jsonrpc: "2.0", ...body } });
        const events = (await response.text()).split("\n").filter((line) => /^data: ./.test(line));
        return JSON.parse(events.at(-1)?.slice(6) ?? "{}") as Record<string, unknown>;
      };
    },
    async connect(clientOptions) {
      const client = new Client({ name: "test", version: "1.0.0" }, clientOptions);
      const transport = new StreamableHTTPClientTransport(new URL(URL_SERVED), {
        fetch: (url, init) => {
          const request = new Request(url, init);
          request.headers.set("host", "localhost:8090");
          return face.fetch(request);
        },
      });
      await client.connect(transport);
      return client;
    },
    async load(next) {
      await runtime.loadPack({ scope: { env: ENV, tenant: TENANT }, pack: await makePack(next) });
    },
    async [Symbol.asyncDispose]() {
      await face.close();
      await opened[Symbol.asyncDispose]();
    },
  };
}

/** The request that opens a session. */
export function initialize(): Record<string, unknown> {
  return {
    jsonrpc: "2.0",
    id: 0,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1.0.0" } },
  };
}
