import { createHmac } from "node:crypto";
import type { Config } from "../config/index.ts";
import type { SecretReader } from "../secrets/index.ts";
import { readAs } from "../secrets/index.ts";
import type { EnvId, TeamId, TenantId } from "../types/index.ts";
import { hostKey } from "./host-keys.ts";

/** The tokens that callers of a tenant's flows bring: one, from the tenant's secrets; none where none is set. */
export async function mcpTokens(
  secrets: SecretReader,
  { env, tenant, team }: { readonly env: EnvId; readonly tenant: TenantId; readonly team: TeamId },
): Promise<readonly string[]> {
  const ctx = { env, tenant, team, traceId: "", correlationId: "", attempt: 1, locale: "en" };
  const token = await readAs(secrets, "mcp").get(ctx, "mcp", "mcp_token");
  return token === undefined || token === "" ? [] : [token];
}

/** Who continues a waiting flow shows a handle sealed with this: the tenant's own, and the same after a restart. */
export function mcpKey(config: Config, tenant: TenantId): Uint8Array {
  return createHmac("sha256", hostKey(config, "mcp.key")).update(`${config.env}\n${tenant}`).digest();
}
