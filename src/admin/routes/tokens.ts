import { GreenticError, quote } from "../../types/index.ts";
import { ROLES } from "../roles.ts";
import type { Role } from "../roles.ts";
import { defineRoute } from "../route.ts";
import type { AdminRequest, Route } from "../route.ts";
import { flag, list, object, time, token } from "../schemas.ts";
import type { AdminTokens, TokenRecord } from "../tokens/admin-tokens.ts";
import { isLiving } from "../tokens/admin-tokens.ts";

const role = { enum: ROLES } as const;
const id = { type: "string", pattern: "^[0-9a-f]{16}$" } as const;
const view = {
  id,
  name: token,
  tenant: { anyOf: [token, { const: "*" }] },
  role,
  living: flag,
  created_at: time,
  "expires_at?": time,
  "revoked_at?": time,
  "used_at?": time,
};
const wanted = object({
  name: token,
  role,
  "expires_in_seconds?": { type: "integer", minimum: 60, maximum: 315_360_000 },
});
const listed = {
  status: 200,
  description: "Tokens without what they are",
  schema: object({ items: list(object(view)) }),
} as const;
const made = {
  status: 201,
  description: "The token, told here and never again",
  schema: object({ ...view, token: { type: "string", pattern: "^gtadm_[A-Za-z0-9_-]{43}$" } }),
} as const;
const gone = { status: 204, description: "It lets nobody in from now on" } as const;

/** Tokens of a tenant, and of the host (`tenant` is `*`); who makes one can't give more than the role that the route asks for. */
export function tokenRoutes(tokens: AdminTokens): readonly Route[] {
  return [
    ...routesOver(tokens, {
      scope: "tenant",
      path: "/admin/v1/tenants/{tenant}/tokens",
      suffix: "Token",
      what: "a tenant's",
    }),
    ...routesOver(tokens, { scope: "host", path: "/admin/v1/tokens", suffix: "HostToken", what: "the host's" }),
  ];
}

interface Over {
  readonly scope: "tenant" | "host";
  readonly path: string;
  readonly suffix: string;
  readonly what: string;
}

function routesOver(tokens: AdminTokens, { scope, path, suffix, what }: Over): readonly Route[] {
  const over = (request: AdminRequest): TokenRecord["tenant"] => (scope === "host" ? "*" : request.tenant);
  return [
    defineRoute({
      id: `list${suffix}s`,
      method: "GET",
      path,
      summary: `List ${what} tokens`,
      scope,
      role: "admin",
      effect: "sensitive",
      action: "token.list",
      answer: listed,
      async handle(request) {
        const used = await tokens.lastUsed();
        const nowMs = request.host.world.nowMs();
        const items = (await tokens.list(over(request))).map((record) => shown(record, { used, nowMs }));
        return { body: { items } };
      },
    }),
    defineRoute({
      id: `create${suffix}`,
      method: "POST",
      path,
      summary: `Make one of ${what} tokens; a name that a living one has is refused, so that a repeated request makes no second`,
      scope,
      role: "admin",
      effect: "change",
      action: "token.create",
      body: { kind: "json", schema: wanted },
      answer: made,
      async handle(request) {
        const {
          name,
          role: given,
          expires_in_seconds: seconds,
        } = request.json as unknown as {
          readonly name: string;
          readonly role: Role;
          readonly expires_in_seconds?: number;
        };
        const nowMs = request.host.world.nowMs();
        const { token: text, record } = await tokens.create({
          name,
          role: given,
          tenant: over(request),
          ...(seconds !== undefined && { expiresAtMs: nowMs + seconds * 1_000 }),
        });
        return { body: { ...shown(record, { used: new Map(), nowMs }), token: text } };
      },
    }),
    defineRoute({
      id: `revoke${suffix}`,
      method: "DELETE",
      path: `${path}/{id}`,
      summary: `Revoke one of ${what} tokens: the next request with it is refused`,
      scope,
      role: "admin",
      effect: "change",
      action: "token.revoke",
      params: { id },
      answer: gone,
      async handle(request) {
        if (!(await tokens.revoke(request.param("id"), over(request))))
          throw new GreenticError("ADMIN_NOT_FOUND", `Find token: none that lives is ${quote(request.param("id"))}`);
        return {};
      },
    }),
  ];
}

/** A token as operators see it. */
function shown(
  record: TokenRecord,
  { used, nowMs }: { readonly used: ReadonlyMap<string, number>; readonly nowMs: number },
): object {
  const { id: known, name, tenant, role: has, createdAtMs, expiresAtMs, revokedAtMs } = record;
  const usedAtMs = used.get(known);
  const iso = (ms: number): string => new Date(ms).toISOString();
  return {
    id: known,
    name,
    tenant,
    role: has,
    living: isLiving(record, nowMs),
    created_at: iso(createdAtMs),
    ...(expiresAtMs !== undefined && { expires_at: iso(expiresAtMs) }),
    ...(revokedAtMs !== undefined && { revoked_at: iso(revokedAtMs) }),
    ...(usedAtMs !== undefined && { used_at: iso(usedAtMs) }),
  };
}
