import { GreenticError, isGreenticError } from "../../types/index.ts";
import type { Failures, Remedy } from "../space-link.ts";
import { unavailable } from "../unavailable.ts";

// Another transaction has a record of this one, or the table is asked for more than it may give. Nothing has happened then.
const AGAIN = new Set([
  "TransactionConflict",
  "TransactionConflictException",
  "TransactionInProgressException",
  "ProvisionedThroughputExceeded",
  "ProvisionedThroughputExceededException",
  "ThrottlingError",
  "ThrottlingException",
  "ThrottledException",
  "RequestLimitExceeded",
  "LimitExceededException",
]);
const DENIED = new Set([
  "AccessDeniedException",
  "UnrecognizedClientException",
  "InvalidSignatureException",
  "MissingAuthenticationTokenException",
  "ExpiredTokenException",
  "CredentialsProviderError",
]);
const CANCELED = "TransactionCanceledException";
const UNMET = "ConditionalCheckFailed";

/** How DynamoDB fails. Of the service's words its code alone goes on: others quote records. */
export const dynamoFailures: Failures = {
  title: "DynamoDB",
  remedyFor(error): Remedy {
    if (isGreenticError(error) || error instanceof RangeError) return "none";
    const codes = codesOf(error);
    if (codes.length > 0 && codes.every((code) => AGAIN.has(code))) return "again";
    if (codes.some((code) => DENIED.has(code))) return "none";
    const status = statusOf(error);
    return status === undefined || status >= 500 ? "away" : "none";
  },
  failure(error, doing): Error {
    if (isGreenticError(error) || error instanceof RangeError) return error;
    const [code = "nothing"] = codesOf(error);
    if (DENIED.has(code)) return unavailable(doing, `the service refuses this host (${code})`);
    if (statusOf(error) === undefined) return unavailable(doing, "the service can't be reached", new Error(code));
    if (code === "ResourceNotFoundException") return unavailable(doing, "there is no such table");
    if (code === "ItemCollectionSizeLimitExceededException") {
      return new GreenticError("STORE_READ_ONLY", `${doing}: the table takes no more of this partition (${code})`);
    }
    return unavailable(doing, `the service answered ${code}`);
  },
};

/** Tells a transaction that was given up since a record isn't as expected. */
export function isUnmet(error: unknown): boolean {
  return codesOf(error).includes(UNMET);
}

/** What the service has too much to do for; the client knows no name for it. */
export function throttled(): Error {
  return Object.assign(new Error("nothing was processed"), { name: "ThrottlingException" });
}

/** The codes of a failure: of a transaction those of its records. */
function codesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [];
  if (error.name !== CANCELED || !("CancellationReasons" in error)) return [error.name];
  const reasons = error.CancellationReasons as readonly { readonly Code?: string }[] | undefined;
  const codes = (reasons ?? []).flatMap(({ Code }) => (Code === undefined || Code === "None" ? [] : [Code]));
  return codes.length === 0 ? [CANCELED] : codes;
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("$metadata" in error)) return undefined;
  const { httpStatusCode } = error.$metadata as { readonly httpStatusCode?: number };
  return httpStatusCode;
}
