/** Why the host refused or failed. */
export type HostErrorCode = "denied" | "unavailable" | "timeout" | "invalid" | "not_found" | "internal";

/** What a component says of an error beside its message. */
export interface ErrorDetails {
  /** Whether the same call may succeed later. Default false. */
  readonly retryable?: boolean;
  readonly backoffMs?: number;
  /** JSON for who reads the error. */
  readonly details?: unknown;
}

/** Ends a call with an error that flows can tell apart by its code. */
export class ComponentError extends Error {
  override readonly name: string = "ComponentError";
  readonly code: string;
  readonly retryable: boolean;
  readonly backoffMs: number | undefined;
  readonly details: unknown;
  constructor(code: string, message: string, { retryable = false, backoffMs, details }: ErrorDetails = {}) {
    super(message);
    this.code = code;
    this.retryable = retryable;
    this.backoffMs = backoffMs;
    this.details = details;
  }
}

/** A call of the host that had no answer; its code is the capability's and the reason's, as `HTTP_TIMEOUT`. */
export class HostError extends ComponentError {
  override readonly name: string = "HostError";
  readonly reason: HostErrorCode;
  constructor(capability: string, reason: HostErrorCode, message: string) {
    super(`${capability}_${reason}`.toUpperCase(), message, {
      retryable: reason === "unavailable" || reason === "timeout",
    });
    this.reason = reason;
  }
}

/** A place in the author's own source. */
export interface SourcePlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Reads where an error was thrown from its stack; the SDK's own frames are passed over. */
export function placeOf(error: unknown): SourcePlace | undefined {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  for (const frame of stack.split("\n")) {
    const found = /\(?([^\s()]+\.(?:[cm]?[jt]s)):(\d+)(?::(\d+))?\)?\s*$/.exec(frame);
    const [, file = "", line = "", column = "1"] = found ?? [];
    if (found === null || file.includes("node_modules/")) continue;
    return { file: file.replace(/^(?:file:\/\/)?\/?/, ""), line: Number(line), column: Number(column) };
  }
  return undefined;
}
