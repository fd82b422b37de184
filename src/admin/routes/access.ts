import { defineRoute } from "../route.ts";
import { list, object, text, token } from "../schemas.ts";

/** Who may reach what of a tenant's flows, as the bundle's access maps say it now. */
export const accessRoutes = [
  defineRoute({
    id: "getAccess",
    method: "GET",
    path: "/admin/v1/tenants/{tenant}/access",
    summary: "The access maps of a tenant and its teams; none means that everybody reaches everything",
    scope: "tenant",
    role: "viewer",
    effect: "read",
    action: "access.read",
    answer: {
      status: 200,
      description: "Maps",
      schema: object({
        items: list(
          object({
            "team?": token,
            otherwise: text(32),
            rules: list(object({ path: text(700), policy: text(32) })),
          }),
        ),
      }),
    },
    handle: ({ host, tenant }) => Promise.resolve({ body: { items: host.access(tenant) } }),
  }),
];
