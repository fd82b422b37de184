import type { CheckedAddress } from "../http/index.ts";
import { GreenticError, isGreenticError, isJsonObject, parseJson, quote } from "../types/index.ts";
import type { JsonValue } from "../types/index.ts";
import type { Challenge } from "./challenge.ts";
import type { Credential, CredentialSource } from "./credentials.ts";
import { exchange, readBody } from "./exchange.ts";
import type { ExchangeRequest, RegistryResponse } from "./exchange.ts";

/** What a request is allowed to do, as token servers name it. */
export interface AccessScope {
  readonly registry: string;
  readonly repository: string;
  readonly access: "pull" | "push";
}

export interface AuthorizerOptions {
  readonly credentials: CredentialSource;
  readonly nowMs: () => number;
  /** Whether a URL may be asked over plain http. */
  readonly isPlainAllowed: (url: URL) => boolean;
  /** Where a URL that a registry named may be reached. */
  readonly addressesOf: (url: URL, registry: string) => Promise<readonly CheckedAddress[]>;
  readonly idleTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

interface Grant {
  readonly header: string;
  readonly untilMs: number;
}

const MAX_TOKEN_BYTES = 256 << 10;
/** What the specification of tokens assumes where a server says nothing. */
const DEFAULT_LIFETIME_SECONDS = 60;
const SKEW_MS = 5_000;

/**
 * Answers registries' challenges, and keeps what they gave per registry, repository and access. The scope is this client's own: a
 * registry can't ask for a token that reaches further than the request.
 * @see https://distribution.github.io/distribution/spec/auth/token/
 */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #grants = new Map<string, Grant>();

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /** The header that served this scope before, while it holds. */
  known(scope: AccessScope): string | undefined {
    const grant = this.#grants.get(keyOf(scope));
    return grant !== undefined && grant.untilMs > this.#options.nowMs() ? grant.header : undefined;
  }

  /** Forgets what no longer serves. */
  forget(scope: AccessScope): void {
    this.#grants.delete(keyOf(scope));
  }

  /**
   * Gets a header for a scope.
   * @throws OCI_AUTH_REQUIRED, OCI_AUTH_REFUSED, OCI_AUTH_REALM_REFUSED, OCI_CREDENTIALS_INVALID, OCI_REGISTRY_UNAVAILABLE
   */
  async authorize(scope: AccessScope, challenges: readonly Challenge[]): Promise<string> {
    const credential = await this.#options.credentials(scope.registry);
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    const grant =
      bearer === undefined
        ? basicGrant(scope, challenges, credential)
        : await this.#fetchToken(scope, bearer, credential);
    this.#grants.set(keyOf(scope), grant);
    return grant.header;
  }

  async #fetchToken(scope: AccessScope, bearer: Challenge, credential: Credential | undefined): Promise<Grant> {
    const realm = URL.parse(bearer.parameters.get("realm") ?? "");
    const isSafe = realm?.protocol === "https:" || (realm?.protocol === "http:" && this.#options.isPlainAllowed(realm));
    if (realm === null || !isSafe || realm.username !== "")
      throw new GreenticError(
        "OCI_AUTH_REALM_REFUSED",
        `Authenticate at ${quote(scope.registry)}: it names ${quote(realm?.origin ?? "no URL")} for tokens`,
      );
    const askedMs = this.#options.nowMs();
    const response = await exchange({
      addresses: await this.#options.addressesOf(realm, scope.registry),
      ...tokenRequest(realm, scope, { service: bearer.parameters.get("service"), credential }),
      idleTimeoutMs: this.#options.idleTimeoutMs,
      signal: this.#options.signal,
    });
    const { token, lifetimeSeconds } = await readToken(response, { scope, credential });
    return { header: `Bearer ${token}`, untilMs: askedMs + lifetimeSeconds * 1_000 - SKEW_MS };
  }
}

const keyOf = ({ registry, repository, access }: AccessScope): string => `${registry}/${repository}:${access}`;

function basicGrant(scope: AccessScope, challenges: readonly Challenge[], credential: Credential | undefined): Grant {
  const isOffered = challenges.some(({ scheme }) => scheme === "basic");
  if (!isOffered || credential?.kind !== "password")
    throw required(scope, isOffered ? "no credentials for it" : "it offers no way that this client knows");
  return { header: basicHeader(credential.user, credential.password), untilMs: Infinity };
}

function basicHeader(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`, "utf8").toString("base64")}`;
}

function tokenRequest(
  realm: URL,
  scope: AccessScope,
  { service, credential }: { readonly service: string | undefined; readonly credential: Credential | undefined },
): Pick<ExchangeRequest, "method" | "url" | "headers" | "body"> {
  const wanted = `repository:${scope.repository}:${scope.access === "push" ? "pull,push" : "pull"}`;
  const parameters = { ...(service !== undefined && { service }), scope: wanted };
  if (credential?.kind === "identity") {
    const form = { ...parameters, grant_type: "refresh_token", client_id: "greentic", refresh_token: credential.token };
    return {
      method: "POST",
      url: realm,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: Buffer.from(new URLSearchParams(form).toString()),
    };
  }
  const url = new URL(realm);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return {
    method: "GET",
    url,
    headers: credential === undefined ? {} : { authorization: basicHeader(credential.user, credential.password) },
  };
}

async function readToken(
  response: RegistryResponse,
  { scope, credential }: { readonly scope: AccessScope; readonly credential: Credential | undefined },
): Promise<{ readonly token: string; readonly lifetimeSeconds: number }> {
  const doing = `Get a token for ${quote(scope.registry)} from ${quote(response.url.origin)}`;
  if (response.status !== 200) {
    await response.cancel();
    if (response.status === 400 || response.status === 401 || response.status === 403) {
      if (credential === undefined) throw required(scope, "no credentials for it");
      throw new GreenticError("OCI_AUTH_REFUSED", `${doing}: status ${response.status}`);
    }
    throw new GreenticError("OCI_REGISTRY_UNAVAILABLE", `${doing}: status ${response.status}`);
  }
  let value: JsonValue;
  try {
    value = parseJson(await readBody(response, MAX_TOKEN_BYTES));
  } catch (error) {
    if (isGreenticError(error) && error.code.startsWith("OCI_")) throw error;
    throw new GreenticError("OCI_RESPONSE_INVALID", `${doing}: not JSON`);
  }
  const { token, access_token, expires_in } = isJsonObject(value) ? value : {};
  const text = token ?? access_token;
  if (typeof text !== "string" || !/^[\x21-\x7e]+$/.test(text))
    throw new GreenticError("OCI_RESPONSE_INVALID", `${doing}: no token in the answer`);
  const isGiven = typeof expires_in === "number" && expires_in > 0;
  return { token: text, lifetimeSeconds: isGiven ? expires_in : DEFAULT_LIFETIME_SECONDS };
}

function required(scope: AccessScope, state: string): GreenticError {
  return new GreenticError("OCI_AUTH_REQUIRED", `Authenticate at ${quote(scope.registry)}: ${state}`);
}
