import { ERROR_CODES, GreenticError } from "../types/index.ts";
import type { ErrorCode } from "../types/index.ts";
import type { PackFinding } from "./report.ts";

/** Turns the finding that stops an operation into its error, under the finding's own code. */
export function findingError(finding: PackFinding | undefined, doing: string): GreenticError {
  if (finding === undefined) return new GreenticError("PACK_MANIFEST_INVALID", `${doing}: unreadable`);
  const code = isErrorCode(finding.code) ? finding.code : "PACK_MANIFEST_INVALID";
  const details = finding.path === undefined ? undefined : { path: finding.path };
  return new GreenticError(code, `${doing}: ${finding.message}`, { details });
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}
