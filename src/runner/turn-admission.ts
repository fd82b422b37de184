import type { Lease } from "../session/index.ts";
import type { GreenticError } from "../types/index.ts";
import { isGreenticError, parseSessionKey } from "../types/index.ts";
import type { EngineEnv } from "./engine-env.ts";
import { isHostWork, isPaid } from "./own-envelope.ts";
import type { Trigger } from "./trigger.ts";

/** Whether a turn begins: now, after a rest, or never. */
export type Admitted =
  | { readonly kind: "go" }
  | { readonly kind: "rest"; readonly ms: number }
  | { readonly kind: "deny"; readonly error: GreenticError };

/**
 * Asks policy and quotas about a message's turn; undefined where there is nothing to ask. Timers go on with what was let in before; of
 * any turn it has to be known what its tenant keeps, where that is bounded.
 */
export function admitTurn(env: EngineEnv, lease: Lease, trigger: Trigger): Promise<Admitted> | undefined {
  const { quotas } = env;
  if (!quotas.boundsStored) return admitMessage(env, lease, trigger);
  return quotas
    .measureStored(parseSessionKey(lease.key))
    .then(() => admitMessage(env, lease, trigger) ?? { kind: "go" });
}

function admitMessage({ gate, quotas }: EngineEnv, lease: Lease, trigger: Trigger): Promise<Admitted> | undefined {
  if (trigger.kind !== "message" || trigger.isLater === true) return undefined;
  const { tenant } = trigger.entry.envelope.tenant;
  const isJudged = gate.judges("turn");
  const isPaced = quotas.of(tenant).turnsPerMinute !== undefined;
  if ((!isJudged && !isPaced) || isHostWork(trigger.entry.envelope)) return undefined;
  return admit({ gate, quotas }, lease, { trigger, isPaced: isPaced && !isPaid(trigger.entry.envelope) });
}

async function admit(
  { gate, quotas }: Pick<EngineEnv, "gate" | "quotas">,
  lease: Lease,
  { trigger, isPaced }: { readonly trigger: Trigger & { readonly kind: "message" }; readonly isPaced: boolean },
): Promise<Admitted> {
  const { env, tenant, team, channel, user } = parseSessionKey(lease.key);
  const { session } = lease;
  const going =
    session?.cursor === undefined ? {} : { pack: session.pack, packHash: session.packHash, ...session.cursor };
  const ctx = { env, tenant, team, user, provider: channel, session: lease.key, traceId: trigger.entry.traceId };
  try {
    await gate.check(
      { point: "turn", env, tenant, team, channel, user, ...going },
      { ...ctx, correlationId: ctx.traceId, attempt: 1, locale: "en" },
    );
  } catch (error) {
    if (isGreenticError(error, "POLICY_DENIED")) return { kind: "deny", error };
    throw error;
  }
  const ms = isPaced ? await quotas.takeTurn({ env, tenant }) : 0;
  return ms === 0 ? { kind: "go" } : { kind: "rest", ms };
}
