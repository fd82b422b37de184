import { GreenticError } from "../types/index.ts";
import type { TenantId } from "../types/index.ts";
import { isAtLeast, roleOver } from "./roles.ts";
import type { Principal } from "./roles.ts";
import type { Route } from "./route.ts";

/**
 * Judges whether somebody may have a route. A tenant that isn't theirs looks like one that doesn't exist; routes of the host are in the
 * public document, so that who lacks them is told so.
 * @throws ADMIN_NOT_FOUND, ADMIN_ROLE_MISSING
 */
export function authorise(
  principal: Principal,
  route: Pick<Route, "scope" | "role">,
  { named, tenants }: { readonly named: string | undefined; readonly tenants: readonly TenantId[] },
): TenantId | undefined {
  if (route.scope === "anyone") return undefined;
  const tenant = tenants.find((known) => known === named);
  const role = roleOver(principal, route.scope === "host" ? "*" : tenant);
  if (route.scope === "tenant" && (role === undefined || tenant === undefined))
    throw new GreenticError("ADMIN_NOT_FOUND", "Find tenant: none of that name is there for this credential");
  if (role === undefined || !isAtLeast(role, route.role))
    throw new GreenticError(
      "ADMIN_ROLE_MISSING",
      `Authorise: expected role ${route.role} over ${route.scope === "host" ? "the host" : "the tenant"}, got ${role ?? "none"}`,
    );
  return tenant;
}
