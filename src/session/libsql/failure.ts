import { GreenticError, isGreenticError } from "../../types/index.ts";
import type { Failures, Remedy } from "../space-link.ts";
import { unavailable } from "../unavailable.ts";

/** What a server, or what stands before it, answered instead of the protocol's 200. */
export class LibsqlStatus extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`HTTP ${status}`);
    this.status = status;
  }
}

// Another writer has the lock, or kept it too long; the server has too much to do. Nothing has happened then.
const AGAIN = ["SQLITE_BUSY", "SQLITE_LOCKED", "TRANSACTION_BUSY", "TRANSACTION_TIMEOUT"];
// A replica can't reach the primary; a place in the answer is empty because its stream ended.
const AWAY = ["PROXY_ERROR", "TRANSACTION_CLOSED", "SQLITE_INTERRUPT", "SQLITE_ABORT"];
const FULL = ["SQLITE_FULL", "SQLITE_READONLY", "BLOCKED"];
const DAMAGED = ["SQLITE_CORRUPT", "SQLITE_NOTADB"];
const TOO_MANY_REQUESTS = 429;

/** How libSQL fails. Of the server's words its code alone goes on: others quote rows. */
export const libsqlFailures: Failures = {
  title: "libSQL",
  remedyFor(error): Remedy {
    if (isGreenticError(error) || error instanceof RangeError) return "none";
    if (error instanceof LibsqlStatus) {
      if (error.status === TOO_MANY_REQUESTS) return "again";
      return error.status >= 500 || error.status === 408 ? "away" : "none";
    }
    const code = codeOf(error);
    if (code === undefined || AWAY.includes(code)) return "away";
    return AGAIN.includes(code) ? "again" : "none";
  },
  failure(error, doing): Error {
    if (isGreenticError(error) || error instanceof RangeError) return error;
    if (error instanceof LibsqlStatus) {
      if (error.status === 401 || error.status === 403) {
        return unavailable(doing, `the server refuses the token (${error.status})`);
      }
      if (error.status === 404) return unavailable(doing, "there is no such database");
      return unavailable(doing, `the server answered ${error.status}`);
    }
    const code = codeOf(error);
    if (code === undefined) return unavailable(doing, "the server can't be reached", causeOf(error));
    if (FULL.includes(code)) {
      return new GreenticError("STORE_READ_ONLY", `${doing}: the server takes no writes (${code})`);
    }
    if (DAMAGED.includes(code)) {
      return new GreenticError("STORE_DATA_CORRUPT", `${doing}: the server's data are damaged (${code})`);
    }
    return unavailable(doing, `the server answered ${code}`);
  },
};

/** The code of what the server said; undefined where the connection failed and not the request. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !error.name.startsWith("Libsql") || !("code" in error)) return undefined;
  return typeof error.code === "string" && /^[A-Z][A-Z0-9_]{0,63}$/.test(error.code) ? error.code : "UNKNOWN";
}

/** Of a connection's error its code tells enough: ECONNREFUSED, CERT_HAS_EXPIRED. Messages may quote what was sent. */
function causeOf(thrown: unknown): Error {
  const within = thrown instanceof Error ? (thrown.cause ?? thrown) : thrown;
  const code = within instanceof Error && "code" in within && typeof within.code === "string" ? within.code : undefined;
  return new Error(code ?? "the connection broke");
}
