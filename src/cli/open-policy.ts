import type { Bundle, Config, QuotaConfig } from "../config/index.ts";
import { readBundlePolicy } from "../config/index.ts";
import type { PolicyEngine } from "../policy/index.ts";
import { createPolicyEngine, openOpa, PolicyGate } from "../policy/index.ts";
import type { AuditLog, TurnObserver } from "../telemetry/index.ts";
import type { World } from "../types/index.ts";

/**
 * Makes the policy engine of a configuration and a bundle.
 * @throws POLICY_EXPRESSION_INVALID with the rule's place, POLICY_BUNDLE_INVALID, CONFIG_…
 */
export async function openPolicyEngine(
  config: Config,
  { bundle, world }: { readonly bundle: Bundle | undefined; readonly world: World },
): Promise<PolicyEngine> {
  const { policy, residency } = config;
  return createPolicyEngine({
    policy,
    residency,
    bundle: bundle && readBundlePolicy(bundle.files),
    backend: policy.opa && (await openOpa(policy.opa, world)),
  });
}

/** Makes the gate of a host, whose denials go on record. @throws as {@link openPolicyEngine} */
export async function openHostPolicy(
  config: Config,
  options: {
    readonly bundle: Bundle | undefined;
    readonly world: World;
    readonly observe?: TurnObserver | undefined;
    readonly audit: AuditLog;
  },
): Promise<PolicyGate> {
  const { world, observe, audit } = options;
  return new PolicyGate({ engine: await openPolicyEngine(config, options), world, observe, audit });
}

/** Whether anything is bounded. */
export function hasQuotas({ all, tenants, turnsAtOnce }: QuotaConfig): boolean {
  return Object.keys(all).length > 0 || Object.keys(tenants).length > 0 || turnsAtOnce !== undefined;
}
