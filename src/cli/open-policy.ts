import type { BundlePolicy, Config } from "../config/index.ts";
import type { PolicyEngine } from "../policy/index.ts";
import { createPolicyEngine, openOpa } from "../policy/index.ts";
import type { World } from "../types/index.ts";

/**
 * Makes the policy engine of a configuration and a bundle.
 * @throws POLICY_EXPRESSION_INVALID with the rule's place, POLICY_BUNDLE_INVALID
 */
export async function openPolicyEngine(
  { policy, residency, bundle }: Pick<Config, "policy" | "residency"> & { readonly bundle: BundlePolicy | undefined },
  world: World,
): Promise<PolicyEngine> {
  return createPolicyEngine({ policy, residency, bundle, backend: policy.opa && (await openOpa(policy.opa, world)) });
}
