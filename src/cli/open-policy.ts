import type { Bundle, Config, QuotaConfig } from "../config/index.ts";
import { readBundlePolicy } from "../config/index.ts";
import type { PolicyEngine } from "../policy/index.ts";
import { ALLOW_ALL, createPolicyEngine, openOpa, PolicyGate } from "../policy/index.ts";
import type { TurnObserver } from "../telemetry/index.ts";
import { NO_AUDIT, openAuditLog } from "../telemetry/index.ts";
import type { GreenticError, World } from "../types/index.ts";

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

/** The gate of a host, and the log that its denials go to. */
export interface HostPolicy extends AsyncDisposable {
  readonly gate: PolicyGate;
}

/** Makes the gate of a host; denials are kept where any can be made. @throws as {@link openPolicyEngine}, TELEMETRY_AUDIT_FAILED */
export async function openHostPolicy(
  config: Config,
  options: {
    readonly bundle: Bundle | undefined;
    readonly world: World;
    readonly observe?: TurnObserver | undefined;
    readonly onError?: ((error: GreenticError) => void) | undefined;
  },
): Promise<HostPolicy> {
  const { world, observe, onError } = options;
  const engine = await openPolicyEngine(config, options);
  const { isEnabled, dir, keepDays } = config.audit;
  const canDeny = engine !== ALLOW_ALL || hasQuotas(config.quota);
  const audit =
    isEnabled && canDeny
      ? await openAuditLog(dir, { ...(keepDays !== undefined && { keepDays }), ...(onError && { onError }) })
      : NO_AUDIT;
  return {
    gate: new PolicyGate({ engine, world, observe, audit }),
    [Symbol.asyncDispose]: () => audit[Symbol.asyncDispose](),
  };
}

/** Whether anything is bounded. */
export function hasQuotas({ all, tenants, turnsAtOnce }: QuotaConfig): boolean {
  return Object.keys(all).length > 0 || Object.keys(tenants).length > 0 || turnsAtOnce !== undefined;
}
