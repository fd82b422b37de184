import type { SchemaObject } from "ajv";
import type { JsonObject } from "../types/index.ts";
import { GreenticError } from "../types/index.ts";

/** The providers that are known by name; `oidc` finds everything by discovery, `oauth2` is told everything. */
export type OAuthPreset = "google" | "microsoft" | "oidc" | "oauth2";

/** One OAuth provider as `[oauth.NAME]` of greentic.toml declares it. Secrets are named here, never written. */
export interface OAuthProviderConfig {
  readonly name: string;
  readonly preset: OAuthPreset;
  /** Who the authorization server says it is; exactly that. */
  readonly issuer: string;
  /** Where nothing is discovered: the endpoints as they are. */
  readonly endpoints?: OAuthEndpoints;
  /** Absent where each tenant keeps its own registration, as the secret `NAME_client`. */
  readonly clientId?: string;
  /** Name of the secret (category `oauth`) that goes with it; absent for a public client. */
  readonly clientSecret?: string;
  readonly auth: "basic" | "post";
  /** All that may be asked for; what is asked for where nobody says. */
  readonly scopes: readonly string[];
  /** Parameters of the authorization request that are the provider's own. */
  readonly params: Readonly<Record<string, string>>;
  /** Origins that tokens may be sent to by `signed-fetch` and by tool maps. */
  readonly origins: readonly string[];
  /** RFC 8707 resource, or the provider's audience, of tokens without a person. */
  readonly resource?: string;
  /** Whose flows and components may use it; `*` everybody's. */
  readonly tenants: readonly string[];
}

/** An authorization server's endpoints. */
export interface OAuthEndpoints {
  readonly authorization: string;
  readonly token: string;
  readonly device?: string;
  readonly revocation?: string;
  readonly jwks?: string;
}

/** What the broker is configured with. */
export interface OAuthConfig {
  readonly providers: readonly OAuthProviderConfig[];
  /** Pages that a browser may be sent to after a consent; exactly these. */
  readonly returnUrls: readonly string[];
}

const text = { type: "string", minLength: 1, maxLength: 2048 } as const;
// Tokens and codes never go over a wire that others read; a stand-in on this machine is the exception.
const url = {
  type: "string",
  maxLength: 2048,
  pattern: "^(?:https://[^\\s/?#@]+|http://(?:127\\.0\\.0\\.1|localhost|\\[::1\\])(?::\\d{1,5})?)(?:/[^\\s?#]*)?$",
} as const;
// What the protocol's safety hangs on is never a parameter of the provider's own.
const OWN_PARAMS =
  "^(?!(?:client_id|client_secret|redirect_uri|response_type|response_mode|scope|state|nonce|code_challenge|code_challenge_method|request|request_uri)$)[a-z_]{1,64}$";

function whenPreset(preset: OAuthPreset, then: SchemaObject): SchemaObject {
  // oxlint-disable-next-line unicorn/no-thenable -- JSON Schema's own word
  return { if: { properties: { preset: { const: preset } }, required: ["preset"] }, then };
}

function needs(...keys: readonly string[]): SchemaObject {
  return { properties: Object.fromEntries(keys.map((key) => [key, true])), required: keys };
}

/** The shape of a provider. */
const providerSchema: SchemaObject = {
  type: "object",
  properties: {
    preset: { enum: ["google", "microsoft", "oidc", "oauth2"] },
    issuer: url,
    microsoft_tenant: { type: "string", pattern: "^[A-Za-z0-9.-]{1,128}$" },
    authorization_endpoint: url,
    token_endpoint: url,
    device_authorization_endpoint: url,
    revocation_endpoint: url,
    jwks_uri: url,
    client_id: text,
    client_secret: { type: "string", pattern: "^[A-Za-z0-9_.-]{1,128}$" },
    auth: { enum: ["basic", "post"] },
    scopes: { type: "array", maxItems: 64, items: { type: "string", pattern: "^[!#-\\[\\]-~]{1,256}$" } },
    params: { type: "object", propertyNames: { pattern: OWN_PARAMS }, additionalProperties: text },
    origins: {
      type: "array",
      maxItems: 64,
      items: { type: "string", pattern: "^https?://(?:\\*\\.)?[a-z0-9.-]+(?::\\d{1,5})?$" },
    },
    resource: text,
    tenants: { type: "array", minItems: 1, items: text },
  },
  additionalProperties: false,
  dependentRequired: { client_secret: ["client_id"] },
  allOf: [
    whenPreset("oauth2", needs("issuer", "authorization_endpoint", "token_endpoint")),
    whenPreset("oidc", needs("issuer")),
  ],
};

/** The shape of `oauth` in greentic.toml: `return_urls`, and providers by name. */
export const oauthSchema: SchemaObject = {
  type: "object",
  properties: {
    return_urls: { type: "array", items: url },
    google: providerSchema,
    microsoft: providerSchema,
  },
  propertyNames: { pattern: "^(?:return_urls|[a-z0-9][a-z0-9-]{0,62})$" },
  // A name that says nothing is an issuer's.
  // oxlint-disable-next-line unicorn/no-thenable -- JSON Schema's own word
  additionalProperties: { ...providerSchema, if: { not: needs("preset") }, then: needs("issuer") },
};

interface ProviderTable {
  readonly preset?: OAuthPreset;
  readonly issuer?: string;
  readonly microsoft_tenant?: string;
  readonly authorization_endpoint?: string;
  readonly token_endpoint?: string;
  readonly device_authorization_endpoint?: string;
  readonly revocation_endpoint?: string;
  readonly jwks_uri?: string;
  readonly client_id?: string;
  readonly client_secret?: string;
  readonly auth?: "basic" | "post";
  readonly scopes?: readonly string[];
  readonly params?: Readonly<Record<string, string>>;
  readonly origins?: readonly string[];
  readonly resource?: string;
  readonly tenants?: readonly string[];
}

/** Reads `[oauth]`. @throws CONFIG_VALUE_INVALID where a provider lacks something that its preset doesn't know */
export function readOAuthConfig(table: JsonObject): OAuthConfig {
  const { return_urls: returnUrls = [], ...providers } = table as unknown as Readonly<Record<string, ProviderTable>> & {
    readonly return_urls?: readonly string[];
  };
  return {
    returnUrls,
    providers: Object.entries(providers).map(([name, provider]) => readProvider(name, provider)),
  };
}

function readProvider(name: string, table: ProviderTable): OAuthProviderConfig {
  const preset = table.preset ?? (name === "google" || name === "microsoft" ? name : "oidc");
  const known = presetOf(preset, table);
  const issuer = table.issuer ?? known.issuer;
  if (issuer === undefined) throw lacking(name, "issuer");
  const endpoints = preset === "oauth2" ? readEndpoints(name, table) : undefined;
  if (preset !== "oauth2" && (table.authorization_endpoint ?? table.token_endpoint) !== undefined)
    throw new GreenticError(
      "CONFIG_VALUE_INVALID",
      `Read oauth.${name}: endpoints are found at the issuer; name them with preset "oauth2" only`,
    );
  if (table.client_secret !== undefined && table.client_id === undefined) throw lacking(name, "client_id");
  return {
    name,
    preset,
    issuer,
    ...(endpoints !== undefined && { endpoints }),
    ...(table.client_id !== undefined && { clientId: table.client_id }),
    ...(table.client_secret !== undefined && { clientSecret: table.client_secret }),
    auth: table.auth ?? known.auth,
    scopes: table.scopes ?? known.scopes,
    params: { ...known.params, ...table.params },
    origins: table.origins ?? known.origins,
    ...(table.resource !== undefined && { resource: table.resource }),
    tenants: table.tenants ?? ["*"],
  };
}

interface Known {
  readonly issuer?: string;
  readonly auth: "basic" | "post";
  readonly scopes: readonly string[];
  readonly params: Readonly<Record<string, string>>;
  readonly origins: readonly string[];
}

function presetOf(preset: OAuthPreset, { microsoft_tenant: tenant = "organizations" }: ProviderTable): Known {
  switch (preset) {
    case "google":
      return {
        issuer: "https://accounts.google.com",
        auth: "post",
        scopes: ["openid", "email"],
        // Google gives a refresh token only where it is asked for so, and again only with a new consent.
        params: { access_type: "offline", prompt: "consent" },
        origins: ["https://*.googleapis.com"],
      };
    case "microsoft":
      return {
        issuer: `https://login.microsoftonline.com/${tenant}/v2.0`,
        auth: "post",
        scopes: ["openid", "email", "offline_access"],
        params: {},
        origins: ["https://graph.microsoft.com"],
      };
    case "oidc":
      return { auth: "basic", scopes: ["openid"], params: {}, origins: [] };
    default:
      return { auth: "basic", scopes: [], params: {}, origins: [] };
  }
}

function readEndpoints(name: string, table: ProviderTable): OAuthEndpoints {
  const { authorization_endpoint: authorization, token_endpoint: token } = table;
  if (authorization === undefined) throw lacking(name, "authorization_endpoint");
  if (token === undefined) throw lacking(name, "token_endpoint");
  const { device_authorization_endpoint: device, revocation_endpoint: revocation, jwks_uri: jwks } = table;
  return {
    authorization,
    token,
    ...(device !== undefined && { device }),
    ...(revocation !== undefined && { revocation }),
    ...(jwks !== undefined && { jwks }),
  };
}

function lacking(name: string, key: string): GreenticError {
  return new GreenticError("CONFIG_VALUE_INVALID", `Read oauth.${name}: expected ${key}, got nothing`);
}
