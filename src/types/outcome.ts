import type { JsonValue } from "./json.ts";

/** How a node, tool or component ended. `status` is what routing sees; `error` is present exactly when `kind` is "error". */
export type Outcome =
  | { readonly kind: "ok"; readonly status: string; readonly output: JsonValue }
  | { readonly kind: "error"; readonly status: "error"; readonly error: OutcomeError; readonly output: JsonValue }
  | { readonly kind: "waiting"; readonly reason: string };

/** A failure as flows, routing and reports see it: no stack, no foreign bytes beyond the quoted message. */
export interface OutcomeError {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly backoffMs?: number;
  readonly details?: JsonValue;
}
