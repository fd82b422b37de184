import { createHmac } from "node:crypto";
import type { Config, Environment } from "../config/index.ts";
import type { TeamId, TenantId } from "../types/index.ts";
import { hostKey } from "./host-keys.ts";
import { secretReader } from "./secret-stores.ts";

/** The tokens that callers of a tenant's flows bring: one, from the tenant's secrets; none where none is set. */
export async function mcpTokens(
  config: Config,
  {
    environment,
    tenant,
    team,
  }: { readonly environment: Environment; readonly tenant: TenantId; readonly team: TeamId },
): Promise<readonly string[]> {
  const ctx = { env: config.env, tenant, team, traceId: "", correlationId: "", attempt: 1, locale: "en" };
  const token = await secretReader(config, environment).get(ctx, "mcp", "mcp_token");
  return token === undefined || token === "" ? [] : [token];
}

/** Who continues a waiting flow shows a handle sealed with this: the tenant's own, and the same after a restart. */
export function mcpKey(config: Config, tenant: TenantId): Uint8Array {
  return createHmac("sha256", hostKey(config, "mcp.key")).update(`${config.env}\n${tenant}`).digest();
}
