import type { QuotaConfig, TenantQuota } from "../config/index.ts";
import type { EnvId, GreenticError, TenantId } from "../types/index.ts";
import { quotaExceeded, storageExceeded } from "./denied.ts";
import type { BytesKeeper } from "./stored-bytes.ts";
import { StoredBytes } from "./stored-bytes.ts";

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
  /** Where tenants keep what their `storedBytes` bounds. */
  readonly keepers?: readonly BytesKeeper[];
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
  #boundsStored = false;
  /** When the next one that waits here is let ask, by bucket: all at once would ask in vain. */
  readonly #slots = new Map<string, number>();
  /** Fuel that calls took and that isn't paid yet, by tenant: what a call costs is known behind it. */
  readonly #debts = new Map<string, number>();
  readonly #stored: StoredBytes;

  constructor(options: QuotasOptions) {
    this.#options = options;
    this.#stored = new StoredBytes(options.keepers ?? [], options.nowMs);
    this.use(options.quota);
  }

  /** Bounds by other quotas from now on; what was taken of a minute stays taken. */
  use(quota: QuotaConfig): void {
    this.#quota = quota;
    this.#hasAny = Object.keys(quota.all).length > 0 || Object.keys(quota.tenants).length > 0;
    this.#boundsStored = [quota.all, ...Object.values(quota.tenants)].some((own) => own.storedBytes !== undefined);
  }

  /** Whether what any tenant keeps is bounded. */
  get boundsStored(): boolean {
    return this.#boundsStored;
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

  /** Sees to it that what a bounded tenant keeps is known; asks nobody about others. @throws STORE_UNAVAILABLE */
  async measureStored(whose: Whose): Promise<void> {
    if (this.of(whose.tenant).storedBytes !== undefined) await this.#stored.measure(whose);
  }

  /** Bytes that a tenant may keep beside what it keeps, as far as that is known. */
  storedRoom(whose: Whose): number {
    const allowed = this.of(whose.tenant).storedBytes;
    return allowed === undefined ? Number.POSITIVE_INFINITY : Math.max(0, allowed - this.#stored.of(whose));
  }

  /** What a tenant keeps, bounded or not, and how much it may where it is. @throws STORE_UNAVAILABLE */
  async stored(whose: Whose): Promise<{ readonly bytes: number; readonly allowedBytes?: number }> {
    await this.#stored.measure(whose);
    const allowedBytes = this.of(whose.tenant).storedBytes;
    return { bytes: this.#stored.of(whose), ...(allowedBytes !== undefined && { allowedBytes }) };
  }

  /** Makes the error of what a tenant has no room for. */
  storageExceeded(whose: Whose): GreenticError {
    return storageExceeded(this.#stored.of(whose), this.of(whose.tenant).storedBytes ?? 0);
  }

  /** Notes what is kept more of a tenant, or less. */
  noteStored(whose: Whose, bytes: number): void {
    if (this.of(whose.tenant).storedBytes !== undefined) this.#stored.add(whose, bytes);
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
