import type { QuotaConfig, TenantQuota } from "../config/index.ts";
import type { EnvId, TenantId } from "../types/index.ts";
import { quotaExceeded } from "./denied.ts";

/** Where allowances are kept: in the store, so that all processes over it share them. */
export interface QuotaBuckets {
  takeTokens(
    bucket: string,
    rate: { readonly capacity: number; readonly perSecond: number },
    tokens?: number,
  ): Promise<number>;
}

export interface QuotasOptions {
  readonly quota: QuotaConfig;
  readonly buckets: QuotaBuckets;
  readonly nowMs: () => number;
}

interface Whose {
  readonly env: EnvId;
  readonly tenant: TenantId;
}

/** How much of a minute may come at once: little enough that a minute's worth never comes twice within one. */
const BURST = 0.25;
const UNBOUNDED: TenantQuota = Object.freeze({});

/** What each tenant may use, and has used. */
export class Quotas {
  readonly #options: QuotasOptions;
  #quota: QuotaConfig = { all: {}, tenants: {} };
  #hasAny = false;
  /** When the next one that waits here is let ask, by bucket: all at once would ask in vain. */
  readonly #slots = new Map<string, number>();
  /** Fuel that calls took and that isn't paid yet, by tenant: what a call costs is known behind it. */
  readonly #debts = new Map<string, number>();

  constructor(options: QuotasOptions) {
    this.#options = options;
    this.use(options.quota);
  }

  /** Bounds by other quotas from now on; what was taken of a minute stays taken. */
  use(quota: QuotaConfig): void {
    this.#quota = quota;
    this.#hasAny = Object.keys(quota.all).length > 0 || Object.keys(quota.tenants).length > 0;
  }

  /** Turns under way at once in this process, above which callers are turned away; undefined where nobody is. */
  get turnsAtOnce(): number | undefined {
    return this.#quota.turnsAtOnce;
  }

  /** The quota of a tenant. */
  of(tenant: string): TenantQuota {
    if (!this.#hasAny) return UNBOUNDED;
    const { all, tenants } = this.#quota;
    return Object.hasOwn(tenants, tenant) ? (tenants[tenant] ?? all) : all;
  }

  /** Counts a turn and gives 0, or gives the milliseconds after which to come again. */
  async takeTurn(whose: Whose): Promise<number> {
    const perMinute = this.of(whose.tenant).turnsPerMinute;
    return perMinute === undefined ? 0 : this.#takeOrWait(`quota:turns:${whose.env}:${whose.tenant}`, perMinute);
  }

  /** Counts the turn of a caller who can be told to come again. @throws POLICY_QUOTA_EXCEEDED */
  async admitTurn(whose: Whose): Promise<void> {
    const perMinute = this.of(whose.tenant).turnsPerMinute;
    if (perMinute === undefined) return;
    const waitMs = await this.#take(`quota:turns:${whose.env}:${whose.tenant}`, perMinute);
    if (waitMs > 0) throw quotaExceeded("quota.turns_per_minute", waitMs);
  }

  /** Counts a send and gives 0, or gives the milliseconds after which to come again. */
  async takeSend(whose: Whose): Promise<number> {
    const perMinute = this.of(whose.tenant).sendsPerMinute;
    return perMinute === undefined ? 0 : this.#takeOrWait(`quota:sends:${whose.env}:${whose.tenant}`, perMinute);
  }

  /** Pays for the calls that a tenant has made before it makes another. @throws POLICY_QUOTA_EXCEEDED */
  async admitCall({ env, tenant }: Whose): Promise<void> {
    const perMinute = this.of(tenant).fuelPerMinute;
    if (perMinute === undefined) return;
    const rate = { capacity: perMinute, perSecond: perMinute / 60 };
    for (;;) {
      const debt = this.#debts.get(tenant) ?? 0;
      if (debt <= 0) return;
      const share = Math.min(debt, perMinute);
      // Others of the tenant may pay meanwhile; nobody pays the same twice.
      this.#debts.set(tenant, debt - share);
      const waitMs = await this.#options.buckets.takeTokens(`quota:fuel:${env}:${tenant}`, rate, share);
      if (waitMs === 0) continue;
      this.#debts.set(tenant, (this.#debts.get(tenant) ?? 0) + share);
      throw quotaExceeded("quota.fuel_per_minute", waitMs);
    }
  }

  /** Notes what a call took. */
  chargeCall({ tenant }: Whose, fuel: number): void {
    if (this.of(tenant).fuelPerMinute === undefined || fuel <= 0) return;
    this.#debts.set(tenant, (this.#debts.get(tenant) ?? 0) + fuel);
  }

  #take(bucket: string, perMinute: number): Promise<number> {
    const capacity = Math.max(1, Math.ceil(perMinute * BURST));
    return this.#options.buckets.takeTokens(bucket, { capacity, perSecond: perMinute / 60 });
  }

  /** Who has to wait gets a time of its own. */
  async #takeOrWait(bucket: string, perMinute: number): Promise<number> {
    const waitMs = await this.#take(bucket, perMinute);
    if (waitMs === 0) return 0;
    const nowMs = this.#options.nowMs();
    const atMs = Math.max(nowMs + waitMs, (this.#slots.get(bucket) ?? 0) + 60_000 / perMinute);
    this.#slots.set(bucket, atMs);
    return Math.ceil(atMs - nowMs);
  }
}

/** Bounds nothing and asks nobody. */
export const NO_QUOTAS = new Quotas({
  quota: { all: {}, tenants: {} },
  buckets: { takeTokens: () => Promise.resolve(0) },
  nowMs: () => 0,
});
