import type { ErrorTable } from "../error-kind.ts";

/** Codes of the http layer. */
export const httpErrors = {
  HTTP_URL_INVALID: {
    kind: "invalid_input",
    help: "Use an absolute http or https URL of at most 8,192 characters without user name and password.",
  },
  HTTP_METHOD_INVALID: { kind: "invalid_input", help: "Use GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS." },
  HTTP_HEADER_INVALID: {
    kind: "invalid_input",
    help: "Header names are HTTP tokens, values have no control characters; at most 64 headers and 16 KiB together.",
  },
  HTTP_REQUEST_TOO_LARGE: { kind: "invalid_input", help: "Send at most the number of bytes that the message names." },
  HTTP_ORIGIN_INVALID: {
    kind: "invalid_input",
    help: "Write an origin as https://host, https://host:port or https://*.host (one label), without a path.",
  },
  HTTP_ORIGIN_DENIED: {
    kind: "permission_denied",
    help: "Grant the origin in the component's `grants.http`, and allow it in the tenant's policy.",
  },
  HTTP_ADDRESS_DENIED: {
    kind: "permission_denied",
    help: "The host resolves to a loopback, private or reserved address; name the address in the policy's private addresses if that is meant.",
  },
  HTTP_HOST_UNRESOLVED: { kind: "unavailable", help: "Check the host's name and the machine's name resolution." },
  HTTP_UNAVAILABLE: {
    kind: "unavailable",
    help: "The server can't be reached or broke the connection off; try again later.",
  },
  HTTP_TIMEOUT: {
    kind: "timeout",
    help: "The server took longer than the request's timeout; try again or allow more.",
  },
  HTTP_RESPONSE_TOO_LARGE: {
    kind: "invalid_input",
    help: "Ask the server for less at once, or allow a larger response.",
  },
  HTTP_REDIRECT_INVALID: {
    kind: "unavailable",
    help: "At most 3 redirects to http and https URLs are followed; use the final URL.",
  },
  HTTP_REWRITE_INVALID: {
    kind: "invalid_input",
    help: "Write GREENTIC_HTTP_REWRITE as https://from=http://to, several separated by commas.",
  },
  HTTP_REWRITE_REFUSED: {
    kind: "permission_denied",
    help: "Outbound requests are rewritten in the envs dev and test only; unset GREENTIC_HTTP_REWRITE.",
  },
} as const satisfies ErrorTable;
