/** The classes of failure; each decides HTTP status, exit code and whether to retry. */
export type ErrorKind =
  | "unknown"
  | "invalid_input"
  | "not_found"
  | "conflict"
  | "timeout"
  | "unauthenticated"
  | "permission_denied"
  | "rate_limited"
  | "unavailable"
  | "internal";

/** The shape of a layer's table of codes. */
export type ErrorTable = Readonly<Record<string, { readonly kind: ErrorKind; readonly help: string }>>;

const HTTP_STATUS: Readonly<Record<ErrorKind, number>> = {
  unknown: 500,
  invalid_input: 400,
  not_found: 404,
  conflict: 409,
  timeout: 504,
  unauthenticated: 401,
  permission_denied: 403,
  rate_limited: 429,
  unavailable: 503,
  internal: 500,
};

const EXIT_CODE: Readonly<Record<ErrorKind, number>> = {
  unknown: 1,
  invalid_input: 2,
  not_found: 3,
  conflict: 2,
  timeout: 5,
  unauthenticated: 4,
  permission_denied: 4,
  rate_limited: 5,
  unavailable: 5,
  internal: 1,
};

/** Maps a kind to its HTTP status. */
export function httpStatusOf(kind: ErrorKind): number {
  return HTTP_STATUS[kind];
}

/** Maps a kind to the process exit code of `cli.md`. */
export function exitCodeOf(kind: ErrorKind): number {
  return EXIT_CODE[kind];
}

/** Tells whether a failure of this kind may go away by itself. */
export function isRetryable(kind: ErrorKind): boolean {
  return kind === "timeout" || kind === "unavailable" || kind === "rate_limited";
}
