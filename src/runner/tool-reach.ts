import type { OperatorMcpServer } from "../config/index.ts";
import type { HttpRewrite } from "../http/index.ts";
import { openHttp, sendHttp } from "../http/index.ts";
import type { HttpToolsOptions } from "../mcp/index.ts";
import { McpServers } from "../mcp/index.ts";
import type { PolicyGate } from "../policy/index.ts";
import type { FlowOAuth } from "../oauth/index.ts";
import type { SecretReader, SecretWriter } from "../secrets/index.ts";
import { readAs, writeAs } from "../secrets/index.ts";
import type { Policy, TenantCtx, World } from "../types/index.ts";
import { judgeHttp, questionOf } from "./policy-questions.ts";
import type { Scope } from "./runtime.ts";

/** What tool maps reach beyond their pack: MCP servers and HTTP endpoints. */
export interface ToolReach extends AsyncDisposable {
  readonly world: World;
  readonly servers: McpServers;
  /** Sends the requests of a pack's HTTP tools. */
  sendFor(pack: string): HttpToolsOptions["send"];
  /** Reads secrets of a pack, or of whatever else keeps some, as policy lets it. */
  readSecret(ctx: TenantCtx, category: string, name: string): Promise<string | undefined>;
  readonly oauth: FlowOAuth | undefined;
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
  readonly gate: PolicyGate;
  readonly rewrites: readonly HttpRewrite[];
  readonly log: (ctx: TenantCtx, level: "debug" | "info" | "warn" | "error", message: string) => void;
  readonly mcp: McpReachOptions;
  readonly oauth?: FlowOAuth | undefined;
}

/** Makes the reach of a runtime: one set of sessions for all of its packs, every request under its tenant's policy. */
export function createToolReach({
  world,
  secrets,
  secretWriter,
  policy,
  gate,
  rewrites,
  log,
  mcp,
  oauth,
}: ToolReachOptions): ToolReach {
  const egress = (
    ctx: TenantCtx,
    { pack, signal }: { readonly pack: string; readonly signal?: AbortSignal | undefined },
  ) => ({
    privateAddresses: policy({ env: ctx.env, tenant: ctx.tenant, team: ctx.team }).network.privateAddresses,
    rewrites,
    judge: judgeHttp(gate, ctx, { pack }),
    ...(signal === undefined ? {} : { signal }),
  });
  const readSecret: ToolReach["readSecret"] = async (ctx, category, name) => {
    if (gate.judges("secret.read"))
      await gate.check({ ...questionOf(ctx, "secret.read"), pack: category, secret: name }, ctx);
    return readAs(secrets, `tools:${category}`).get(ctx, category, name);
  };
  const servers = new McpServers({
    world,
    secret: readSecret,
    open: (ctx, request, { pack, signal }) => openHttp(request, egress(ctx, { pack, signal })),
    log,
    ...(secretWriter === undefined
      ? {}
      : {
          saveSecret: (ctx, category, name, value) =>
            writeAs(secretWriter, `tools:${category}`).put(ctx, category, name, value),
        }),
    ...(mcp.servers === undefined ? {} : { operator: mcp.servers }),
    ...(mcp.path === undefined ? {} : { path: mcp.path }),
  });
  return {
    world,
    servers,
    readSecret,
    sendFor: (pack) => (ctx, request, signal) => sendHttp(request, egress(ctx, { pack, signal })),
    oauth,
    [Symbol.asyncDispose]: () => servers[Symbol.asyncDispose](),
  };
}
