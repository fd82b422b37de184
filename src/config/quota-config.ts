import type { JsonObject } from "../types/index.ts";

/** What one tenant may use; what isn't named isn't bounded. */
export interface TenantQuota {
  readonly turnsPerMinute?: number;
  readonly sendsPerMinute?: number;
  /** Units of the components' fuel. */
  readonly fuelPerMinute?: number;
  /** Of one call of a component. */
  readonly memoryBytes?: number;
  /** What its files and its sessions' records and state take together. */
  readonly storedBytes?: number;
}

/** What tenants may use of a host. */
export interface QuotaConfig {
  /** Whom `tenants` doesn't name, and what it doesn't say. */
  readonly all: TenantQuota;
  readonly tenants: Readonly<Record<string, TenantQuota>>;
  /** Turns under way at once in one process; above, tenants share. */
  readonly turnsAtOnce?: number;
}

interface QuotaTable {
  readonly turns_per_minute?: number;
  readonly sends_per_minute?: number;
  readonly fuel_per_minute?: number;
  readonly memory_bytes?: number;
  readonly stored_bytes?: number;
}

/** Reads `[quota]`. */
export function readQuota(table: JsonObject): QuotaConfig {
  const {
    turns_at_once: turnsAtOnce,
    tenants = {},
    ...all
  } = table as unknown as QuotaTable & {
    readonly turns_at_once?: number;
    readonly tenants?: Readonly<Record<string, QuotaTable>>;
  };
  return {
    all: quotaOf(all),
    tenants: Object.fromEntries(Object.entries(tenants).map(([name, own]) => [name, quotaOf({ ...all, ...own })])),
    ...(turnsAtOnce !== undefined && { turnsAtOnce }),
  };
}

function quotaOf(table: QuotaTable): TenantQuota {
  const { turns_per_minute: turns, sends_per_minute: sends, fuel_per_minute: fuel } = table;
  const { memory_bytes: memory, stored_bytes: stored } = table;
  return {
    ...(turns !== undefined && { turnsPerMinute: turns }),
    ...(sends !== undefined && { sendsPerMinute: sends }),
    ...(fuel !== undefined && { fuelPerMinute: fuel }),
    ...(memory !== undefined && { memoryBytes: memory }),
    ...(stored !== undefined && { storedBytes: stored }),
  };
}
