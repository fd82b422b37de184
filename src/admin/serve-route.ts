import { GreenticError } from "../types/index.ts";
import type { TenantId } from "../types/index.ts";
import type { AuditTrail, Deed } from "./audit-trail.ts";
import { authorise } from "./authorise.ts";
import { readBody } from "./body.ts";
import type { RequestChecks } from "./check-request.ts";
import type { AdminHost } from "./admin-host.ts";
import { ANSWER_HEADERS } from "./problem.ts";
import type { Principal } from "./roles.ts";
import type { AdminAnswer, AdminRequest, Route } from "./route.ts";

/** What serving a route needs beside the request. */
export interface Serving {
  readonly host: AdminHost;
  readonly trail: AuditTrail;
  /** Runs an upload while there is room for it. @throws ADMIN_RATE_LIMITED */
  readonly upload: <T>(work: () => Promise<T>) => Promise<T>;
}

/** A request whose sender is known. */
export interface Incoming {
  readonly request: Request;
  readonly principal: Principal;
  readonly params: Readonly<Record<string, string>>;
}

/** Answers a request of a route: authorised, then checked, then on record, then done. @throws what of that it fails at */
export async function serveRoute(
  { route, checks }: { readonly route: Route; readonly checks: RequestChecks },
  incoming: Incoming,
  serving: Serving,
): Promise<Response> {
  const { request, principal, params } = incoming;
  const { host, trail } = serving;
  const { pathname, searchParams } = new URL(request.url);
  const { tenant: named, ...names } = params;
  const deed = { actor: principal.actor, action: route.action, target: `${route.method} ${pathname}` };
  let tenant: TenantId | undefined;
  try {
    tenant = authorise(principal, route, { named, tenants: host.tenants() });
  } catch (error) {
    if (error instanceof GreenticError) trail.denied(deed, error.code);
    throw error;
  }
  const whole: Deed = { ...deed, ...(tenant !== undefined && { tenant }) };
  const work = async (): Promise<Response> => {
    checks.params(names);
    const query = checks.query(searchParams);
    const { json, bytes } = route.body === undefined ? {} : await readBody(request, route.body);
    const admin: AdminRequest = {
      host,
      principal,
      get tenant() {
        if (tenant === undefined) throw new TypeError(`Route ${route.id} is of no tenant`);
        return tenant;
      },
      param: (name) => names[name] ?? "",
      query,
      json: checks.body(json),
      bytes: bytes ?? new Uint8Array(),
      expectTag: (current) => expectTag(request.headers.get("if-match"), current),
    };
    return answerOf(
      route,
      await (route.effect === "read" ? route.handle(admin) : trail.around(whole, () => route.handle(admin))),
    );
  };
  return route.body?.kind === "bytes" ? serving.upload(work) : work();
}

function answerOf({ answer }: Route, { body, tag }: AdminAnswer): Response {
  const headers = { ...ANSWER_HEADERS, ...(tag !== undefined && { etag: `"${tag}"` }) };
  if (body === undefined) return new Response(null, { status: answer.status, headers });
  return Response.json(body, { status: answer.status, headers });
}

/** @throws ADMIN_PRECONDITION_FAILED */
function expectTag(header: string | null, current: string): void {
  if (header === null || header.trim() === "*") return;
  const tags = header.split(",").map((tag) => tag.trim());
  if (!tags.includes(`"${current}"`))
    throw new GreenticError("ADMIN_PRECONDITION_FAILED", "Check If-Match: it is another version now");
}
