import type { JsonValue, TenantCtx } from "../../types/index.ts";
import { envId, GreenticError, teamId, tenantId } from "../../types/index.ts";
import type { ComponentGrants } from "../grants.ts";
import type { ComponentCall, HostServices } from "../host.ts";

/** Grants for {@link memoryServices}. */
export const ALL_GRANTS: ComponentGrants = {
  http: ["http://127.0.0.1"],
  secrets: ["granted"],
  secretsWrite: ["granted"],
  state: "read-write",
  tools: ["allowed"],
  assets: true,
  oauth: ["granted"],
};

/** A context of one tenant. */
export function ctxOf(tenant = "acme"): TenantCtx {
  return {
    env: envId("test"),
    tenant: tenantId(tenant),
    team: teamId("default"),
    traceId: "0".repeat(32),
    correlationId: "correlation",
    attempt: 1,
    locale: "en",
  };
}

/** Services over maps; what was asked is on record. */
export function memoryServices(): HostServices & { readonly asked: string[]; readonly state: Map<string, Uint8Array> } {
  const asked: string[] = [];
  const state = new Map<string, Uint8Array>();
  return {
    asked,
    state,
    http: async (ctx, { method, url, origins }) => {
      asked.push(`${ctx.tenant} ${method} ${url}`);
      if (!origins.includes(new URL(url).origin)) throw new GreenticError("HTTP_ORIGIN_DENIED", "Send: denied");
      return { status: 200, headers: [], body: Buffer.from("answered") };
    },
    secret: async (ctx, name) => {
      asked.push(`${ctx.tenant} secret ${name}`);
      return Buffer.from(`value of ${name}`);
    },
    stateRead: async (_ctx, key) => state.get(key),
    stateWrite: async (_ctx, key, value) => void state.set(key, value),
    stateDelete: async (_ctx, key) => void state.delete(key),
    tool: async (_ctx, name, input) => ({ name, input }),
    asset: async (path) => (path === "assets/a.txt" ? Buffer.from("asset") : undefined),
    log: (ctx, level, message) => void asked.push(`${ctx.tenant} ${level} ${message}`),
  };
}

/** A call of the hostile guest. */
export function callOf(
  sha256: string,
  act: { readonly act: string; readonly argument?: JsonValue },
  extra: Partial<ComponentCall> = {},
): ComponentCall {
  return {
    sha256,
    component: "hostile",
    operation: "execute",
    input: { ...act },
    grants: ALL_GRANTS,
    services: memoryServices(),
    ...extra,
  };
}
