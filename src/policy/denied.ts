import type { PolicyPoint } from "../config/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import type { PolicyDecision } from "./decision.ts";

/** Makes the error of a denial; `details.rule` names the rule. */
export function policyDenied(
  point: PolicyPoint,
  { rule, message }: PolicyDecision & { readonly kind: "deny" },
): GreenticError {
  return new GreenticError("POLICY_DENIED", `Judge ${point}: denied by rule ${quote(rule)}, ${message}`, {
    details: { rule, point },
  });
}

/** Makes the error of a quota that is used up; `rule` is the quota's key, `quota.turns_per_minute`. */
export function quotaExceeded(rule: string, retryAfterMs?: number): GreenticError {
  return new GreenticError("POLICY_QUOTA_EXCEEDED", `Use quota: the tenant has none of ${quote(rule)} left`, {
    details: { rule },
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/** Makes the error of a tenant that keeps as much as it may, with the figures of it. */
export function storageExceeded(usedBytes: number, allowedBytes: number): GreenticError {
  const rule = "quota.stored_bytes";
  return new GreenticError(
    "POLICY_QUOTA_EXCEEDED",
    `Use quota: the tenant keeps ${usedBytes} bytes, and ${quote(rule)} allows ${allowedBytes}; ` +
      "erase conversations (gtc session erase), keep them for fewer days ([retention]), or raise it",
    { details: { rule, usedBytes, allowedBytes } },
  );
}
