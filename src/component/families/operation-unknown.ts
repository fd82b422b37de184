import { didYouMean, GreenticError, quote } from "../../types/index.ts";

/** The error of an operation that a component doesn't have. */
export function operationUnknown(operation: string, known: readonly string[]): GreenticError {
  const hint = didYouMean(operation, known);
  return new GreenticError("COMPONENT_OPERATION_UNKNOWN", `Call component: no operation ${quote(operation)}${hint}`);
}
