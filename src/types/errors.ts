import { adminErrors } from "./error-codes/admin.ts";
import { blobErrors } from "./error-codes/blob.ts";
import { busErrors } from "./error-codes/bus.ts";
import { cliErrors } from "./error-codes/cli.ts";
import { componentErrors } from "./error-codes/component.ts";
import { configErrors } from "./error-codes/config.ts";
import { deployerErrors } from "./error-codes/deployer.ts";
import { filesErrors } from "./error-codes/files.ts";
import { flowErrors } from "./error-codes/flow.ts";
import { gatewayErrors } from "./error-codes/gateway.ts";
import { httpErrors } from "./error-codes/http.ts";
import { llmErrors } from "./error-codes/llm.ts";
import { mcpErrors } from "./error-codes/mcp.ts";
import { messagingErrors } from "./error-codes/messaging.ts";
import { oauthErrors } from "./error-codes/oauth.ts";
import { ociErrors } from "./error-codes/oci.ts";
import { packErrors } from "./error-codes/pack.ts";
import { policyErrors } from "./error-codes/policy.ts";
import { runnerErrors } from "./error-codes/runner.ts";
import { secretsErrors } from "./error-codes/secrets.ts";
import { storeErrors } from "./error-codes/store.ts";
import { telemetryErrors } from "./error-codes/telemetry.ts";
import { typesErrors } from "./error-codes/types.ts";
import type { ErrorKind } from "./error-kind.ts";

/** Every public error code: LAYER_SUBJECT_PROBLEM → kind and help. A code is never reused. `docs/errors.md` is made from it. */
export const ERROR_CODES = {
  ...typesErrors,
  ...filesErrors,
  ...telemetryErrors,
  ...configErrors,
  ...secretsErrors,
  ...httpErrors,
  ...storeErrors,
  ...blobErrors,
  ...busErrors,
  ...flowErrors,
  ...packErrors,
  ...ociErrors,
  ...componentErrors,
  ...oauthErrors,
  ...mcpErrors,
  ...llmErrors,
  ...messagingErrors,
  ...policyErrors,
  ...runnerErrors,
  ...gatewayErrors,
  ...deployerErrors,
  ...adminErrors,
  ...cliErrors,
} as const;

/** A public error code. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** A place in a file that a person can open; line and column count from 1. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** What an error may carry beside its message. */
export interface ErrorOptions {
  /** Where in a file the problem stands. */
  readonly at?: SourcePosition | undefined;
  /** What caused it; kept for the log, never shown to a tenant. */
  readonly cause?: unknown;
  /** Structured facts that are safe to show: no secrets, no message texts. */
  readonly details?: Readonly<Record<string, string | number | boolean | readonly string[]>> | undefined;
  /** How long a caller should wait before it tries again. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * The one error class. The message says what was being done, then the state after a colon; the code decides kind and help,
 * and the kind alone decides HTTP status, exit code and retry.
 */
export class GreenticError extends Error {
  override readonly name = "GreenticError";
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly help: string;
  readonly at: SourcePosition | undefined;
  readonly details: ErrorOptions["details"];
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const spec: { readonly kind: ErrorKind; readonly help: string } = ERROR_CODES[code];
    this.code = code;
    this.kind = spec.kind;
    this.help = spec.help;
    this.at = options.at;
    this.details = options.details;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Tells whether a value is a {@link GreenticError}, of the code where one is given. */
export function isGreenticError(value: unknown, code?: ErrorCode): value is GreenticError {
  return value instanceof GreenticError && (code === undefined || value.code === code);
}

/** Turns anything thrown into a {@link GreenticError}; what is not one becomes `fallback` with the original as cause. */
export function toGreenticError(thrown: unknown, fallback: ErrorCode, doing: string): GreenticError {
  if (thrown instanceof GreenticError) return thrown;
  const name = thrown instanceof Error ? thrown.name : typeof thrown;
  return new GreenticError(fallback, `${doing}: ${name}`, { cause: thrown });
}
