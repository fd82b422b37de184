import type { JsonObject } from "../../types/index.ts";
import { ROLES } from "../roles.ts";
import { defineRoute } from "../route.ts";
import type { Route } from "../route.ts";
import { flag, list, object, text, token } from "../schemas.ts";

const free = { type: "object" } as const;
const role = { enum: ROLES } as const;

/** What concerns the host as a whole. */
export function hostRoutes(document: () => JsonObject): readonly Route[] {
  return [
    defineRoute({
      id: "getOpenApi",
      method: "GET",
      path: "/admin/v1/openapi.json",
      summary: "This document",
      scope: "anyone",
      role: "viewer",
      effect: "read",
      action: "host.describe",
      answer: { status: 200, description: "The document", schema: free },
      handle: () => Promise.resolve({ body: document() }),
    }),
    defineRoute({
      id: "getCaller",
      method: "GET",
      path: "/admin/v1/whoami",
      summary: "Who the credential says that you are",
      scope: "anyone",
      role: "viewer",
      effect: "read",
      action: "host.whoami",
      answer: {
        status: 200,
        description: "The caller",
        schema: object({
          actor: text(200),
          kind: { enum: ["token", "oidc", "certificate"] },
          grants: list(object({ tenant: { anyOf: [token, { const: "*" }] }, role })),
        }),
      },
      handle: ({ principal: { actor, kind, grants } }) => Promise.resolve({ body: { actor, kind, grants } }),
    }),
    defineRoute({
      id: "listTenants",
      method: "GET",
      path: "/admin/v1/tenants",
      summary: "The tenants that the credential is for",
      scope: "anyone",
      role: "viewer",
      effect: "read",
      action: "tenant.list",
      answer: { status: 200, description: "Their names", schema: object({ items: list(token) }) },
      handle: ({ host, principal: { grants } }) =>
        Promise.resolve({
          body: {
            items: host.tenants().filter((name) => grants.some(({ tenant }) => tenant === "*" || tenant === name)),
          },
        }),
    }),
    defineRoute({
      id: "getStatus",
      method: "GET",
      path: "/admin/v1/status",
      summary: "How the host is: roles, store, bus, what waits",
      scope: "host",
      role: "viewer",
      effect: "read",
      action: "host.status",
      answer: {
        status: 200,
        description: "Its state",
        schema: object({
          version: text(64),
          env: token,
          draining: flag,
          ready: flag,
          durable: flag,
          packs: { type: "integer" },
          refused: list(object({ tenant: token, name: text(256), code: text(64) })),
          host: free,
          waiting: free,
        }),
      },
      async handle({ host }) {
        const { version, env, store, packs, drain } = host;
        return {
          body: {
            version,
            env,
            draining: drain.isDraining(),
            ready: !drain.isDraining() && (await host.isReady()),
            durable: store.isDurable,
            packs: packs.running().length,
            refused: packs.refused(),
            host: host.status(),
            waiting: await store.stats(),
          },
        };
      },
    }),
    defineRoute({
      id: "getConfig",
      method: "GET",
      path: "/admin/v1/config",
      summary: "The configuration and where each value came from, without logins",
      scope: "host",
      role: "operator",
      effect: "sensitive",
      action: "config.read",
      answer: {
        status: 200,
        description: "Its values",
        schema: object({
          items: list(object({ key: text(256), value: {}, origin: text(32) })),
        }),
      },
      handle: ({ host }) =>
        Promise.resolve({
          body: { items: host.config().map(({ key, value, origin }) => ({ key, value: value ?? null, origin })) },
        }),
    }),
  ];
}
