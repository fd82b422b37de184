import type { OperatorMcpServer } from "../config/index.ts";
import type { HttpRewrite } from "../http/index.ts";
import { openHttp, sendHttp } from "../http/index.ts";
import type { HttpToolsOptions } from "../mcp/index.ts";
import { McpServers } from "../mcp/index.ts";
import type { SecretReader, SecretWriter } from "../secrets/index.ts";
import type { Policy, TenantCtx, World } from "../types/index.ts";
import type { Scope } from "./runtime.ts";

/** What tool maps reach beyond their pack: MCP servers and HTTP endpoints. */
export interface ToolReach extends AsyncDisposable {
  readonly world: World;
  readonly servers: McpServers;
  readonly send: HttpToolsOptions["send"];
  readonly secrets: SecretReader;
}

/** Where the operator's MCP servers come from. */
export interface McpReachOptions {
  readonly servers?: readonly OperatorMcpServer[];
  /** Where their processes find programs. */
  readonly path?: string | undefined;
}

export interface ToolReachOptions {
  readonly world: World;
  readonly secrets: SecretReader;
  /** Keeps tokens that servers renew. */
  readonly secretWriter?: SecretWriter | undefined;
  readonly policy: (scope: Scope) => Policy;
  readonly rewrites: readonly HttpRewrite[];
  readonly log: (ctx: TenantCtx, level: "debug" | "info" | "warn" | "error", message: string) => void;
  readonly mcp: McpReachOptions;
}

/** Makes the reach of a runtime: one set of sessions for all of its packs, every request under its tenant's policy. */
export function createToolReach({
  world,
  secrets,
  secretWriter,
  policy,
  rewrites,
  log,
  mcp,
}: ToolReachOptions): ToolReach {
  const egress = ({ env, tenant, team }: TenantCtx, signal: AbortSignal | undefined) => ({
    privateAddresses: policy({ env, tenant, team }).network.privateAddresses,
    rewrites,
    ...(signal === undefined ? {} : { signal }),
  });
  const servers = new McpServers({
    world,
    secret: (ctx, category, name) => secrets.get(ctx, category, name),
    open: (ctx, request, signal) => openHttp(request, egress(ctx, signal)),
    log,
    ...(secretWriter === undefined
      ? {}
      : { saveSecret: (ctx, category, name, value) => secretWriter.put(ctx, category, name, value) }),
    ...(mcp.servers === undefined ? {} : { operator: mcp.servers }),
    ...(mcp.path === undefined ? {} : { path: mcp.path }),
  });
  return {
    world,
    servers,
    secrets,
    send: (ctx, request, signal) => sendHttp(request, egress(ctx, signal)),
    [Symbol.asyncDispose]: () => servers[Symbol.asyncDispose](),
  };
}
