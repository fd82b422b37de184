import type { ErrorTable } from "../error-kind.ts";

/** Codes of the admin layer. */
export const adminErrors = {
  ADMIN_LISTEN_UNSAFE: {
    kind: "invalid_input",
    help: "Listen on 127.0.0.1, or give [admin.tls] a certificate, make a token or configure [admin.oidc] or client certificates, and name the hosts.",
  },
  ADMIN_ADDRESS_UNAVAILABLE: {
    kind: "unavailable",
    help: "Another program has the port, or the host isn't this machine's: choose another in [admin] listen.",
  },
  ADMIN_UNAUTHENTICATED: {
    kind: "unauthenticated",
    help: "Send `Authorization: Bearer` with a token of `gtc admin token create` or of the configured issuer, or a client certificate.",
  },
  ADMIN_ROLE_MISSING: {
    kind: "permission_denied",
    help: "Ask for the role that the message names, or use a credential that has it.",
  },
  ADMIN_NOT_FOUND: {
    kind: "not_found",
    help: "Check the names in the path; what belongs to tenants that the credential isn't for isn't found either.",
  },
  ADMIN_METHOD_UNKNOWN: { kind: "invalid_input", help: "Use a method that the Allow header names." },
  ADMIN_HOST_DENIED: { kind: "permission_denied", help: "Name this host by one of [admin] hosts." },
  ADMIN_ORIGIN_DENIED: {
    kind: "permission_denied",
    help: "Pages of other sites aren't served unless [admin] origins names them.",
  },
  ADMIN_REQUEST_INVALID: {
    kind: "invalid_input",
    help: "Send what GET /admin/v1/openapi.json describes; the message names the place.",
  },
  ADMIN_BODY_TOO_LARGE: { kind: "invalid_input", help: "Send at most the number of bytes that the message names." },
  ADMIN_BODY_UNSUPPORTED: {
    kind: "invalid_input",
    help: "Send the body as the media type that the message names, without Content-Encoding.",
  },
  ADMIN_BODY_INCOMPLETE: { kind: "invalid_input", help: "The connection ended before the body did; send it again." },
  ADMIN_PRECONDITION_FAILED: {
    kind: "conflict",
    help: "Somebody changed it meanwhile: read it again and send If-Match with its ETag of now.",
  },
  ADMIN_NAME_TAKEN: { kind: "conflict", help: "Choose another name, or revoke the token that has it first." },
  ADMIN_RATE_LIMITED: { kind: "rate_limited", help: "Wait as long as Retry-After says." },
  ADMIN_AUDIT_UNAVAILABLE: {
    kind: "unavailable",
    help: "The audit log can't be written, so nothing is changed: make room or give its directory back, then send it again.",
  },
  ADMIN_OUTCOME_UNRECORDED: {
    kind: "unavailable",
    help: "The change was begun on record and its outcome isn't in the audit log: read the state before you send it again.",
  },
  ADMIN_TOKENS_INVALID: {
    kind: "invalid_input",
    help: "Restore admin-tokens.json of the data directory, or move it away and make new tokens.",
  },
  ADMIN_REVOCATIONS_INVALID: {
    kind: "invalid_input",
    help: "Restore revocations.json of the data directory: without it revoked packs and keys would count again.",
  },
  ADMIN_FAILED: { kind: "internal", help: "The request failed inside; the host's log has it under the same code." },
} as const satisfies ErrorTable;
