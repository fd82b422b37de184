import type { BundlePolicy, PolicyConfig, PolicyPoint, ResidencyConfig } from "../config/index.ts";
import { POLICY_POINTS } from "../config/index.ts";
import type { CompiledRule } from "./compile-rule.ts";
import { compileRule } from "./compile-rule.ts";
import type { PolicyDecision, PolicyEngine } from "./decision.ts";
import { ALLOW_ALL, ALLOWED } from "./decision.ts";
import type { Facts } from "./facts.ts";
import { factsOf } from "./facts.ts";
import { judgeNetwork } from "./network.ts";

/** Somebody elsewhere who decides too. */
export interface PolicyBackend {
  readonly at: readonly PolicyPoint[];
  /** Never rejects; what can't be asked is its own decision. */
  decide(facts: Facts): Promise<PolicyDecision>;
}

export interface PolicyEngineOptions {
  readonly policy: PolicyConfig;
  readonly residency: ResidencyConfig;
  /** Takes away, and never gives. */
  readonly bundle?: BundlePolicy | undefined;
  readonly backend?: PolicyBackend | undefined;
}

/** Where a tenant that belongs elsewhere is turned away. */
const RESIDENCY_POINTS: readonly PolicyPoint[] = ["pack.load", "ingress", "turn"];

/**
 * Makes the engine of a host. Any rule that denies wins, wherever it stands; then one that allows; then what OPA says; then the default.
 * @throws POLICY_EXPRESSION_INVALID with the rule's place
 */
export function createPolicyEngine(options: PolicyEngineOptions): PolicyEngine {
  const { policy, residency, bundle, backend } = options;
  const rules = [...policy.rules, ...(bundle?.rules ?? [])].map(compileRule);
  const network = [...policy.network, ...(bundle?.network ?? [])];
  const at = new Map<PolicyPoint, readonly CompiledRule[]>();
  for (const point of POLICY_POINTS) {
    const own = rules.filter((rule) => rule.at.includes(point));
    const isAsked =
      own.length > 0 ||
      policy.default === "deny" ||
      policy.defaultDenyAt.includes(point) ||
      (point === "component.http" && network.length > 0) ||
      (RESIDENCY_POINTS.includes(point) && Object.keys(residency.tenants).length > 0) ||
      backend?.at.includes(point) === true;
    if (isAsked) at.set(point, own);
  }
  if (at.size === 0) return ALLOW_ALL;
  const byDefault = (point: PolicyPoint): PolicyDecision =>
    policy.default === "deny" || policy.defaultDenyAt.includes(point)
      ? { kind: "deny", rule: "default", message: "no rule allows it" }
      : ALLOWED;
  return {
    judges: (point) => at.has(point),
    decide: (question) => {
      const own = at.get(question.point);
      if (own === undefined) return ALLOWED;
      const facts = factsOf(question, policy, residency);
      const denied =
        judgeResidency(facts) ??
        (question.point === "component.http" ? judgeNetwork(network, question) : undefined) ??
        judgeRules(own, facts, "deny");
      if (denied !== undefined) return denied;
      const allowed = judgeRules(own, facts, "allow");
      if (backend?.at.includes(question.point) !== true) return allowed ?? byDefault(question.point);
      return backend.decide(facts).then((said) => (said.kind === "deny" ? said : (allowed ?? said)));
    },
  };
}

/** What stays in a region is served by hosts that are there. */
function judgeResidency({ point, tenant_region: wanted, host_region: here }: Facts): PolicyDecision | undefined {
  if (wanted === "" || wanted === here || !RESIDENCY_POINTS.some((one) => one === point)) return undefined;
  const where = here === "" ? "says no region" : `is in ${here}`;
  return { kind: "deny", rule: "residency", message: `the tenant belongs to ${wanted}, and this host ${where}` };
}

/** A deny that can't be told counts, and an allow that can't be told doesn't: what nobody knows isn't let through. */
function judgeRules(
  rules: readonly CompiledRule[],
  facts: Facts,
  effect: CompiledRule["effect"],
): PolicyDecision | undefined {
  for (const rule of rules) {
    if (rule.effect !== effect || (rule.tenant !== undefined && rule.tenant !== facts.tenant)) continue;
    const holds = rule.holds(facts);
    if (holds === true && effect === "allow") return { kind: "allow", rule: rule.id };
    if (holds === true) return { kind: "deny", rule: rule.id, message: rule.message ?? "the rule holds" };
    if (holds === "unknown" && effect === "deny")
      return { kind: "deny", rule: rule.id, message: "the rule asks for what isn't known" };
  }
  return undefined;
}
