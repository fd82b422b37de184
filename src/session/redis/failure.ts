import { GreenticError, isGreenticError } from "../../types/index.ts";
import { unavailable } from "../unavailable.ts";

/** What is to be done about a failed request. `again`: the same request may be sent again, since requests know themselves. */
export type Remedy = "again" | "reconnect" | "load" | "none";

const AGAIN = ["MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "BUSY", "NOREPLICAS"];
/** A server that was demoted: the one to write to is another now. */
const RECONNECT = ["READONLY", "UNBLOCKED"];
const FULL = ["OOM", "MISCONF"];
const REFUSED = ["NOAUTH", "WRONGPASS", "NOPERM"];

/** Tells what may help against a failure. */
export function remedyFor(error: unknown): Remedy {
  const code = replyCode(error);
  if (code === undefined) return "again";
  if (AGAIN.includes(code)) return "again";
  if (RECONNECT.includes(code)) return "reconnect";
  if (error instanceof Error && /^ERR (Function not found|Library not found)/.test(error.message)) return "load";
  return "none";
}

/** Turns what the client or the server threw into the error of the store. The server's text stays in `cause`. */
export function redisFailure(thrown: unknown, doing: string): GreenticError {
  if (isGreenticError(thrown)) return thrown;
  const code = replyCode(thrown);
  const error = causeOf(thrown);
  if (code === undefined) return unavailable(doing, "the server can't be reached", error);
  if (FULL.includes(code)) {
    return new GreenticError("STORE_READ_ONLY", `${doing}: the server takes no writes (${code})`, { cause: error });
  }
  if (REFUSED.includes(code)) return unavailable(doing, `the server refuses this user (${code})`, error);
  if (code === "WRONGTYPE") {
    return new GreenticError("STORE_DATA_CORRUPT", `${doing}: a key holds something else`, { cause: error });
  }
  return unavailable(doing, `the server answered ${code}`, error);
}

/** The first word of an error reply; undefined where the connection failed and not the request. */
function replyCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== "ReplyError") return undefined;
  return /^[A-Z]+/.exec(error.message)?.[0] ?? "ERR";
}

/** The client hangs the request with all its arguments on its errors: messages, records, passwords. None of it goes on. */
function causeOf(thrown: unknown): Error {
  const message = thrown instanceof Error ? thrown.message : "something else than an error was thrown";
  const cause = new Error(message);
  cause.name = thrown instanceof Error ? thrown.name : "Error";
  return cause;
}
