import * as oauth from "oauth4webapi";
import type { World } from "../types/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import { randomText } from "./broker-keys.ts";
import type { Provider } from "./provider.ts";
import type { Fetch } from "./send-request.ts";
import { providerError, requestOptions } from "./send-request.ts";

/** What this host must still know when the person is back; it never leaves the host. */
export interface AuthorizationRequest {
  readonly provider: string;
  /** Who must answer. @see RFC 9207 */
  readonly issuer: string;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly verifier: string;
  readonly nonce: string;
}

/** What a provider gave for a grant. */
export interface TokenSet {
  readonly accessToken: string;
  readonly tokenType: string;
  readonly expiresAtMs?: number;
  readonly refreshToken?: string;
  /** What was granted; what was asked for where the provider doesn't say. */
  readonly scopes: readonly string[];
  readonly subject?: string;
}

/** Makes the request of an authorization: PKCE with S256, a nonce where there will be an id token. */
export function requestAuthorization(
  { config, server, client }: Provider,
  {
    world,
    redirectUri,
    scopes,
  }: { readonly world: World; readonly redirectUri: string; readonly scopes: readonly string[] },
): AuthorizationRequest {
  return {
    provider: config.name,
    issuer: server.issuer,
    clientId: client.client_id,
    redirectUri,
    scopes,
    verifier: randomText(world.randomBytes(32)),
    nonce: randomText(world.randomBytes(16)),
  };
}

/** The address that a person is sent to. @throws OAUTH_PROVIDER_INVALID where the provider has none */
export async function authorizationUrl(
  { config, server }: Provider,
  request: AuthorizationRequest,
  {
    state,
    prompt,
    hints,
  }: {
    readonly state: string;
    readonly prompt?: string | undefined;
    readonly hints?: Readonly<Record<string, string>> | undefined;
  },
): Promise<string> {
  if (server.authorization_endpoint === undefined)
    throw new GreenticError("OAUTH_PROVIDER_INVALID", `Ask ${quote(config.name)} for consent: it has no place for it`);
  const url = new URL(server.authorization_endpoint);
  const { redirectUri, scopes, verifier, nonce, clientId } = request;
  const own: Readonly<Record<string, string>> = {
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: "code",
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    ...(scopes.length > 0 && { scope: scopes.join(" ") }),
    ...(scopes.includes("openid") && { nonce }),
  };
  const asked = prompt === undefined ? {} : { prompt: promptsOf(config, prompt) };
  for (const [name, value] of Object.entries({ ...hints, ...config.params, ...asked, ...own }))
    url.searchParams.set(name, value);
  return url.href;
}

/**
 * What a caller wants shown comes on top of what the declaration needs: without `consent` Google gives no refresh token again. `none` goes
 * with nothing else, and Microsoft takes one alone.
 */
function promptsOf({ preset, params }: Provider["config"], asked: string): string {
  const { prompt: declared } = params;
  if (declared === undefined || asked === "none" || preset === "microsoft") return asked;
  return [...new Set([...declared.split(" "), ...asked.split(" ")])].join(" ");
}

/**
 * Redeems the answer to an authorization request: the right issuer's (RFC 9207), with the state that was sent, and a code that the
 * provider gave for this very request (PKCE, nonce).
 * @throws OAUTH_CONSENT_DENIED, OAUTH_RESPONSE_INVALID, OAUTH_PROVIDER_UNAVAILABLE, OAUTH_PROVIDER_INVALID
 */
export async function redeemAnswer(
  { config, server, client, auth }: Provider,
  request: AuthorizationRequest,
  {
    answer,
    state,
    fetch,
    world,
  }: { readonly answer: URLSearchParams; readonly state: string; readonly fetch: Fetch; readonly world: World },
): Promise<TokenSet> {
  try {
    // What changed since isn't what the person was sent to.
    if (request.issuer !== server.issuer || request.clientId !== client.client_id)
      throw new GreenticError("OAUTH_RESPONSE_INVALID", `Redeem a code at ${quote(config.name)}: the provider changed`);
    const checked = oauth.validateAuthResponse(server, client, answer, state);
    const options = requestOptions(fetch);
    const { redirectUri, verifier, nonce, scopes } = request;
    const response = await oauth.authorizationCodeGrantRequest(
      server,
      client,
      auth,
      checked,
      redirectUri,
      verifier,
      options,
    );
    const hasIdToken = scopes.includes("openid");
    const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, {
      expectedNonce: hasIdToken ? nonce : oauth.expectNoNonce,
      requireIdToken: hasIdToken,
    });
    if (hasIdToken && server.jwks_uri !== undefined)
      await oauth.validateApplicationLevelSignature(server, response, options);
    return tokenSetOf(tokens, { scopes, world });
  } catch (error) {
    throw providerError("Redeem a code", config.name, error);
  }
}

/** Reads what a token endpoint gave. */
export function tokenSetOf(
  tokens: oauth.TokenEndpointResponse,
  { scopes, world }: { readonly scopes: readonly string[]; readonly world: Pick<World, "nowMs"> },
): TokenSet {
  const subject = tokens.id_token === undefined ? undefined : oauth.getValidatedIdTokenClaims(tokens)?.sub;
  return {
    accessToken: tokens.access_token,
    tokenType: tokens.token_type,
    ...(tokens.expires_in !== undefined && { expiresAtMs: world.nowMs() + tokens.expires_in * 1_000 }),
    ...(tokens.refresh_token !== undefined && { refreshToken: tokens.refresh_token }),
    scopes: tokens.scope === undefined ? scopes : tokens.scope.split(" ").filter((scope) => scope !== ""),
    ...(subject !== undefined && { subject }),
  };
}
