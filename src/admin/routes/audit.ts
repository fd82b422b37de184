import type { TenantId } from "../../types/index.ts";
import { pageOf, readNumberCursor } from "../cursor.ts";
import { defineRoute } from "../route.ts";
import type { AdminRequest } from "../route.ts";
import { object, page, pageQuery } from "../schemas.ts";

const answer = {
  status: 200,
  description: "Records, newest first",
  schema: page(object({ seq: { type: "integer" }, entry: { type: "object" } })),
} as const;

/** What was done, by whom, and what came of it. */
export const auditRoutes = [
  defineRoute({
    id: "listAudit",
    method: "GET",
    path: "/admin/v1/audit",
    summary: "The audit log, newest first",
    scope: "host",
    role: "admin",
    effect: "sensitive",
    action: "audit.read",
    query: pageQuery,
    answer,
    handle: (request) => read(request, undefined),
  }),
  defineRoute({
    id: "listTenantAudit",
    method: "GET",
    path: "/admin/v1/tenants/{tenant}/audit",
    summary: "What of the audit log is of a tenant, newest first",
    scope: "tenant",
    role: "admin",
    effect: "sensitive",
    action: "audit.read",
    query: pageQuery,
    answer,
    handle: (request) => read(request, request.tenant),
  }),
];

async function read({ host, query }: AdminRequest, tenant: TenantId | undefined): Promise<{ readonly body: object }> {
  const limit = Number(query["limit"]);
  const before = readNumberCursor("audit", query["cursor"]);
  const items = await host.readAudit({
    limit: limit + 1,
    ...(tenant !== undefined && { tenant }),
    ...(before !== undefined && { before }),
  });
  return { body: pageOf("audit", { items, limit, at: ({ seq }) => seq }) };
}
