import { GreenticError, httpStatusOf, toGreenticError } from "../types/index.ts";
import type { ErrorCode, JsonValue } from "../types/index.ts";
import type { GatewayAnswer } from "./exchange.ts";

// What HTTP itself names; everywhere else the kind decides.
const STATUS: Partial<Record<ErrorCode, number>> = {
  GATEWAY_BODY_TOO_LARGE: 413,
  TYPES_JSON_TOO_LARGE: 413,
  GATEWAY_ENCODING_UNSUPPORTED: 415,
};

const JSON_HEADERS = {
  "content-type": "application/json; charset=utf-8",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
} as const;

/** One answer for unknown tenants and routes, bad signatures and disabled channels: nothing in it tells which. */
export const REFUSED: GatewayAnswer = {
  status: 401,
  headers: { "cache-control": "no-store", "x-content-type-options": "nosniff" },
  body: "",
};

/** Answers with JSON. */
export function jsonAnswer(
  status: number,
  value: JsonValue | object,
  headers?: Readonly<Record<string, string>>,
): GatewayAnswer {
  return {
    status,
    headers: headers === undefined ? JSON_HEADERS : { ...JSON_HEADERS, ...headers },
    body: JSON.stringify(value),
  };
}

/** Answers with `{ error: { code, message, help } }`; what failed inside tells its code and nothing else. */
export function errorAnswer(thrown: unknown): GatewayAnswer {
  const error = toGreenticError(thrown, "GATEWAY_FAILED", "Handle request");
  const message =
    error.kind === "internal" || error.kind === "unknown" ? "Handle request: failed inside" : error.message;
  const headers: Record<string, string> = {};
  if (error.kind === "unavailable" || error.kind === "rate_limited") {
    headers["retry-after"] = String(Math.max(1, Math.ceil((error.retryAfterMs ?? 2_000) / 1000)));
  }
  if (error.kind === "unauthenticated") headers["www-authenticate"] = "Bearer";
  const status = STATUS[error.code] ?? httpStatusOf(error.kind);
  return jsonAnswer(status, { error: { code: error.code, message, help: error.help } }, headers);
}

/** The answer to a path or method that isn't served. */
export function unknownRoute(): GatewayAnswer {
  return errorAnswer(new GreenticError("GATEWAY_ROUTE_UNKNOWN", "Find route: no such path and method"));
}
