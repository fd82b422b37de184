import type { Arrival, ConsentEnd, OAuthBroker } from "../oauth/index.ts";
import { CALLBACK_PATH, grantState, hintsOf } from "../oauth/index.ts";
import type { JsonObject } from "../types/index.ts";
import { GreenticError, isJsonObject, parseJson, teamId } from "../types/index.ts";
import { errorAnswer, jsonAnswer, unknownRoute } from "./answers.ts";
import type { GatewayAnswer, GatewayRequest } from "./exchange.ts";
import type { BrokerScope } from "./oauth-bodies.ts";
import { checkScope, headersField, optionalText, ownerField, scopesField, textField } from "./oauth-bodies.ts";
import { askPage, connectedPage, FAILED_PAGE, leavePage } from "./oauth-pages.ts";
import type { GatewayReport } from "./options.ts";

export interface OAuthRoutesOptions {
  readonly broker: OAuthBroker;
  /** The public half of what signs handles. */
  readonly jwks: () => Promise<object>;
  /** Where browsers reach this host. */
  readonly baseUrl: () => string | undefined;
  /** Says whose token a request carries; undefined where it carries none that is good. */
  readonly authorize: (request: Pick<GatewayRequest, "header">) => Promise<BrokerScope | undefined>;
  /** Wakes the flow that waits for a consent; durable when it resolves, and once however often it is called. */
  readonly continueFlow: (end: ConsentEnd) => Promise<void>;
  readonly report?: ((report: GatewayReport) => void) | undefined;
}

/** Answers the broker's requests; undefined for paths that aren't its own. @see upstream reference §5.4 */
export type OAuthRoutes = (request: GatewayRequest) => Promise<GatewayAnswer> | undefined;

const MAX_BODY_BYTES = 256 << 10;
const MAX_FETCH_BYTES = 4 << 20;
const PREFIX = "/v1/oauth";

/**
 * Makes the broker's HTTP surface: consents for browsers, who are told nothing but yes or no, and tokens for programs that carry a
 * tenant's broker token. Every route also stands below `/v1/oauth`.
 */
export function createOAuthRoutes(options: OAuthRoutesOptions): OAuthRoutes {
  return (request) => {
    const path = request.path.startsWith(`${PREFIX}/`) ? request.path.slice(PREFIX.length) : request.path;
    const route = `${request.method} ${path}`;
    const known = PROGRAMS[route] ?? PROGRAMS[`POST /oauth${path}`];
    if (request.method === "POST" && known !== undefined) return program(request, { options, run: known });
    const parts = path.split("/");
    if (parts[1] === "authorize" && parts.length === 3)
      return browser(options, () => authorize(request, parts[2] ?? "", options));
    if (path === CALLBACK_PATH || path === "/callback" || path.startsWith(`${CALLBACK_PATH}/`))
      return browser(options, () => callback(request, path, options));
    if (request.method === "POST" && /^\/oauth\/[a-z0-9-]+\/token\/refresh$/.test(path))
      return program(request, { options, run: (body, on) => token({ ...body, force_refresh: true }, on) });
    if (request.method !== "GET") return undefined;
    if (path === "/.well-known/jwks.json") return options.jwks().then((keys) => jsonAnswer(200, keys));
    if (path === "/.well-known/greentic-oauth") return Promise.resolve(jsonAnswer(200, wellKnown(options)));
    if (parts[1] === "status" && parts.length === 5)
      return program(request, { options, run: (_body, on) => status(parts.slice(2), request, on), isRead: true });
    if (path === "/oauth/discovery/providers") return program(request, { options, run: discovery, isRead: true });
    return undefined;
  };
}

interface On {
  readonly broker: OAuthBroker;
  readonly scope: BrokerScope;
}

type Program = (body: JsonObject, on: On) => Promise<object>;

const PROGRAMS: Readonly<Record<string, Program>> = {
  "POST /oauth/start": start,
  "POST /oauth/token": token,
  "POST /token": token,
  "POST /oauth/resource-token": resourceToken,
  "POST /resource-token": resourceToken,
  "POST /oauth/signed-fetch": signedFetch,
  "POST /signed-fetch": signedFetch,
};

async function program(
  request: GatewayRequest,
  {
    options,
    run,
    isRead = false,
  }: { readonly options: OAuthRoutesOptions; readonly run: Program; readonly isRead?: boolean },
): Promise<GatewayAnswer> {
  const scope = await options.authorize(request);
  if (scope === undefined)
    return errorAnswer(
      new GreenticError("OAUTH_ACCESS_DENIED", "Handle request: it carries no token that is good here"),
    );
  const body = isRead ? {} : await readBody(request);
  checkScope(body, scope);
  return jsonAnswer(200, await run(body, { broker: options.broker, scope }));
}

async function readBody(request: GatewayRequest): Promise<JsonObject> {
  const isFetch = request.path.endsWith("/signed-fetch");
  const value = parseJson(await request.body(isFetch ? 2 * MAX_FETCH_BYTES : MAX_BODY_BYTES));
  if (isJsonObject(value)) return value;
  throw new GreenticError("OAUTH_REQUEST_INVALID", "Read request: expected a JSON object");
}

async function start(body: JsonObject, { broker, scope }: On): Promise<object> {
  const owner = ownerField(body, scope);
  const scopes = scopesField(body);
  const visibility = optionalText(body, "visibility");
  const returnUrl = optionalText(body, "redirect_uri");
  const prompt = optionalText(body, "prompt", 64);
  const { extra_params: extra } = body;
  if (visibility !== undefined && visibility !== "private" && visibility !== "team" && visibility !== "tenant")
    throw new GreenticError(
      "OAUTH_REQUEST_INVALID",
      'Read request: expected "visibility" to be private, team or tenant',
    );
  const { url, expiresAtMs } = await broker.ask({
    owner,
    ...(scopes !== undefined && { scopes }),
    ...(visibility !== undefined && { visibility }),
    ...(returnUrl !== undefined && { returnUrl }),
    ...(prompt !== undefined && { prompt }),
    hints: hintsOf(isJsonObject(extra) ? extra : {}),
  });
  return { start_url: url, expires_at: seconds(expiresAtMs), token_handle: await broker.grants.handle(owner) };
}

async function token(body: JsonObject, { broker, scope }: On): Promise<object> {
  const owner = await broker.grants.ownerOf(textField(body, "token_handle", 4_096), scope);
  const scopes = scopesField(body);
  const { accessToken, tokenType, expiresAtMs } = await broker.grants.token(owner, {
    isForced: body["force_refresh"] === true,
    ...(scopes !== undefined && { scopes }),
    actor: `host:${scope.tenant}`,
  });
  return { access_token: accessToken, token_type: tokenType, ...expiry(expiresAtMs) };
}

async function resourceToken(body: JsonObject, { broker, scope }: On): Promise<object> {
  const team = optionalText(body, "team");
  const { accessToken, tokenType, expiresAtMs } = await broker.grants.resourceToken(
    { ...scope, ...(team !== undefined && { team: teamId(team) }) },
    { provider: textField(body, "resource_id", 63), scopes: scopesField(body) },
  );
  return { access_token: accessToken, token_type: tokenType, ...expiry(expiresAtMs) };
}

async function signedFetch(body: JsonObject, { broker, scope }: On): Promise<object> {
  const owner = await broker.grants.ownerOf(textField(body, "token_handle", 4_096), scope);
  const encoding = optionalText(body, "body_encoding") ?? "base64";
  if (encoding !== "base64" && encoding !== "utf8")
    throw new GreenticError("OAUTH_REQUEST_INVALID", 'Read request: expected "body_encoding" to be base64 or utf8');
  const sent = optionalText(body, "body", 2 * MAX_FETCH_BYTES);
  const answer = await broker.grants.signedFetch(owner, {
    method: textField(body, "method", 16),
    url: textField(body, "url", 8_192),
    headers: headersField(body),
    ...(sent !== undefined && { body: Buffer.from(sent, encoding) }),
  });
  return {
    status: answer.status,
    headers: answer.headers,
    body: Buffer.from(answer.body).toString("base64"),
    body_encoding: "base64",
  };
}

async function status(
  [env, tenant, provider = ""]: readonly string[],
  request: GatewayRequest,
  { broker, scope }: On,
): Promise<object> {
  checkScope({ env: env ?? "", tenant: tenant ?? "" }, scope);
  const team = new URLSearchParams(request.query).get("team");
  const grants = await broker.status(scope, provider);
  return grants
    .filter(({ owner }) => team === null || (owner.team ?? "default") === team)
    .map((grant) => ({
      provider_account_id: grant.subject ?? `${grant.owner.kind}:${grant.owner.id}`,
      owner_kind: grant.owner.kind,
      owner_id: grant.owner.id,
      visibility: grant.visibility,
      created_at: new Date(grant.createdAtMs).toISOString(),
      scopes: grant.scopes,
      state: grantState(grant),
    }));
}

async function discovery(_body: JsonObject, { broker, scope }: On): Promise<object> {
  return broker.providers.listFor(scope.tenant).map(({ name, preset, scopes }) => ({ id: name, preset, scopes }));
}

function wellKnown({ baseUrl }: OAuthRoutesOptions): object {
  const base = baseUrl() ?? "";
  return {
    issuer: base,
    jwks_uri: `${base}/.well-known/jwks.json`,
    start_endpoint: `${base}/oauth/start`,
    token_endpoint: `${base}/oauth/token`,
    resource_token_endpoint: `${base}/oauth/resource-token`,
    signed_fetch_endpoint: `${base}/oauth/signed-fetch`,
    status_endpoint: `${base}/status/{env}/{tenant}/{provider}`,
    redirect_uris: `${base}${CALLBACK_PATH}/{provider}`,
    code_challenge_methods_supported: ["S256"],
  };
}

/** What a browser is told: its page, or that it didn't work. */
async function browser(options: OAuthRoutesOptions, answer: () => Promise<GatewayAnswer>): Promise<GatewayAnswer> {
  try {
    return await answer();
  } catch (error) {
    if (!(error instanceof GreenticError) || error.kind === "internal")
      options.report?.({ kind: "failed", route: "/oauth", error });
    return FAILED_PAGE;
  }
}

async function authorize(request: GatewayRequest, id: string, options: OAuthRoutesOptions): Promise<GatewayAnswer> {
  if (request.method !== "GET" && request.method !== "POST") return unknownRoute();
  const departure = await options.broker.leave(id, { isSure: request.method === "POST" });
  if (departure.kind === "ask") return askPage(departure.provider);
  const { name, value, maxAgeSeconds } = departure.cookie;
  // Over plain HTTP, which is this machine's own, a browser would not keep a cookie that is for TLS alone.
  const isSecure = options.baseUrl()?.startsWith("https:") === true;
  const cookie = `${isSecure ? "__Host-" : ""}${name}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAgeSeconds}${isSecure ? "; Secure" : ""}`;
  if (request.method === "POST") return leavePage(departure.location, cookie);
  return {
    status: 302,
    headers: {
      location: departure.location,
      "set-cookie": cookie,
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
    },
    body: "",
  };
}

async function callback(request: GatewayRequest, path: string, options: OAuthRoutesOptions): Promise<GatewayAnswer> {
  if (request.method !== "GET") return unknownRoute();
  const isSecure = options.baseUrl()?.startsWith("https:") === true;
  const cookies = request.header("cookie") ?? "";
  const arrival: Arrival = await options.broker.arrive(path, new URLSearchParams(request.query), (name) =>
    cookieOf(cookies, `${isSecure ? "__Host-" : ""}${name}`),
  );
  if (arrival.end !== undefined) {
    try {
      await options.continueFlow(arrival.end);
    } catch (error) {
      // The tokens are kept: the flow finds them with the person's next word, or when its wait is over.
      options.report?.({ kind: "failed", route: CALLBACK_PATH, error });
    }
  }
  if (arrival.outcome === "denied") return FAILED_PAGE;
  if (arrival.returnUrl === undefined) return connectedPage(arrival.code);
  return { status: 302, headers: { location: arrival.returnUrl, "cache-control": "no-store" }, body: "" };
}

function cookieOf(header: string, name: string): string | undefined {
  const values = header.split(";").flatMap((part) => {
    const at = part.indexOf("=");
    return at > 0 && part.slice(0, at).trim() === name ? [part.slice(at + 1).trim()] : [];
  });
  // Somebody who can plant a second one must not decide which counts.
  return values.length === 1 ? values[0] : undefined;
}

function expiry(expiresAtMs: number | undefined): { readonly expires_at?: number } {
  return expiresAtMs === undefined ? {} : { expires_at: seconds(expiresAtMs) };
}

function seconds(ms: number): number {
  return Math.floor(ms / 1_000);
}
