import type { TenantId } from "../types/index.ts";

/** What somebody may do; each role may do what those before it may. */
export const ROLES = ["viewer", "operator", "publisher", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** A role over one tenant, or over the host and all its tenants. */
export interface Grant {
  readonly tenant: TenantId | "*";
  readonly role: Role;
}

/** Who sends a request, as a credential proved it. */
export interface Principal {
  /** As the audit log names them: `admin:ci@acme`. */
  readonly actor: string;
  readonly kind: "token" | "oidc" | "certificate";
  readonly grants: readonly Grant[];
}

/** Tells the greatest role over a tenant, or with `*` over the host; undefined where there is none. */
export function roleOver({ grants }: Principal, tenant: TenantId | "*" | undefined): Role | undefined {
  const ranks = grants
    .filter((grant) => grant.tenant === "*" || grant.tenant === tenant)
    .map(({ role }) => ROLES.indexOf(role));
  return ROLES[Math.max(-1, ...ranks)];
}

/** Tells whether a role may do what another may. */
export function isAtLeast(role: Role, wanted: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(wanted);
}
