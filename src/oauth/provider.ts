import * as oauth from "oauth4webapi";
import type { OAuthProviderConfig } from "../config/index.ts";
import type { SecretReader } from "../secrets/index.ts";
import type { EnvId, JsonValue, TeamId, TenantId, World } from "../types/index.ts";
import { DEFAULT_TEAM, GreenticError, isJsonObject, parseJson, quote } from "../types/index.ts";
import type { Fetch } from "./send-request.ts";
import { providerError, requestOptions } from "./send-request.ts";

/** A provider as one tenant uses it: its published endpoints, and who this host is to it. */
export interface Provider {
  readonly config: OAuthProviderConfig;
  readonly server: oauth.AuthorizationServer;
  readonly client: oauth.Client;
  readonly auth: oauth.ClientAuth;
}

/** Whose registration at a provider is meant. */
export interface ProviderScope {
  readonly env: EnvId;
  readonly tenant: TenantId;
  readonly team?: TeamId | undefined;
}

export interface ProvidersOptions {
  readonly providers: readonly OAuthProviderConfig[];
  readonly secrets: SecretReader;
  readonly fetch: Fetch;
  readonly world: Pick<World, "monotonicMs">;
}

/** The secrets' category of client registrations and broker tokens. */
export const OAUTH_CATEGORY = "oauth";
const METADATA_MS = 3_600_000;
/** Where Microsoft's issuer of several tenants holds each one's id. */
const TENANT_ID = "{tenantid}";
const OF_SEVERAL = new Set(["common", "organizations"]);
/** The tenant of personal accounts. */
const PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad";
const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The declared providers; what they publish is read once an hour. */
export class Providers {
  readonly #options: ProvidersOptions;
  readonly #metadata = new Map<
    string,
    { readonly atMs: number; readonly server: Promise<oauth.AuthorizationServer> }
  >();

  constructor(options: ProvidersOptions) {
    this.#options = options;
  }

  /** Lists what a tenant may use. */
  listFor(tenant: TenantId): readonly OAuthProviderConfig[] {
    return this.#options.providers.filter(({ tenants }) => tenants.includes("*") || tenants.includes(tenant));
  }

  /** Gives a declared provider without asking it anything. @throws OAUTH_PROVIDER_UNKNOWN, also where it is another tenant's */
  config(name: string, tenant: TenantId): OAuthProviderConfig {
    const found = this.listFor(tenant).find((provider) => provider.name === name);
    if (found !== undefined) return found;
    throw new GreenticError("OAUTH_PROVIDER_UNKNOWN", `Find OAuth provider ${quote(name)}: tenant ${tenant} has none`);
  }

  /**
   * Opens a provider for a tenant.
   * @throws OAUTH_PROVIDER_UNKNOWN, OAUTH_PROVIDER_INVALID, OAUTH_PROVIDER_UNAVAILABLE, OAUTH_CLIENT_MISSING
   */
  async open(name: string, scope: ProviderScope): Promise<Provider> {
    const config = this.config(name, scope.tenant);
    const [server, registration] = await Promise.all([this.#serverOf(config), this.#registrationOf(config, scope)]);
    const { clientId, clientSecret } = registration;
    const auth =
      clientSecret === undefined
        ? oauth.None()
        : config.auth === "post"
          ? oauth.ClientSecretPost(clientSecret)
          : oauth.ClientSecretBasic(clientSecret);
    return { config, server, client: { client_id: clientId }, auth };
  }

  /** What a provider publishes of itself, whoever this host is to it. @throws OAUTH_PROVIDER_UNKNOWN, OAUTH_PROVIDER_INVALID, OAUTH_PROVIDER_UNAVAILABLE */
  metadata(name: string, tenant: TenantId): Promise<oauth.AuthorizationServer> {
    return this.#serverOf(this.config(name, tenant));
  }

  #serverOf(config: OAuthProviderConfig): Promise<oauth.AuthorizationServer> {
    const known = this.#metadata.get(config.name);
    const nowMs = this.#options.world.monotonicMs();
    if (known !== undefined && nowMs - known.atMs < METADATA_MS) return known.server;
    const server = config.endpoints === undefined ? this.#discover(config) : Promise.resolve(declared(config));
    this.#metadata.set(config.name, { atMs: nowMs, server });
    server.catch(() => this.#metadata.delete(config.name));
    return server;
  }

  async #discover({ name, preset, issuer }: OAuthProviderConfig): Promise<oauth.AuthorizationServer> {
    try {
      const options = { algorithm: "oidc" as const, ...requestOptions(this.#options.fetch) };
      const expected = new URL(issuer);
      const response = await oauth.discoveryRequest(expected, options);
      if (preset === "microsoft") return await microsoft(issuer, response);
      const server = await oauth.processDiscoveryResponse(expected, response);
      checkEndpoints(name, server);
      return preset === "google" ? { ...server, [expectedIssuer]: googleIssuer(server) } : server;
    } catch (error) {
      if (error instanceof oauth.OperationProcessingError && error.code === oauth.JSON_ATTRIBUTE_COMPARISON)
        throw new GreenticError("OAUTH_PROVIDER_INVALID", `Discover ${quote(name)}: it names another issuer`);
      throw providerError("Discover", name, error);
    }
  }

  async #registrationOf(
    { name, clientId, clientSecret }: OAuthProviderConfig,
    scope: ProviderScope,
  ): Promise<{ readonly clientId: string; readonly clientSecret: string | undefined }> {
    if (clientId === undefined) return readRegistration(name, await this.#secret(scope, `${name}_client`));
    if (clientSecret === undefined) return { clientId, clientSecret: undefined };
    const secret = await this.#secret(scope, clientSecret);
    if (secret !== undefined) return { clientId, clientSecret: secret };
    throw new GreenticError(
      "OAUTH_CLIENT_MISSING",
      `Open OAuth provider ${quote(name)}: no secret ${quote(clientSecret)}`,
    );
  }

  #secret({ env, tenant, team = DEFAULT_TEAM }: ProviderScope, name: string): Promise<string | undefined> {
    const ctx = { env, tenant, team, traceId: "0".repeat(32), correlationId: "oauth", attempt: 1, locale: "en" };
    return this.#options.secrets.get(ctx, OAUTH_CATEGORY, name);
  }
}

/** Reads a tenant's own registration, `{ client_id, client_secret }`. */
function readRegistration(
  name: string,
  text: string | undefined,
): { readonly clientId: string; readonly clientSecret: string | undefined } {
  const missing = (what: string): GreenticError =>
    new GreenticError("OAUTH_CLIENT_MISSING", `Open OAuth provider ${quote(name)}: ${what}`);
  if (text === undefined) throw missing(`no client_id, and no secret ${quote(`${name}_client`)}`);
  let value: JsonValue;
  try {
    value = parseJson(text);
  } catch {
    throw missing(`secret ${quote(`${name}_client`)} is no JSON`);
  }
  const { client_id: clientId, client_secret: clientSecret } = isJsonObject(value) ? value : {};
  if (typeof clientId !== "string" || (clientSecret !== undefined && typeof clientSecret !== "string"))
    throw missing(`secret ${quote(`${name}_client`)} holds no client_id`);
  return { clientId, clientSecret };
}

function declared({ issuer, endpoints }: OAuthProviderConfig): oauth.AuthorizationServer {
  if (endpoints === undefined) throw new TypeError("Read OAuth provider: it declares no endpoints");
  const { authorization, token, device, revocation, jwks } = endpoints;
  return {
    issuer,
    authorization_endpoint: authorization,
    token_endpoint: token,
    ...(device !== undefined && { device_authorization_endpoint: device }),
    ...(revocation !== undefined && { revocation_endpoint: revocation }),
    ...(jwks !== undefined && { jwks_uri: jwks }),
  };
}

/** Whatever an issuer publishes: codes and secrets go over TLS, or stay on this machine. */
function checkEndpoints(name: string, server: oauth.AuthorizationServer): void {
  for (const key of [
    "authorization_endpoint",
    "token_endpoint",
    "device_authorization_endpoint",
    "revocation_endpoint",
    "jwks_uri",
  ] as const) {
    const text = server[key];
    if (text === undefined) continue;
    const url = URL.parse(text);
    const isLocal = url !== null && /^(?:127\.0\.0\.1|localhost|\[::1\])$/.test(url.hostname);
    if (url?.protocol === "https:" || (url?.protocol === "http:" && isLocal)) continue;
    throw new GreenticError("OAUTH_PROVIDER_INVALID", `Discover ${quote(name)}: its ${key} is no https address`);
  }
}

/**
 * Microsoft names an issuer by its id, whatever it is asked by: a domain's metadata and that of personal accounts have the tenant's id,
 * and those of several tenants a gap, which each token fills with its tenant's id. The gap is taken from Microsoft's own issuers of several
 * alone, and a token's issuer must be the one that its `tid` makes.
 * @see https://learn.microsoft.com/en-us/entra/identity-platform/v2-protocols-oidc
 */
async function microsoft(issuer: string, response: Response): Promise<oauth.AuthorizationServer> {
  const text = await response.clone().text();
  const [, authority = "", tenant = ""] = /^(.+)\/([^/]+)\/v2\.0$/.exec(issuer) ?? [];
  const gap = `${authority}/${TENANT_ID}/v2.0`;
  const value = isJson(text) ? parseJson(text) : null;
  const named = isJsonObject(value) ? value["issuer"] : undefined;
  if (!OF_SEVERAL.has(tenant) || named !== gap) {
    const expected = isOfTenant(named, authority, tenant) ? named : issuer;
    const server = await oauth.processDiscoveryResponse(new URL(expected), response);
    checkEndpoints("microsoft", server);
    return server;
  }
  const server = value as unknown as oauth.AuthorizationServer;
  checkEndpoints("microsoft", server);
  const filled = ({ claims }: { readonly claims: { readonly tid?: unknown } }): string =>
    typeof claims.tid === "string" && GUID.test(claims.tid) ? gap.replace(TENANT_ID, claims.tid) : gap;
  return { ...server, [expectedIssuer]: filled };
}

/** Whether an issuer is how Microsoft names what was asked for by a domain, or by `consumers`. */
function isOfTenant(named: unknown, authority: string, tenant: string): named is string {
  if (typeof named !== "string" || GUID.test(tenant) || OF_SEVERAL.has(tenant)) return false;
  if (tenant === "consumers") return named === `${authority}/${PERSONAL}/v2.0`;
  const id = named.startsWith(`${authority}/`) ? named.slice(authority.length + 1).replace(/\/v2\.0$/, "") : "";
  return GUID.test(id) && named === `${authority}/${id}/v2.0`;
}

/** Google's id tokens may leave the scheme out. @see https://developers.google.com/identity/openid-connect/reference */
function googleIssuer({ issuer }: oauth.AuthorizationServer) {
  const bare = issuer.replace(/^https?:\/\//, "");
  return ({ claims }: { readonly claims: { readonly iss?: unknown } }): string => (claims.iss === bare ? bare : issuer);
}

/** The library's own way to take an issuer with a gap; it has a name and no type. */
const expectedIssuer = (oauth as unknown as { readonly _expectedIssuer: symbol })._expectedIssuer;

function isJson(text: string): boolean {
  try {
    parseJson(text);
    return true;
  } catch {
    return false;
  }
}
