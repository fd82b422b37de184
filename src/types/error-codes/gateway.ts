import type { ErrorTable } from "../error-kind.ts";

/** Codes of the gateway layer. */
export const gatewayErrors = {
  GATEWAY_OPTIONS_INVALID: { kind: "invalid_input", help: "Correct the gateway's options; the message names the one." },
  GATEWAY_ADDRESS_UNAVAILABLE: {
    kind: "unavailable",
    help: "Another program has the port, or the host isn't this machine's: choose another with --port or --host.",
  },
  GATEWAY_ROUTE_UNKNOWN: { kind: "not_found", help: "Check the method and the path, tenant and flow names included." },
  GATEWAY_BODY_TOO_LARGE: { kind: "invalid_input", help: "Send at most the number of bytes that the message names." },
  GATEWAY_ENCODING_UNSUPPORTED: { kind: "invalid_input", help: "Send the body without Content-Encoding." },
  GATEWAY_BODY_INCOMPLETE: { kind: "invalid_input", help: "The connection ended before the body did; send it again." },
  GATEWAY_UNAUTHENTICATED: {
    kind: "unauthenticated",
    help: "Send `Authorization: Bearer` with the conversation's token.",
  },
  GATEWAY_TOKEN_INVALID: {
    kind: "permission_denied",
    help: "The token isn't valid here or has expired; get a new one from tokens/generate.",
  },
  GATEWAY_HOST_DENIED: {
    kind: "permission_denied",
    help: "Open the page under a host name that this host is configured for.",
  },
  GATEWAY_ORIGIN_DENIED: {
    kind: "permission_denied",
    help: "Add the page's origin to the tenant's allowed origins, or get a token for this origin.",
  },
  GATEWAY_USER_INVALID: {
    kind: "invalid_input",
    help: "User ids of tokens begin with `dl_` and have at most 128 characters.",
  },
  GATEWAY_ORIGINS_INVALID: {
    kind: "invalid_input",
    help: "Give `trustedOrigins` as a list of origins such as `https://www.example.com`, or leave it out.",
  },
  GATEWAY_MULTIPART_INVALID: {
    kind: "invalid_input",
    help: "Send multipart/form-data of at most 32 parts with the boundary that its content type names, to its last delimiter.",
  },
  GATEWAY_WATERMARK_INVALID: { kind: "invalid_input", help: "Send back the watermark as it was received." },
  GATEWAY_RATE_LIMITED: { kind: "rate_limited", help: "Wait as long as Retry-After says." },
  GATEWAY_DRAINING: { kind: "unavailable", help: "This host is stopping; send again, another one takes it." },
  GATEWAY_FAILED: { kind: "internal", help: "The request failed inside; the host's log has it under the same code." },
  GATEWAY_TURN_FAILED: {
    kind: "internal",
    help: "The flow failed on this request; the host's log tells at which node.",
  },
  GATEWAY_EVENT_INVALID: {
    kind: "invalid_input",
    help: 'Call the function by its URL, or by a clock with `{"greentic":"tick"}`; other events start no flow.',
  },
  GATEWAY_EVENT_FAILED: {
    kind: "internal",
    help: "See the host's log; the platform calls again where that is its way.",
  },
} as const satisfies ErrorTable;
