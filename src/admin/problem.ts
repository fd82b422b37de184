/** Answers to what isn't done, as problem details. @see https://www.rfc-editor.org/rfc/rfc9457 */
import { basename } from "node:path";
import type { SchemaObject } from "ajv";
import { httpStatusOf, toGreenticError } from "../types/index.ts";
import type { ErrorCode, SourcePosition } from "../types/index.ts";

// What HTTP itself names; everywhere else the kind decides.
const STATUS: Partial<Record<ErrorCode, number>> = {
  ADMIN_METHOD_UNKNOWN: 405,
  ADMIN_PRECONDITION_FAILED: 412,
  ADMIN_BODY_TOO_LARGE: 413,
  TYPES_JSON_TOO_LARGE: 413,
  ADMIN_BODY_UNSUPPORTED: 415,
};

/** Headers of every answer: nothing of it is kept, guessed at, framed or told to others. */
export const ANSWER_HEADERS = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
} as const;

export const problemSchema: SchemaObject = {
  type: "object",
  required: ["type", "title", "status", "detail", "code", "help"],
  additionalProperties: false,
  properties: {
    type: { type: "string", description: "`urn:greentic:error:` and the code" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    code: { type: "string", description: "One of docs/errors.md" },
    help: { type: "string" },
    at: { type: "string", description: "Where in which file: `greentic.toml:12:3`" },
  },
};

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad request",
  401: "Unauthenticated",
  403: "Not allowed",
  404: "Not found",
  405: "Method not allowed",
  409: "Conflict",
  412: "Precondition failed",
  413: "Too large",
  415: "Unsupported media type",
  429: "Too many requests",
  500: "Failed inside",
  503: "Unavailable",
  504: "Timed out",
};

/** The status of an error. */
export function problemStatus(thrown: unknown): number {
  const error = toGreenticError(thrown, "ADMIN_FAILED", "Handle admin request");
  return STATUS[error.code] ?? httpStatusOf(error.kind);
}

/** Without the file's folder, which is the operator's. */
function placeOf({ file, line, column }: SourcePosition): string {
  return `${basename(file)}:${line}:${column}`;
}

/** Makes the answer to an error; what failed inside tells its code and nothing else. */
export function problem(thrown: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  const error = toGreenticError(thrown, "ADMIN_FAILED", "Handle admin request");
  const status = problemStatus(error);
  const isInside = error.kind === "internal" || error.kind === "unknown";
  const more: Record<string, string> = {};
  if (error.kind === "unavailable" || error.kind === "rate_limited")
    more["retry-after"] = String(Math.max(1, Math.ceil((error.retryAfterMs ?? 2_000) / 1000)));
  if (error.kind === "unauthenticated") more["www-authenticate"] = 'Bearer realm="greentic-admin"';
  const body = {
    type: `urn:greentic:error:${error.code}`,
    title: TITLES[status] ?? "Refused",
    status,
    detail: isInside ? "Handle admin request: failed inside" : error.message,
    code: error.code,
    help: error.help,
    ...(error.at !== undefined && !isInside && { at: placeOf(error.at) }),
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/problem+json", ...ANSWER_HEADERS, ...more, ...headers },
  });
}
