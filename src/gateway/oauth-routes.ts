import type { ConsentEnd, OAuthBroker } from "../oauth/index.ts";
import { CALLBACK_PATH, grantState, hintsOf } from "../oauth/index.ts";
import type { EnvId, JsonObject } from "../types/index.ts";
import { GreenticError, isJsonObject, parseJson, teamId } from "../types/index.ts";
import { errorAnswer, jsonAnswer } from "./answers.ts";
import type { GatewayAnswer, GatewayRequest } from "./exchange.ts";
import type { BrokerScope } from "./oauth-bodies.ts";
import { checkScope, headersField, optionalText, ownerField, scopesField, textField } from "./oauth-bodies.ts";
import { authorize, browser, callback } from "./oauth-browser.ts";
import { describeBlueprint, describeProvider, describeRequirements } from "./oauth-discovery.ts";
import type { GatewayReport } from "./options.ts";

export interface OAuthRoutesOptions {
  readonly env: EnvId;
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
    const described = DISCOVERY.exec(path)?.groups;
    if (described !== undefined) return discover(request, described, options);
    if (request.method === "POST" && /^\/oauth\/[a-z0-9-]+\/token\/refresh$/.test(path))
      return program(request, { options, run: (body, on) => token({ ...body, force_refresh: true }, on) });
    if (request.method !== "GET") return undefined;
    if (path === "/.well-known/jwks.json" || path === "/oauth/discovery/jwks")
      return options.jwks().then((keys) => jsonAnswer(200, keys));
    if (path === "/.well-known/greentic-oauth") return Promise.resolve(jsonAnswer(200, wellKnown(options)));
    if (parts[1] === "status" && parts.length === 5)
      return program(request, { options, run: (_body, on) => status(parts.slice(2), request, on), isRead: true });
    // What browsers opened once without proof of anything: whoever asks here is a program, and hands the address on.
    if (parts.length === 5 && parts[1] === options.env && parts[4] === "start")
      return program(request, {
        options,
        run: (_body, on) => legacyStart(parts, request, on),
        isRead: true,
        answer: redirectTo,
      });
    if (path === "/oauth/discovery/providers") return program(request, { options, run: discovery, isRead: true });
    return undefined;
  };
}

interface On {
  readonly broker: OAuthBroker;
  readonly scope: BrokerScope;
}

/** `/oauth/discovery/[{tenant}/]providers/{id}[/requirements|/blueprint]` */
const DISCOVERY =
  /^\/oauth\/discovery\/(?:(?<tenant>[^/]+)\/)?providers\/(?<id>[a-z0-9-]+)(?:\/(?<what>requirements|blueprint))?$/;

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
    answer = (result) => jsonAnswer(200, result),
  }: {
    readonly options: OAuthRoutesOptions;
    readonly run: Program;
    readonly isRead?: boolean;
    readonly answer?: (result: object) => GatewayAnswer;
  },
): Promise<GatewayAnswer> {
  const scope = await options.authorize(request);
  if (scope === undefined)
    return errorAnswer(
      new GreenticError("OAUTH_ACCESS_DENIED", "Handle request: it carries no token that is good here"),
    );
  const body = isRead ? {} : await readBody(request);
  checkScope(body, scope);
  return answer(await run(body, { broker: options.broker, scope }));
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

/** Answers about one provider; undefined where the method isn't the path's. */
function discover(
  request: GatewayRequest,
  { tenant, id = "", what }: Readonly<Record<string, string>>,
  options: OAuthRoutesOptions,
): Promise<GatewayAnswer> | undefined {
  const method = what === "blueprint" ? "POST" : "GET";
  if (request.method !== method || (what !== undefined && tenant === undefined)) return undefined;
  return program(request, {
    options,
    isRead: method === "GET",
    run: (body, on) => {
      if (tenant !== undefined) checkScope({ tenant }, on.scope);
      const about = { ...on, base: options.baseUrl() ?? "" };
      if (what === undefined) return describeProvider(id, about);
      return what === "blueprint" ? describeBlueprint(id, body, about) : describeRequirements(id, about);
    },
  });
}

/** `GET /{env}/{tenant}/{provider}/start`, with what `/oauth/start` takes in its query. */
function legacyStart(
  [, env = "", tenant = "", provider = ""]: readonly string[],
  { query }: GatewayRequest,
  on: On,
): Promise<object> {
  const { scopes, ...rest } = Object.fromEntries(new URLSearchParams(query));
  const body = {
    ...rest,
    ...(scopes !== undefined && { scopes: scopes.split(/[ ,]+/).filter((scope) => scope !== "") }),
    env,
    tenant,
    provider,
  };
  checkScope(body, on.scope);
  return start(body, on);
}

/** Says where the consent is that was asked for. */
function redirectTo(started: object): GatewayAnswer {
  const { start_url: location } = started as { readonly start_url: string };
  return {
    status: 302,
    headers: { location, "cache-control": "no-store", "referrer-policy": "no-referrer" },
    body: "",
  };
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
    discovery_endpoint: `${base}/oauth/discovery/providers`,
    status_endpoint: `${base}/status/{env}/{tenant}/{provider}`,
    redirect_uris: `${base}${CALLBACK_PATH}/{provider}`,
    code_challenge_methods_supported: ["S256"],
  };
}

function expiry(expiresAtMs: number | undefined): { readonly expires_at?: number } {
  return expiresAtMs === undefined ? {} : { expires_at: seconds(expiresAtMs) };
}

function seconds(ms: number): number {
  return Math.floor(ms / 1_000);
}
