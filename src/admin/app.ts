import { Hono } from "hono";
import type { HttpBindings } from "@hono/node-server";
import { clientAddress } from "../gateway/index.ts";
import { GreenticError } from "../types/index.ts";
import { AuditTrail } from "./audit-trail.ts";
import { checksOf } from "./check-request.ts";
import { createAuthenticate } from "./credentials/authenticate.ts";
import { checkHost, checkOrigin, corsHeaders, LOOPBACK_HOSTS, preflight } from "./guards.ts";
import type { Listening } from "./listen.ts";
import { listen } from "./listen.ts";
import type { ListenTls } from "./listen.ts";
import { adminOpenApi } from "./open-api.ts";
import type { AdminOptions } from "./options.ts";
import { DEFAULT_LIMITS } from "./options.ts";
import { problem, problemStatus } from "./problem.ts";
import { Rates } from "./rates.ts";
import type { Principal } from "./roles.ts";
import { routeTable } from "./route-table.ts";
import type { Route } from "./route.ts";
import { serveRoute } from "./serve-route.ts";
import type { Serving } from "./serve-route.ts";

type AdminApp = Hono<{ Bindings: Partial<HttpBindings>; Variables: { principal: Principal } }>;

/** The admin API of a host. */
export interface Admin {
  /** Everything that is served, without a server. */
  readonly app: AdminApp;
  readonly routes: readonly Route[];
  /** Opens a server; port 0 takes a free one. @throws ADMIN_ADDRESS_UNAVAILABLE */
  readonly listen: (address: {
    readonly host: string;
    readonly port: number;
    readonly tls?: ListenTls | undefined;
  }) => Promise<Listening>;
}

/** Makes the admin API of a host. */
export function createAdmin(options: AdminOptions): Admin {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const { host, audit, report, hosts = LOOPBACK_HOSTS, origins = [], trustedProxies = [] } = options;
  const served = hosts.map((name) => name.toLowerCase());
  const routes = routeTable({ tokens: options.tokens, maxPackBytes: limits.maxPackBytes, document: () => document });
  const document = adminOpenApi(routes, { version: host.version });
  const authenticate = createAuthenticate(options);
  const trail = new AuditTrail(audit, { env: host.env, world: host.world });
  const rates = new Rates(limits.requestsPerSecond, host.world);
  const serving: Serving = { host, trail, upload: boundedUploads(limits.maxUploads) };

  const app: AdminApp = new Hono();
  app.use("*", async (c, next) => {
    const { headers, method } = c.req.raw;
    const socket = c.env?.incoming?.socket;
    checkHost(headers.get("host") ?? new URL(c.req.url).host, served);
    const origin = checkOrigin(headers.get("origin"), origins);
    if (origin !== undefined && method === "OPTIONS") return preflight(origin);
    rates.admitAddress(
      clientAddress(socket?.remoteAddress ?? "", headers.get("x-forwarded-for") ?? undefined, trustedProxies),
    );
    try {
      c.set("principal", await authenticate(headers.get("authorization"), socket));
    } catch (error) {
      if (error instanceof GreenticError) trail.stranger(`${method} ${c.req.path}`, error.code);
      throw error;
    }
    rates.admitActor(c.get("principal").actor);
    await next();
    if (origin !== undefined) for (const [name, value] of Object.entries(corsHeaders(origin))) c.header(name, value);
    return undefined;
  });
  for (const route of routes) {
    const compiled = { route, checks: checksOf(route) };
    app.on(route.method, honoPath(route), (c) => {
      const params = c.req.param() as Readonly<Record<string, string>>;
      return serveRoute(compiled, { request: c.req.raw, principal: c.get("principal"), params }, serving);
    });
  }
  // What is known at other methods only.
  for (const path of new Set(routes.map(honoPath))) {
    const allowed = routes.filter((route) => honoPath(route) === path).map(({ method }) => method);
    app.all(path, () =>
      problem(new GreenticError("ADMIN_METHOD_UNKNOWN", `Find route: expected ${allowed.join(" or ")}`), {
        allow: allowed.join(", "),
      }),
    );
  }
  app.notFound(() => problem(new GreenticError("ADMIN_NOT_FOUND", "Find route: no such path")));
  app.onError((error, c) => {
    if (problemStatus(error) >= 500) report?.({ kind: "failed", route: `${c.req.method} ${c.req.path}`, error });
    const origin = c.req.header("origin");
    return problem(error, origin !== undefined && origins.includes(origin) ? corsHeaders(origin) : {});
  });
  return { app, routes, listen: (address) => listen(app, { ...address, limits, trustedProxies }) };
}

function honoPath({ path }: Route): string {
  return path.replaceAll(/\{(\w+)\}/g, ":$1");
}

/** Packs are read whole: who comes while as many as there is room for are on their way comes again. */
function boundedUploads(max: number): Serving["upload"] {
  let running = 0;
  return async (work) => {
    if (running >= max)
      throw new GreenticError("ADMIN_RATE_LIMITED", `Take pack: expected at most ${max} uploads at once, got one more`);
    running++;
    try {
      return await work();
    } finally {
      running--;
    }
  };
}
