import { defineRoute } from "../route.ts";
import { count, hash, list, object, text, token } from "../schemas.ts";

const rules = object({
  items: list(
    object({
      id: text(256),
      effect: { enum: ["deny", "allow"] },
      at: list(text(64)),
      when: text(65_536),
      "message?": text(4_096),
      "tenant?": token,
      line: { type: "integer" },
    }),
  ),
});

/** The rules that policy is asked by, as the configuration and the bundle have them. */
export const policyRoutes = [
  defineRoute({
    id: "listPolicies",
    method: "GET",
    path: "/admin/v1/policies",
    summary: "The rules of policy, the host's and its tenants'",
    scope: "host",
    role: "viewer",
    effect: "read",
    action: "policy.list",
    answer: { status: 200, description: "Rules", schema: rules },
    handle: ({ host }) => Promise.resolve({ body: { items: host.policies() } }),
  }),
  defineRoute({
    id: "listTenantPolicies",
    method: "GET",
    path: "/admin/v1/tenants/{tenant}/policies",
    summary: "The rules that are about one tenant alone; the host's may name others",
    scope: "tenant",
    role: "viewer",
    effect: "read",
    action: "policy.list",
    answer: { status: 200, description: "Rules", schema: rules },
    handle: ({ host, tenant }) =>
      Promise.resolve({ body: { items: host.policies().filter((rule) => rule.tenant === tenant) } }),
  }),
  defineRoute({
    id: "getTenantUsage",
    method: "GET",
    path: "/admin/v1/tenants/{tenant}/usage",
    summary: "What a tenant's files and sessions take, and how much they may; some seconds old",
    scope: "tenant",
    role: "viewer",
    effect: "read",
    action: "quota.read",
    answer: {
      status: 200,
      description: "What there is, and what is allowed where a quota says",
      schema: object({ stored_bytes: count, "allowed_bytes?": count }),
    },
    handle: async ({ host, tenant }) => {
      const { bytes, allowedBytes } = await host.stored(tenant);
      return { body: { stored_bytes: bytes, ...(allowedBytes !== undefined && { allowed_bytes: allowedBytes }) } };
    },
  }),
  defineRoute({
    id: "reloadPolicy",
    method: "POST",
    path: "/admin/v1/policies/reload",
    summary: "Read policy, quotas, residency and retention anew, all or nothing",
    scope: "host",
    role: "operator",
    effect: "change",
    action: "policy.reload",
    answer: {
      status: 200,
      description: "What changed, and the SHA-256 of what counts now",
      schema: object({ changed: list(text(64)), digest: hash }),
    },
    handle: async ({ host }) => {
      const { changed, digest } = await host.reloadPolicy();
      return { body: { changed, digest } };
    },
  }),
];
