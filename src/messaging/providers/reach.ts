import { GreenticError } from "../../types/index.ts";

/** How a request ended that got no answer: it never left, was not allowed to, or was on its way. */
export type Unanswered =
  | { readonly kind: "unreachable" }
  | { readonly kind: "denied"; readonly code: string }
  | { readonly kind: "unknown" };

// Node's codes of connections that were never made.
const NOT_CONNECTED = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EADDRNOTAVAIL",
]);

/** Tells from what `sendHttp` threw whether the platform can have seen the request. */
export function unansweredOf(error: unknown): Unanswered {
  if (!(error instanceof GreenticError)) return { kind: "unknown" };
  if (error.code === "HTTP_HOST_UNRESOLVED") return { kind: "unreachable" };
  if (error.code === "HTTP_UNAVAILABLE")
    return NOT_CONNECTED.has(causeCode(error.cause)) ? { kind: "unreachable" } : { kind: "unknown" };
  if (error.kind === "permission_denied" || error.kind === "invalid_input")
    return error.code === "HTTP_RESPONSE_TOO_LARGE" ? { kind: "unknown" } : { kind: "denied", code: error.code };
  return { kind: "unknown" };
}

/** The first system code along the causes; with several addresses tried, Node gives an AggregateError. */
function causeCode(cause: unknown): string {
  if (cause instanceof AggregateError) {
    const codes = cause.errors.map(causeCode);
    return codes.find((code) => !NOT_CONNECTED.has(code)) ?? codes[0] ?? "";
  }
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "";
}
