import * as oauth from "oauth4webapi";
import type { HttpOptions } from "../http/index.ts";
import { sendHttp } from "../http/index.ts";
import { GreenticError, isGreenticError, quote } from "../types/index.ts";

/** How requests to authorization servers leave: under the operator's rules for outbound requests, without redirects. */
export type Fetch = (url: string, options: FetchOptions) => Promise<Response>;

interface FetchOptions {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 1 << 20;
/** Statuses that have no body; `Response` refuses one. */
const BODILESS = new Set([101, 204, 205, 304]);

/** Makes the fetch of the protocol's library: bounded in time and size, addresses checked, never another origin than asked. */
export function createFetch(http: HttpOptions): Fetch {
  return async (url, { method, headers, body }) => {
    const answer = await sendHttp(
      {
        method,
        url,
        headers: Object.entries(headers),
        origins: [new URL(url).origin],
        timeoutMs: TIMEOUT_MS,
        // A code or a secret that follows a redirect is somebody else's.
        followRedirects: false,
        ...(body instanceof URLSearchParams ? { body: Buffer.from(body.toString()) } : {}),
      },
      { ...http, maxResponseBytes: MAX_ANSWER_BYTES },
    );
    const isBodiless = BODILESS.has(answer.status);
    return new Response(isBodiless ? null : new Uint8Array(answer.body), {
      status: answer.status,
      headers: answer.headers.map(([name, value]): [string, string] => [name, value]),
    });
  };
}

/** What every call of the protocol's library carries. */
export function requestOptions(fetch: Fetch): {
  readonly [oauth.customFetch]: (url: string, options: FetchOptions) => Promise<Response>;
  readonly [oauth.allowInsecureRequests]: boolean;
} {
  // The configuration takes plain HTTP for this machine's own addresses alone.
  return { [oauth.customFetch]: fetch, [oauth.allowInsecureRequests]: true };
}

/** What a provider's answer to a grant amounts to. */
export type Refusal = "invalid_grant" | "denied" | "pending" | "slow_down" | "expired";

/** Reads an error of the protocol's library as the refusal that it stands for; undefined where it is something else. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof oauth.AuthorizationResponseError) return "denied";
  if (!(error instanceof oauth.ResponseBodyError)) return undefined;
  switch (error.error) {
    case "invalid_grant":
      return "invalid_grant";
    case "authorization_pending":
      return "pending";
    case "slow_down":
      return "slow_down";
    case "expired_token":
      return "expired";
    case "access_denied":
    case "consent_required":
    case "interaction_required":
    case "login_required":
    case "invalid_scope":
      return "denied";
    default:
      return undefined;
  }
}

/**
 * Makes our error of what went wrong on the way to a provider. The library's own error isn't kept as the cause: it carries whole
 * answers, and tokens and codes are in them.
 */
export function providerError(doing: string, provider: string, error: unknown): GreenticError {
  const what = `${doing} at ${quote(provider)}`;
  if (isGreenticError(error)) {
    if (error.code.startsWith("OAUTH_")) return error;
    return new GreenticError("OAUTH_PROVIDER_UNAVAILABLE", `${what}: ${error.code}`, { cause: error });
  }
  const refusal = refusalOf(error);
  if (refusal === "denied") return new GreenticError("OAUTH_CONSENT_DENIED", `${what}: the answer is no`);
  if (refusal === "expired") return new GreenticError("OAUTH_DEVICE_EXPIRED", `${what}: the code is too old`);
  if (refusal !== undefined) return new GreenticError("OAUTH_RESPONSE_INVALID", `${what}: it takes the code not`);
  if (error instanceof oauth.ResponseBodyError && error.status < 500)
    return new GreenticError("OAUTH_PROVIDER_INVALID", `${what}: it refuses this client's request`);
  if (error instanceof oauth.OperationProcessingError && isServerFault(error))
    return new GreenticError("OAUTH_PROVIDER_UNAVAILABLE", `${what}: it failed`);
  if (error instanceof oauth.OperationProcessingError || error instanceof oauth.UnsupportedOperationError)
    return new GreenticError("OAUTH_RESPONSE_INVALID", `${what}: the answer doesn't hold what it must`);
  if (error instanceof oauth.WWWAuthenticateChallengeError)
    return new GreenticError("OAUTH_CLIENT_MISSING", `${what}: it refuses the client's credentials`);
  if (error instanceof oauth.ResponseBodyError)
    return new GreenticError("OAUTH_PROVIDER_UNAVAILABLE", `${what}: it failed`);
  return new GreenticError("OAUTH_RESPONSE_INVALID", `${what}: the answer can't be read`);
}

function isServerFault(error: oauth.OperationProcessingError): boolean {
  const { cause } = error;
  return cause instanceof Response && cause.status >= 500;
}
