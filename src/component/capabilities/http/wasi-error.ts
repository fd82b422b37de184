import type { HostAnswer } from "../host-request.ts";

/** An `error-code` of wasi:http. */
export interface WasiHttpError {
  readonly tag: string;
  readonly val?: unknown;
}

const NO_TEXT = { rcode: undefined, infoCode: undefined };
const BY_CODE: Readonly<Record<string, WasiHttpError>> = {
  HTTP_ORIGIN_DENIED: { tag: "HTTP-request-denied" },
  HTTP_ADDRESS_DENIED: { tag: "destination-IP-prohibited" },
  HTTP_HOST_UNRESOLVED: { tag: "DNS-error", val: NO_TEXT },
  HTTP_UNAVAILABLE: { tag: "connection-terminated" },
  HTTP_TIMEOUT: { tag: "HTTP-response-timeout" },
  HTTP_URL_INVALID: { tag: "HTTP-request-URI-invalid" },
  HTTP_METHOD_INVALID: { tag: "HTTP-request-method-invalid" },
  HTTP_HEADER_INVALID: { tag: "HTTP-request-header-section-size", val: undefined },
  HTTP_REQUEST_TOO_LARGE: { tag: "HTTP-request-body-size", val: undefined },
  HTTP_RESPONSE_TOO_LARGE: { tag: "HTTP-response-body-size", val: undefined },
  HTTP_REDIRECT_INVALID: { tag: "loop-detected" },
};

/** Turns a refusal of the host into wasi:http's own code for it. */
export function wasiHttpError({ code, message, cause }: Extract<HostAnswer, { kind: "fault" }>): WasiHttpError {
  const known = BY_CODE[cause ?? ""];
  if (known !== undefined) return known;
  if (code === "denied") return { tag: "HTTP-request-denied" };
  if (code === "timeout") return { tag: "HTTP-response-timeout" };
  return { tag: "internal-error", val: message };
}
