import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { HostServices } from "../../src/component/index.ts";
import type { HttpMcpServer, OperatorMcpServer, StdioMcpServer } from "../../src/config/index.ts";
import { openHttp, sendHttp } from "../../src/http/index.ts";
import type { McpServersOptions, ToolCall, ToolResult } from "../../src/mcp/index.ts";
import { HttpTools, McpServers, parseToolMap, Tools } from "../../src/mcp/index.ts";
import { createMachineWorld } from "../../src/runner/index.ts";
import type { TenantCtx } from "../../src/types/index.ts";
import { envId, teamId, tenantId } from "../../src/types/index.ts";

/** The program of the official server that has everything. */
export const EVERYTHING = fileURLToPath(import.meta.resolve("@modelcontextprotocol/server-everything/dist/index.js"));
/** The program of the official server of files. */
export const FILESYSTEM = fileURLToPath(import.meta.resolve("@modelcontextprotocol/server-filesystem/dist/index.js"));

export const tenantCtx = (tenant: string, extra: Partial<TenantCtx> = {}): TenantCtx => ({
  env: envId("test"),
  tenant: tenantId(tenant),
  team: teamId("default"),
  traceId: "0".repeat(32),
  correlationId: "c",
  attempt: 1,
  locale: "en",
  ...extra,
});

/** A script of node_modules as the operator declares it. */
export const nodeServer = (
  name: string,
  args: readonly string[],
  extra: Partial<StdioMcpServer> = {},
): OperatorMcpServer => ({
  name,
  tenants: ["*"],
  server: {
    kind: "stdio",
    command: process.execPath,
    args,
    cwd: undefined,
    env: {},
    secretEnv: {},
    roots: [],
    maxSessions: 1,
    ...extra,
  },
});

export const httpServer = (url: string, extra: Partial<HttpMcpServer> = {}): HttpMcpServer => ({
  kind: "http",
  url,
  auth: undefined,
  maxSessions: 8,
  ...extra,
});

const noServices: HostServices = new Proxy({} as HostServices, {
  get: () => () => {
    throw new Error("not for this test");
  },
});

/** A tool map's tools over real sessions; loopback is reachable. */
export interface ToolBench extends AsyncDisposable {
  readonly servers: McpServers;
  readonly tools: Tools;
  readonly log: string[];
  call(tool: string, input: ToolCall["input"], extra?: Partial<ToolCall> & { ctx?: TenantCtx }): Promise<ToolResult>;
}

export function openToolBench(
  map: unknown,
  options: Partial<McpServersOptions> & { readonly secrets?: Readonly<Record<string, string>> } = {},
): ToolBench {
  const { secrets = {}, ...extra } = options;
  const world = createMachineWorld();
  const log: string[] = [];
  const network = { privateAddresses: ["127.0.0.0/8", "::1"] };
  const parsed = parseToolMap(JSON.stringify(map), "toolmap.json");
  const secret: McpServersOptions["secret"] = async (ctx, category, name) =>
    secrets[`${ctx.tenant}/${category}/${name}`];
  const servers = new McpServers({
    world,
    secret,
    open: (_ctx, request, { signal }) => openHttp(request, { ...network, ...(signal && { signal }) }),
    path: dirname(process.execPath),
    log: (_ctx, _level, message) => void log.push(message),
    ...extra,
  });
  const tools = new Tools(parsed, {
    world,
    host: undefined as never,
    componentOf: () => undefined,
    servers: servers.toolsOf({ pack: "bench", servers: parsed.servers }),
    endpoints: new HttpTools({
      send: (_ctx, request, signal) => sendHttp(request, { ...network, ...(signal && { signal }) }),
      secret: (ctx, name) => secret(ctx, "bench", name),
    }),
  });
  return {
    servers,
    tools,
    log,
    call: (tool, input, { ctx = tenantCtx("demo"), ...call } = {}) =>
      tools.call(ctx, { tool, input, services: noServices, ...call }),
    [Symbol.asyncDispose]: () => servers[Symbol.asyncDispose](),
  };
}

/** Finds a port that is free now. */
export async function freePort(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const server = createServer();
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo;
    server.close(() => resolve(port));
  });
  return promise;
}

/** Starts a script and waits until it says on standard error that it listens. */
export async function startListening(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<AsyncDisposable> {
  const child: ChildProcess = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, ...env },
    stdio: "pipe",
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<void>();
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
    if (/listening/i.test(said)) resolve();
  });
  child.stdout?.resume();
  child.once("exit", () => {
    reject(new Error(`${script} ended: ${said}`));
    exited.resolve();
  });
  await promise;
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited.promise;
    },
  };
}
