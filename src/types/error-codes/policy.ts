import type { ErrorTable } from "../error-kind.ts";

/** Codes of the policy layer. */
export const policyErrors = {
  POLICY_DENIED: {
    kind: "permission_denied",
    help: "The rule that the message names denies it; `gtc policy test` tells why, and `gtc policy check` where the rule stands.",
  },
  POLICY_QUOTA_EXCEEDED: {
    kind: "rate_limited",
    help: "The tenant has used what it may; try again later, make room where the message says so, or raise what it names in [quota] of greentic.toml.",
  },
  POLICY_EXPRESSION_INVALID: {
    kind: "invalid_input",
    help: "Correct the rule's expression; docs/policy.md lists the names that it may use.",
  },
  POLICY_BUNDLE_INVALID: {
    kind: "invalid_input",
    help: "Build the OPA bundle again with `opa build -t wasm -e <entrypoint>`, and name its file in policy.opa.wasm.",
  },
  POLICY_QUESTION_INVALID: {
    kind: "invalid_input",
    help: 'Give a JSON object with "point" and what the rules ask about; docs/policy.md lists the names.',
  },
} as const satisfies ErrorTable;
