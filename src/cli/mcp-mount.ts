import type { Bundle, Config } from "../config/index.ts";
import type { HttpFace } from "../mcp/index.ts";
import { openMcpServing, refused } from "../mcp/index.ts";
import type { TeamId, TenantId } from "../types/index.ts";
import type { Host } from "./host.ts";
import { MCP_CHANNEL, teamOf } from "./host.ts";
import { mcpKey, mcpTokens } from "./mcp-access.ts";
import type { CallFeed } from "./mcp-offering.ts";
import { createOffering } from "./mcp-offering.ts";
import { VERSION } from "./version.ts";

/** How long a turn of a call may take. */
const TURN_MS = 300_000;

export interface McpMountOptions {
  readonly host: Host;
  readonly config: Config;
  readonly bundle: Bundle | undefined;
  readonly feed: CallFeed;
  readonly onError: (error: Error) => void;
}

/** The flows of every tenant of a running host, each tenant's behind its own token. */
export class McpMount {
  readonly #options: McpMountOptions;
  readonly #faces = new Map<TenantId, Promise<HttpFace>>();

  constructor(options: McpMountOptions) {
    this.#options = options;
  }

  /** Answers a request for a tenant; tenants that don't exist look like those whose token isn't known. */
  async fetch(request: Request, tenant: string): Promise<Response> {
    const known = [...this.#options.host.tenants].find((name) => name === tenant);
    if (known === undefined) return refused(401, -32_001, "Unauthorized", { "www-authenticate": 'Bearer realm="mcp"' });
    let face = this.#faces.get(known);
    if (face === undefined) {
      face = this.#open(known);
      this.#faces.set(known, face);
    }
    return (await face).fetch(request);
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#faces.values()].map(async (face) => (await face).close()));
  }

  async #open(tenant: TenantId): Promise<HttpFace> {
    const { host, config, bundle, feed, onError } = this.#options;
    const { runtime, world, secrets } = host;
    const team: TeamId = teamOf(bundle, tenant);
    const scope = { env: config.env, tenant, team };
    const provider = runtime.channel(scope, MCP_CHANNEL);
    if (provider === undefined) throw new TypeError("Mount MCP: a tenant of the host has no channel for calls");
    const serving = await openMcpServing({
      offering: createOffering({
        runtime,
        provider,
        scope,
        feed,
        title: bundle?.tenant === tenant ? (bundle.worker.title ?? tenant) : tenant,
        flows: [],
        timeoutMs: TURN_MS,
      }),
      world,
      version: VERSION,
      key: mcpKey(config, tenant),
      onError,
    });
    return serving.http({
      origins: [],
      tokens: () => mcpTokens(secrets, { env: config.env, tenant, team }),
      needsToken: true,
    });
  }
}
