import type { GreenticError, OutcomeError } from "../types/index.ts";
import { isGreenticError, isRetryable } from "../types/index.ts";
import type { KindResult } from "./kinds/kind.ts";

/** Makes a node's failure of what was thrown; what the engine didn't foresee goes on as it is. */
export function failureOf(thrown: unknown): KindResult {
  if (!isGreenticError(thrown)) throw thrown;
  return { kind: "error", error: outcomeError(thrown) };
}

/** An error as flows see it. */
export function outcomeError(error: GreenticError): OutcomeError {
  return {
    code: error.code,
    message: error.message,
    retryable: isRetryable(error.kind),
    ...(error.retryAfterMs === undefined ? {} : { backoffMs: error.retryAfterMs }),
  };
}
