import { isOfEnv, MAX_SEARCHED, newestRows } from "../../session/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import { pageOf, readNumberCursor } from "../cursor.ts";
import { defineRoute } from "../route.ts";
import type { AdminRequest } from "../route.ts";
import { digits, flag, object, page, pageQuery, text, time } from "../schemas.ts";

const letters = "/admin/v1/tenants/{tenant}/dead-letters";
const letter = object({ id: digits, key: text(4096), reason: text(256), died_at: time, trace_id: text(64) });

/** Messages that no turn could handle; what people wrote stays in the store. */
export const deadLetterRoutes = [
  defineRoute({
    id: "listDeadLetters",
    method: "GET",
    path: letters,
    summary: "Messages that no turn could handle, newest first",
    scope: "tenant",
    role: "viewer",
    effect: "read",
    action: "dead-letter.list",
    query: pageQuery,
    answer: { status: 200, description: "Dead letters", schema: page(letter) },
    async handle({ host, tenant, query }) {
      const limit = Number(query["limit"]);
      const before = readNumberCursor("dead-letters", query["cursor"]);
      const items = await newestRows(host.env, (asked) => host.store.listDeadLetters({ tenant, limit: asked }), {
        limit,
        before,
      });
      const shown = pageOf("dead-letters", { items, limit, at: ({ order }) => order });
      return {
        body: {
          ...shown,
          items: shown.items.map(({ order, key, reason, diedAtMs, traceId }) => ({
            id: String(order),
            key,
            reason,
            died_at: new Date(diedAtMs).toISOString(),
            trace_id: traceId,
          })),
        },
      };
    },
  }),
  defineRoute({
    id: "redriveDeadLetter",
    method: "POST",
    path: `${letters}/{id}/redrive`,
    summary: "Put a dead letter back into its session's inbox, as its newest message",
    scope: "tenant",
    role: "operator",
    effect: "change",
    action: "dead-letter.redrive",
    params: { id: digits },
    answer: { status: 200, description: "It is tried again", schema: object({ id: digits, redriven: flag }) },
    async handle(request) {
      const order = await orderOf(request);
      if (!(await request.host.store.redrive(order))) throw missing(request.param("id"));
      return { body: { id: String(order), redriven: true } };
    },
  }),
  defineRoute({
    id: "dropDeadLetter",
    method: "DELETE",
    path: `${letters}/{id}`,
    summary: "Forget a dead letter",
    scope: "tenant",
    role: "operator",
    effect: "change",
    action: "dead-letter.drop",
    params: { id: digits },
    answer: { status: 204, description: "It is forgotten" },
    async handle(request) {
      if (!(await request.host.store.dropDeadLetter(await orderOf(request)))) throw missing(request.param("id"));
      return {};
    },
  }),
];

/** The letter that the path names, where it is the tenant's. @throws ADMIN_NOT_FOUND */
async function orderOf({ host, tenant, param }: AdminRequest): Promise<number> {
  const order = Number(param("id"));
  const listed = await host.store.listDeadLetters({ tenant, limit: MAX_SEARCHED });
  if (!listed.some((one) => one.order === order && isOfEnv(host.env, one))) throw missing(param("id"));
  return order;
}

function missing(id: string): GreenticError {
  return new GreenticError("ADMIN_NOT_FOUND", `Find dead letter: none is named ${quote(id)}`);
}
