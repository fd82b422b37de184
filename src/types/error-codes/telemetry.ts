import type { ErrorTable } from "../error-kind.ts";

/** Codes of the telemetry layer. */
export const telemetryErrors = {
  TELEMETRY_AUDIT_FAILED: {
    kind: "unavailable",
    help: "The audit log can't be written: look at the folder's room and rights. What must be on record isn't done meanwhile.",
  },
  TELEMETRY_AUDIT_DAMAGED: {
    kind: "permission_denied",
    help: "The audit log isn't as it was written: keep its files apart as evidence, and look who can write to the folder.",
  },
} as const satisfies ErrorTable;
