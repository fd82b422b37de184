import { DEFAULT_TEAM, GreenticError, quote, teamId } from "../../types/index.ts";
import type { OAuthGrantView } from "../admin-host.ts";
import { defineRoute } from "../route.ts";
import type { AdminRequest } from "../route.ts";
import { count, list, object, text, time, token } from "../schemas.ts";

const providers = "/admin/v1/tenants/{tenant}/oauth/providers";
const grants = "/admin/v1/tenants/{tenant}/oauth/grants";
const scopes = { type: "array", maxItems: 64, items: { type: "string", pattern: "^[!#-[\\]-~]{1,256}$" } } as const;
const ownerKind = { enum: ["user", "service"] } as const;
const ownerId = { type: "string", minLength: 1, maxLength: 512 } as const;
const provider = object({
  id: token,
  preset: { enum: ["google", "microsoft", "oidc", "oauth2"] },
  issuer: text(2_048),
  scopes: list(text(256)),
  origins: list(text(2_048)),
  "redirect_uri?": text(2_048),
  /** Whose registration counts: the host's of greentic.toml, the tenant's own, nobody's. */
  registration: { enum: ["host", "tenant", "none"] },
});
const grant = object({
  provider: token,
  owner_kind: ownerKind,
  owner_id: text(512),
  "team?": text(64),
  "account?": text(2_048),
  scopes: list(text(256)),
  visibility: { enum: ["private", "team", "tenant"] },
  created_at: time,
  renewed: count,
  state: { enum: ["connected", "unconfirmed", "revoked", "reused"] },
});

/** A tenant's OAuth providers and what was consented to at them; no token, secret or code comes out. */
export const oauthRoutes = [
  defineRoute({
    id: "listOAuthProviders",
    method: "GET",
    path: providers,
    summary: "The OAuth providers that the tenant may use",
    scope: "tenant",
    role: "viewer",
    effect: "read",
    action: "oauth.providers",
    answer: { status: 200, description: "Providers", schema: object({ items: list(provider) }) },
    handle: async ({ host, tenant }) => ({ body: { items: await host.oauth.providers(tenant) } }),
  }),
  defineRoute({
    id: "planOAuthProvider",
    method: "GET",
    path: `${providers}/{provider}/plan`,
    summary: "What a provider lacks before somebody can consent; it is asked for its metadata",
    scope: "tenant",
    role: "operator",
    effect: "read",
    action: "oauth.plan",
    params: { provider: token },
    answer: {
      status: 200,
      description: "What is missing, by error codes; nothing where it is ready",
      schema: object({ provider: token, ready: { type: "boolean" }, problems: list(text(64)) }),
    },
    async handle({ host, tenant, param }) {
      const problems = await host.oauth.plan(tenant, param("provider"));
      return { body: { provider: param("provider"), ready: problems.length === 0, problems } };
    },
  }),
  defineRoute({
    id: "setOAuthRegistration",
    method: "PUT",
    path: `${providers}/{provider}/registration`,
    summary: "Keep the tenant's own registration at a provider that greentic.toml has none for",
    scope: "tenant",
    role: "admin",
    effect: "change",
    action: "oauth.register",
    params: { provider: token },
    body: {
      kind: "json",
      schema: object({
        client_id: { type: "string", minLength: 1, maxLength: 2_048 },
        "client_secret?": { type: "string", minLength: 1, maxLength: 4_096 },
      }),
    },
    answer: { status: 200, description: "The provider", schema: provider },
    async handle({ host, tenant, param, json }) {
      return { body: await host.oauth.register(tenant, param("provider"), json) };
    },
  }),
  defineRoute({
    id: "deleteOAuthRegistration",
    method: "DELETE",
    path: `${providers}/{provider}/registration`,
    summary: "Forget the tenant's own registration; its grants can't be renewed any more",
    scope: "tenant",
    role: "admin",
    effect: "change",
    action: "oauth.unregister",
    params: { provider: token },
    answer: { status: 204, description: "It isn't kept any more" },
    async handle({ host, tenant, param }) {
      if (!(await host.oauth.unregister(tenant, param("provider"))))
        throw new GreenticError("ADMIN_NOT_FOUND", `Find registration: none of ${quote(param("provider"))}`);
      return {};
    },
  }),
  defineRoute({
    id: "startOAuthConsent",
    method: "POST",
    path: `${providers}/{provider}/start`,
    summary: "Ask for a consent of the tenant itself: whoever opens the link gives it, once, within 15 minutes",
    scope: "tenant",
    role: "admin",
    effect: "change",
    action: "oauth.start",
    params: { provider: token },
    body: {
      kind: "json",
      schema: object({ "service?": ownerId, "team?": token, "scopes?": scopes }),
    },
    answer: {
      status: 201,
      description: "The link",
      schema: object({ start_url: text(4_096), expires_at: time }),
    },
    async handle({ host, tenant, param, json }) {
      const { service, team, scopes: asked } = json as Readonly<{ service?: string; team?: string; scopes?: string[] }>;
      const { url, expiresAtMs } = await host.oauth.start(tenant, {
        provider: param("provider"),
        ...(service !== undefined && { service }),
        ...(team !== undefined && { team: teamId(team) }),
        ...(asked !== undefined && { scopes: asked }),
      });
      return { body: { start_url: url, expires_at: new Date(expiresAtMs).toISOString() } };
    },
  }),
  defineRoute({
    id: "listOAuthGrants",
    method: "GET",
    path: grants,
    summary: "What was consented to, by whom, without tokens",
    scope: "tenant",
    role: "operator",
    effect: "sensitive",
    action: "oauth.grants",
    answer: { status: 200, description: "Grants", schema: object({ items: list(grant) }) },
    handle: async ({ host, tenant }) => ({ body: { items: (await host.oauth.grants(tenant)).map(rowOf) } }),
  }),
  defineRoute({
    id: "revokeOAuthGrant",
    method: "DELETE",
    path: `${grants}/{provider}/{owner_kind}/{owner_id}`,
    summary: "End a grant: at the provider as far as it listens, and here",
    scope: "tenant",
    role: "operator",
    effect: "change",
    action: "oauth.end",
    params: { provider: token, owner_kind: ownerKind, owner_id: ownerId },
    query: { team: token },
    answer: { status: 204, description: "It is ended" },
    async handle(request) {
      const { host, tenant, param, query } = request;
      const team = typeof query["team"] === "string" ? teamId(query["team"]) : undefined;
      const wasThere = await host.oauth.revoke(tenant, {
        provider: param("provider"),
        kind: param("owner_kind") === "user" ? "user" : "service",
        id: param("owner_id"),
        ...(team !== undefined && team !== DEFAULT_TEAM && { team }),
      });
      if (!wasThere) throw missing(request);
      return {};
    },
  }),
];

function rowOf(view: OAuthGrantView): object {
  const { owner, account, scopes: given, visibility, createdAtMs, renewed, state } = view;
  return {
    provider: owner.provider,
    owner_kind: owner.kind,
    owner_id: owner.id,
    ...(owner.team !== undefined && { team: owner.team }),
    ...(account !== undefined && { account }),
    scopes: given,
    visibility,
    created_at: new Date(createdAtMs).toISOString(),
    renewed,
    state,
  };
}

function missing({ param }: AdminRequest): GreenticError {
  const name = `${param("provider")}/${param("owner_kind")}-${param("owner_id")}`;
  return new GreenticError("ADMIN_NOT_FOUND", `Find grant: none at ${quote(name)}`);
}
