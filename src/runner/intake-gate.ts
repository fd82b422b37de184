import type { Provider, ReceivedMessage } from "../messaging/index.ts";
import type { PolicyGate, Quotas } from "../policy/index.ts";
import { quotaExceeded } from "../policy/index.ts";
import type { TenantId } from "../types/index.ts";
import { isGreenticError } from "../types/index.ts";
import type { PackApp } from "./load-pack.ts";

export interface IntakeGateOptions {
  readonly gate: PolicyGate;
  readonly quotas: Quotas;
  /** Whether the host is full and a tenant has the largest part of it. */
  readonly isShed: (tenant: TenantId) => boolean;
}

/** When a caller may come again who was turned away because his tenant takes most of a full host. */
const SHED_MS = 1_000;

/** What policy and quotas say of messages and packs before they are taken in. */
export class IntakeGate {
  readonly #options: IntakeGateOptions;

  constructor(options: IntakeGateOptions) {
    this.#options = options;
  }

  /** Lets a message in. @throws POLICY_DENIED */
  async judge({ address }: Provider, { user }: ReceivedMessage): Promise<void> {
    const { gate } = this.#options;
    if (!gate.judges("ingress")) return;
    const { env, tenant, team, channel } = address;
    await gate.check({ point: "ingress", env, tenant, team, channel, user });
  }

  /** Lets a pack be loaded. @throws POLICY_DENIED */
  async judgeLoad({ scope, pack }: PackApp): Promise<void> {
    const { gate } = this.#options;
    if (!gate.judges("pack.load")) return;
    const { env, tenant, team } = scope;
    const { name, packHash, report } = pack;
    const { status, keyIds } = report.signature;
    const publisher = status === "valid" ? keyIds.join(" ") : "";
    await gate.check({ point: "pack.load", env, tenant, team, pack: name, packHash, publisher });
  }

  /**
   * Lets a caller in who can be told to come again: he waits for the answer, or writes into a log of ours. What a platform delivers is
   * kept and waits its turn. Says whether the turn was counted. @throws POLICY_QUOTA_EXCEEDED
   */
  async admitCaller({ address }: Provider): Promise<boolean> {
    const { gate, quotas, isShed } = this.#options;
    const { env, tenant, team, channel } = address;
    const isPaced = quotas.of(tenant).turnsPerMinute !== undefined;
    try {
      if (quotas.turnsAtOnce !== undefined && isShed(tenant)) throw quotaExceeded("quota.turns_at_once", SHED_MS);
      if (isPaced) await quotas.admitTurn({ env, tenant });
    } catch (error) {
      if (isGreenticError(error, "POLICY_QUOTA_EXCEEDED"))
        gate.tell(error, { point: "ingress", env, tenant, team, channel });
      throw error;
    }
    return isPaced;
  }
}
