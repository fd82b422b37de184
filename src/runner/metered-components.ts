import type { ComponentCall, ComponentHost, ComponentResult } from "../component/index.ts";
import type { PolicyGate, Quotas } from "../policy/index.ts";
import { quotaExceeded } from "../policy/index.ts";
import type { GreenticError, TenantCtx } from "../types/index.ts";
import { isGreenticError } from "../types/index.ts";
import { outcomeError } from "./node-failure.ts";
import { questionOf } from "./policy-questions.ts";

const NOTHING = { wallMs: 0, fuel: 0, peakMemoryBytes: 0, hostCalls: [], log: "" } as const;

/**
 * A component host that counts what tenants take of it. Fuel is paid behind a call, so that the call which goes beyond a minute's
 * worth ends, and the next one waits; a call that took more memory than its tenant may has its answer taken away.
 */
export function meterComponents(
  host: ComponentHost,
  { quotas, gate }: { readonly quotas: Quotas; readonly gate: PolicyGate },
): ComponentHost {
  const refused = (error: GreenticError, ctx: TenantCtx, component: string): GreenticError => {
    gate.tell(error, { ...questionOf(ctx, "node"), component }, ctx);
    return error;
  };
  return {
    admit: (bytes, grants) => host.admit(bytes, grants),
    examine: (bytes) => host.examine(bytes),
    describe: (sha256, links) => host.describe(sha256, links),
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
    async invoke(ctx: TenantCtx, call: ComponentCall): Promise<ComponentResult> {
      try {
        await quotas.admitCall(ctx);
      } catch (error) {
        if (!isGreenticError(error, "POLICY_QUOTA_EXCEEDED")) throw error;
        return { kind: "error", error: outcomeError(refused(error, ctx, call.component)), stats: NOTHING };
      }
      const result = await host.invoke(ctx, call);
      quotas.chargeCall(ctx, result.stats.fuel);
      const { memoryBytes } = quotas.of(ctx.tenant);
      if (memoryBytes === undefined || result.stats.peakMemoryBytes <= memoryBytes) return result;
      const error = refused(quotaExceeded("quota.memory_bytes"), ctx, call.component);
      // It would take as much again.
      return { kind: "error", error: { ...outcomeError(error), retryable: false }, stats: result.stats };
    },
  };
}
