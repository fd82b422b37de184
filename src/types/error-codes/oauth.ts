import type { ErrorTable } from "../error-kind.ts";

/** Codes of the oauth layer. None of their messages holds a code, a state, a token or what a provider said. */
export const oauthErrors = {
  OAUTH_PROVIDER_UNKNOWN: {
    kind: "not_found",
    help: "Declare the provider in greentic.toml as [oauth.NAME], and let the tenant use it with `tenants`.",
  },
  OAUTH_PROVIDER_INVALID: {
    kind: "invalid_input",
    help: "Compare `issuer` with what the provider publishes at /.well-known/openid-configuration; it must be the same to the letter.",
  },
  OAUTH_PROVIDER_UNAVAILABLE: {
    kind: "unavailable",
    help: "The provider can't be reached or failed; what is kept stays as it is and it is tried again later.",
  },
  OAUTH_CLIENT_MISSING: {
    kind: "unauthenticated",
    help: "Keep the registration's secret: gtc secrets set NAME --category oauth --tenant TENANT; without client_id the secret PROVIDER_client holds { client_id, client_secret }.",
  },
  OAUTH_REQUEST_INVALID: {
    kind: "invalid_input",
    help: "Send the fields that docs/oauth.md lists, each with a value of its type.",
  },
  OAUTH_RATE_LIMITED: { kind: "rate_limited", help: "Wait before asking for another consent of this provider." },
  OAUTH_ACCESS_DENIED: {
    kind: "unauthenticated",
    help: "Send the broker's token of this tenant as a bearer; keep one with gtc secrets set broker_token --category oauth --tenant TENANT.",
  },
  OAUTH_STATE_INVALID: {
    kind: "unauthenticated",
    help: "The link was used, is too old, or belongs to another browser; ask for a new one.",
  },
  OAUTH_RESPONSE_INVALID: {
    kind: "unauthenticated",
    help: "What came back isn't the answer to what was asked: another provider's, or a code of another request. Begin anew.",
  },
  OAUTH_CODE_INVALID: {
    kind: "unauthenticated",
    help: "A code is good once, for 15 minutes, for the tenant, provider, subject and redirect path of its consent. Ask for a new one.",
  },
  OAUTH_CONSENT_DENIED: {
    kind: "permission_denied",
    help: "The person said no at the provider, or the provider doesn't give what was asked for.",
  },
  OAUTH_CONSENT_MISSING: {
    kind: "unauthenticated",
    help: "A person has to consent first: the node oauth.connect in a flow, or gtc oauth login PROVIDER.",
  },
  OAUTH_GRANT_BROKEN: {
    kind: "unauthenticated",
    help: "The provider takes the refresh token no more: it was revoked, or somebody else used it. Ask for a new consent.",
  },
  OAUTH_SCOPE_DENIED: {
    kind: "permission_denied",
    help: "Add the scope to `scopes` of [oauth.NAME] and ask for a new consent.",
  },
  OAUTH_HANDLE_INVALID: {
    kind: "unauthenticated",
    help: "Send a token handle as this broker gave it; handles of other tenants and environments are refused.",
  },
  OAUTH_RECORD_INVALID: {
    kind: "invalid_input",
    help: "The kept tokens can't be opened: the host's key changed, or the file was moved. Revoke the grant and ask for a new consent.",
  },
  OAUTH_DEVICE_EXPIRED: { kind: "timeout", help: "Nobody entered the code in time; start again." },
} as const satisfies ErrorTable;
