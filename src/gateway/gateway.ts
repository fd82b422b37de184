import { Hono } from "hono";
import type { HttpBindings } from "@hono/node-server";
import { GreenticError, tenantId } from "../types/index.ts";
import { Admission } from "./admission.ts";
import { errorAnswer, jsonAnswer, REFUSED, unknownRoute } from "./answers.ts";
import { ConversationTokens } from "./conversation-tokens.ts";
import type { DirectLineOptions } from "./conversation-access.ts";
import { DirectLine } from "./direct-line.ts";
import type { GatewayAnswer, GatewayRequest } from "./exchange.ts";
import { fromWeb, toWeb } from "./exchange.ts";
import { createWebhookState, handleIngress, handleWebhook } from "./intake.ts";
import type { Listening } from "./listen.ts";
import { listen } from "./listen.ts";
import { openApiOf } from "./open-api.ts";
import type { GatewayOptions } from "./options.ts";
import { DEFAULT_LIMITS } from "./options.ts";
import { judgeOrigin, originsOf, preflight, withCors } from "./origins.ts";
import { packPage } from "./pack-pages.ts";
import { servePageFiles } from "./page-files.ts";
import { Sockets } from "./sockets.ts";

/** The HTTP side of a host. */
export interface Gateway {
  /** All HTTP routes, without a server: `app.request("/healthz")`. */
  readonly app: Hono<{ Bindings: Partial<HttpBindings> }>;
  /** Answers an intake request (`/v1/…`, `/webhook/…`) apart from any server; undefined for other paths. What benchmarks call. */
  readonly handle: (request: GatewayRequest) => Promise<GatewayAnswer> | undefined;
  /** Opens a server; port 0 takes a free one. @throws GATEWAY_ADDRESS_UNAVAILABLE */
  readonly listen: (address: { readonly host: string; readonly port: number }) => Promise<Listening>;
  /** Refuses new work with 503 from now on and closes streams; what is under way goes on. */
  readonly startDraining: () => void;
  /** Takes new work again, where the server hasn't been closed. */
  readonly stopDraining: () => void;
  readonly isDraining: () => boolean;
}

/** Paths of the OAuth broker, where there is one. */
const OAUTH_PATH =
  /^\/(?:v1\/oauth\/|oauth\/|authorize\/|status\/|callback$|token$|resource-token$|signed-fetch$|[^/]+\/[^/]+\/[a-z0-9-]+\/start$|\.well-known\/(?:greentic-oauth|jwks\.json)$)/;
const MCP_PATH = /^\/v1\/mcp\/[^/]+$/;

/** Makes the gateway of a runtime. @throws GATEWAY_OPTIONS_INVALID */
export function createGateway(given: GatewayOptions): Gateway {
  const limits = { ...DEFAULT_LIMITS, ...given.limits };
  const { runtime, world, tokenKey } = given;
  const isFirst = async (name: string, ttlSeconds: number): Promise<boolean> =>
    (await runtime.store.takeTokens(name, { capacity: 1, perSecond: 1 / ttlSeconds })) === 0;
  const options: DirectLineOptions = {
    ...given,
    limits,
    tokens: new ConversationTokens(tokenKey, { world, isFirst, ttlSeconds: given.tokenTtlSeconds }),
  };
  const directLine = new DirectLine(options);
  const sockets = new Sockets(options);
  const state = createWebhookState();
  const admission = new Admission({
    limits,
    world,
    defaultTenant: given.defaultTenant,
    isKnown: (tenant) => given.tenant(tenant) !== undefined,
  });
  let isDraining = false;

  const route = (request: GatewayRequest): Promise<GatewayAnswer> | undefined => {
    const parts = request.path.split("/");
    if (parts[1] === "webhook" && parts.length === 3 && parts[2] !== undefined) {
      return handleWebhook(request, { tenant: options.defaultTenant, flow: decoded(parts[2]) }, { options, state });
    }
    if (options.hasRootDirectLine === true) {
      const rest = rootDirectLine(parts);
      if (rest !== undefined) return directLine.handle(request, options.defaultTenant, rest);
    }
    if (parts[1] !== "v1") return undefined;
    const [, , first = "", second = "", third = "", fourth = "", ...rest] = parts;
    if (first === "webhook" && parts.length === 5) {
      return handleWebhook(request, { tenant: second, flow: decoded(third) }, { options, state });
    }
    if (first === "messaging" && second === "webchat" && fourth === "v3" && rest[0] === "directline") {
      return directLine.handle(request, third, rest.slice(1));
    }
    if (first === "messaging" && second === "webchat" && fourth === "token" && rest.length === 0) {
      return directLine.handle(request, third, ["token"]);
    }
    if (
      second === "ingress" &&
      (first === "messaging" || first === "events") &&
      parts.length >= 6 &&
      parts.length <= 7
    ) {
      if (request.method !== "POST" && request.method !== "GET") return Promise.resolve(unknownRoute());
      const team = parts.length === 7 ? rest[0] : undefined;
      return handleIngress(request, { domain: first, channel: third, tenant: fourth, team }, options);
    }
    if (first === "web" && second === "config" && parts.length === 5)
      return Promise.resolve(pageConfig(request, third, options));
    if (first === "web" && parts.length >= 5) return Promise.resolve(packFile(request, third, options));
    return undefined;
  };

  const handle = (request: GatewayRequest): Promise<GatewayAnswer> | undefined => {
    const isRoot = options.hasRootDirectLine === true && rootDirectLine(request.path.split("/")) !== undefined;
    const isOAuth = !isRoot && options.oauth !== undefined && OAUTH_PATH.test(request.path);
    if (!isRoot && !isOAuth && !request.path.startsWith("/v1/") && !request.path.startsWith("/webhook/"))
      return undefined;
    if (options.takesIn === false) return Promise.resolve(unknownRoute());
    // Calls are answered with streams, which only the app carries.
    if (options.mcp !== undefined && MCP_PATH.test(request.path)) return undefined;
    if (isDraining)
      return Promise.resolve(
        errorAnswer(new GreenticError("GATEWAY_DRAINING", "Handle request: the host is stopping")),
      );
    try {
      admission.admit(request);
      return (
        (isOAuth ? options.oauth?.(request) : undefined) ??
        route(request) ??
        Promise.resolve(unknownRoute())
      ).catch((error: unknown) => failed(request, error));
    } catch (error) {
      return Promise.resolve(failed(request, error));
    }
  };
  const failed = (request: GatewayRequest, error: unknown): GatewayAnswer => {
    const isOurs = error instanceof GreenticError && error.kind !== "internal";
    if (!isOurs) options.report?.({ kind: "failed", route: request.path, error });
    return errorAnswer(error);
  };

  const app = createApp(options, { handle, isDraining: () => isDraining });
  const startDraining = (): void => {
    isDraining = true;
    sockets.closeAll();
  };
  return {
    app,
    handle,
    startDraining,
    stopDraining: () => void (isDraining = false),
    isDraining: () => isDraining,
    listen: (address) =>
      listen(address, {
        app,
        handle,
        sockets,
        limits,
        hosts: options.hosts,
        trustedProxies: options.trustedProxies ?? [],
        takesIn: options.takesIn ?? true,
        isDraining: () => isDraining,
        startDraining,
      }),
  };
}

/** What of a path is Direct Line's where it stands at the root: `/token`, `/v3/directline/…`, `/directline/…`. */
function rootDirectLine([, ...parts]: readonly string[]): readonly string[] | undefined {
  if (parts.length === 1 && parts[0] === "token") return ["token"];
  if (parts[0] === "v3" && parts[1] === "directline") return parts.slice(2);
  return parts[0] === "directline" ? parts.slice(1) : undefined;
}

function createApp(
  options: GatewayOptions,
  { handle, isDraining }: { readonly handle: Gateway["handle"]; readonly isDraining: () => boolean },
): Gateway["app"] {
  const app: Gateway["app"] = new Hono();
  const { runtime, env } = options;
  const pageDir = options.takesIn === false ? undefined : options.pageDir;
  app.get("/healthz", (c) => c.json({ status: "healthy" }));
  app.get("/readyz", async (c) => {
    const isReady = !isDraining() && (await (options.isReady?.() ?? true));
    return isReady ? c.json({ status: "ready" }) : c.json({ status: "not ready" }, 503, { "retry-after": "2" });
  });
  app.get("/status", (c) =>
    c.json({
      status: isDraining() ? "draining" : "running",
      env,
      packs: runtime.listPacks().length,
      refused: options.refused?.() ?? [],
      durable: runtime.store.isDurable,
      ...options.status?.(),
    }),
  );
  const openApi = openApiOf({
    hasMcp: options.mcp !== undefined,
    hasRootDirectLine: options.hasRootDirectLine === true,
  });
  app.get("/openapi.json", (c) => c.json(openApi));
  const servePage =
    pageDir === undefined
      ? undefined
      : servePageFiles(pageDir, {
          isFixed: env !== "dev",
          tenant: options.defaultTenant,
          framers: ({ query }) => framersOf(query, options),
        });
  const { mcp } = options;
  if (mcp !== undefined) {
    app.all("/v1/mcp/:tenant", async (c) => {
      if (isDraining())
        return toWeb(errorAnswer(new GreenticError("GATEWAY_DRAINING", "Handle request: the host is stopping")));
      return mcp(c.req.raw, c.req.param("tenant"));
    });
  }
  app.all("*", async (c) => {
    const request = fromWeb(c.req.raw, c.env?.incoming?.socket.remoteAddress ?? "");
    const answer = await handle(request);
    if (answer !== undefined) return toWeb(answer);
    const isRead = request.method === "GET" || request.method === "HEAD";
    return toWeb((isRead ? await servePage?.(request) : undefined) ?? unknownRoute());
  });
  app.onError((error, c) => {
    options.report?.({ kind: "failed", route: c.req.path, error });
    return toWeb(errorAnswer(error));
  });
  return app;
}

/** The sites that a tenant lets embed its page; `?tenant=` names it, as the page itself reads it. */
function framersOf(query: string, { tenant, defaultTenant }: GatewayOptions): readonly string[] {
  const name = new URLSearchParams(query).get("tenant") ?? defaultTenant;
  return originsOf(/^[a-z0-9][a-z0-9-]{0,62}$/.test(name) ? tenant(tenantId(name)) : undefined);
}

/** What the page must know before it connects; the same refusal for tenants without a page as for none. */
function pageConfig(request: GatewayRequest, name: string, options: GatewayOptions): GatewayAnswer {
  const settings = /^[a-z0-9][a-z0-9-]{0,62}$/.test(name) ? options.tenant(tenantId(name)) : undefined;
  const verdict = judgeOrigin(request, originsOf(settings));
  if (request.method === "OPTIONS") return preflight(verdict);
  if (verdict.kind === "denied" || settings?.page === undefined) return REFUSED;
  if (request.method !== "GET") return unknownRoute();
  const { locales, theme, worker } = settings.page;
  const { env } = options;
  return withCors(jsonAnswer(200, { tenant: name, env, locales, theme, worker, dev: env === "dev" }), verdict);
}

/** A file that a tenant's packs show the web; names of tenants are told apart from nothing, by the same 404. */
function packFile(request: GatewayRequest, name: string, { env, runtime, tenant }: GatewayOptions): GatewayAnswer {
  if (request.method !== "GET" && request.method !== "HEAD") return unknownRoute();
  const settings = /^[a-z0-9][a-z0-9-]{0,62}$/.test(name) ? tenant(tenantId(name)) : undefined;
  if (settings === undefined) return unknownRoute();
  const scope = { env, tenant: tenantId(name), ...(settings.team !== undefined && { team: settings.team }) };
  const found = runtime.webFile(scope, request.path);
  return found === undefined ? unknownRoute() : packPage(request, found);
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
