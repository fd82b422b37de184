import type { OutboxRow, OutboxStatus } from "../../session/index.ts";
import { isOfEnv, MAX_SEARCHED, newestRows } from "../../session/index.ts";
import type { TenantId } from "../../types/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import type { AdminHost } from "../admin-host.ts";
import { pageOf, readNumberCursor } from "../cursor.ts";
import { defineRoute } from "../route.ts";
import { count, flag, object, page, pageQuery, text, time } from "../schemas.ts";

const STATUSES = ["queued", "sending", "sent", "failed", "unknown", "abandoned"] as const;
const row = object({
  id: text(512),
  key: text(4096),
  order: count,
  provider: text(128),
  sink_class: { enum: ["A", "B", "C"] },
  status: { enum: STATUSES },
  attempts: count,
  was_unknown: flag,
  created_at: time,
  "last_error?": text(256),
});

/** What a tenant sends; payloads are people's messages and stay in the store. */
export const outboxRoutes = [
  defineRoute({
    id: "listSends",
    method: "GET",
    path: "/admin/v1/tenants/{tenant}/outbox",
    summary: "Sends and their states, newest first",
    scope: "tenant",
    role: "viewer",
    effect: "read",
    action: "outbox.list",
    query: { ...pageQuery, status: { enum: STATUSES, type: "string" } },
    answer: { status: 200, description: "Sends", schema: page(row) },
    async handle({ host, tenant, query }) {
      const limit = Number(query["limit"]);
      const before = readNumberCursor("outbox", query["cursor"]);
      const status = STATUSES.find((known): known is OutboxStatus => known === query["status"]);
      const items = await newestRows(
        host.env,
        (asked) => host.store.listOutbox({ tenant, ...(status && { status }), limit: asked }),
        { limit, before },
      );
      const shown = pageOf("outbox", { items, limit, at: ({ order }) => order });
      return { body: { ...shown, items: shown.items.map(shownRow) } };
    },
  }),
  defineRoute({
    id: "retrySend",
    method: "POST",
    path: "/admin/v1/tenants/{tenant}/outbox/{id}/retry",
    summary: "Queue a failed, unknown or abandoned send again",
    scope: "tenant",
    role: "operator",
    effect: "change",
    action: "outbox.retry",
    params: { id: { type: "string", minLength: 1, maxLength: 512 } },
    answer: { status: 200, description: "It is queued", schema: object({ id: text(512), queued: flag }) },
    async handle({ host, tenant, param }) {
      const id = param("id");
      if (!(await isTheirs(host, tenant, id)) || !(await host.store.retrySend(id)))
        throw new GreenticError("ADMIN_NOT_FOUND", `Retry send: none that failed is named ${quote(id)}`);
      return { body: { id, queued: true } };
    },
  }),
  defineRoute({
    id: "abandonSend",
    method: "POST",
    path: "/admin/v1/tenants/{tenant}/outbox/{id}/abandon",
    summary: "Give up a send that waits or is unknown; those behind it go on",
    scope: "tenant",
    role: "operator",
    effect: "change",
    action: "outbox.abandon",
    params: { id: { type: "string", minLength: 1, maxLength: 512 } },
    answer: { status: 200, description: "It is abandoned", schema: object({ id: text(512), abandoned: flag }) },
    async handle({ host, tenant, param }) {
      const id = param("id");
      if (!(await isTheirs(host, tenant, id)) || !(await host.store.abandonSend(id)))
        throw new GreenticError(
          "ADMIN_NOT_FOUND",
          `Abandon send: none that waits is named ${quote(id)}, or it is under way just now`,
        );
      return { body: { id, abandoned: true } };
    },
  }),
];

/** An id alone says nothing of whose it is. */
async function isTheirs(host: AdminHost, tenant: TenantId, id: string): Promise<boolean> {
  const rows = await host.store.listOutbox({ tenant, limit: MAX_SEARCHED });
  return rows.some((one) => one.id === id && isOfEnv(host.env, one));
}

function shownRow(one: OutboxRow): object {
  const { id, key, order, provider, sinkClass, status, attempts, wasUnknown, createdAtMs, lastError } = one;
  return {
    id,
    key,
    order,
    provider,
    sink_class: sinkClass,
    status,
    attempts,
    was_unknown: wasUnknown,
    created_at: new Date(createdAtMs).toISOString(),
    ...(lastError !== undefined && { last_error: lastError }),
  };
}
