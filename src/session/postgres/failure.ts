import { GreenticError, isGreenticError } from "../../types/index.ts";
import { unavailable } from "../unavailable.ts";

/**
 * What is to be done about a failed request. `again`: the same request may be sent again, since requests know themselves; `reconnect`
 * on another connection, this one is no use; `install`: the functions are missing.
 */
export type Remedy = "again" | "reconnect" | "install" | "none";

// Lost races (40, a unique index), a lock or a statement that took too long, a plan that a change of a table made void.
const AGAIN = ["40001", "40P01", "55P03", "57014", "23505", "0A000"];
// It shuts down, starts, recovers, was demoted, has no room for a connection.
const RECONNECT = ["57P01", "57P02", "57P03", "57P05", "25006", "53300"];
const MISSING = ["42883", "42P01", "3F000"];
const FULL = ["53100", "53400"];
const NUL = ["22021", "22P05"];

/** Tells what may help against a failure. */
export function remedyFor(error: unknown): Remedy {
  if (isGreenticError(error) || error instanceof RangeError) return "none";
  const state = sqlState(error);
  if (state === undefined || state.startsWith("08") || RECONNECT.includes(state)) return "reconnect";
  if (AGAIN.includes(state)) return "again";
  return MISSING.includes(state) ? "install" : "none";
}

/** Turns what the client or the server threw into the error of the store. Of the server's words its code alone goes on: others quote rows. */
export function postgresFailure(thrown: unknown, doing: string): GreenticError | RangeError {
  if (isGreenticError(thrown) || thrown instanceof RangeError) return thrown;
  const state = sqlState(thrown);
  if (state === undefined) return unavailable(doing, "the server can't be reached", causeOf(thrown));
  if (NUL.includes(state)) return new RangeError(`${doing}: expected names without the character U+0000`);
  if (FULL.includes(state)) {
    return new GreenticError("STORE_READ_ONLY", `${doing}: the server takes no writes (${state})`);
  }
  if (state.startsWith("XX00") && state !== "XX000") {
    return new GreenticError("STORE_DATA_CORRUPT", `${doing}: the server's data are damaged (${state})`);
  }
  if (state.startsWith("28") || state === "42501") {
    return unavailable(doing, `the server refuses this user (${state})`);
  }
  if (state === "3D000") return unavailable(doing, "there is no such database");
  return unavailable(doing, `the server answered ${state}`);
}

/** The SQLSTATE of what the server said; undefined where the connection failed and not the request. */
function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("severity" in error) || !("code" in error)) return undefined;
  return typeof error.code === "string" && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined;
}

/** Of a connection's error its code tells enough: ECONNREFUSED, CERT_HAS_EXPIRED. Messages of the client may quote what was sent. */
function causeOf(thrown: unknown): Error {
  const code = thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" ? thrown.code : undefined;
  return new Error(code ?? "the connection broke");
}
