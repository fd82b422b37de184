import { resolve } from "node:path";
import type { JsonObject } from "../types/index.ts";

/** Where it is kept who did what. */
export interface AuditConfig {
  readonly isEnabled: boolean;
  /** Absolute. */
  readonly dir: string;
  /** Files whose last entry is older are removed. */
  readonly keepDays: number;
}

interface AuditTable {
  readonly enabled?: boolean;
  readonly dir?: string;
  readonly keep_days?: number;
}

/** Reads `[audit]`. */
export function readAuditConfig(
  table: JsonObject,
  { base, dataDir }: { readonly base: string; readonly dataDir: string },
): AuditConfig {
  const { enabled = true, dir, keep_days: keepDays = 365 } = table as AuditTable;
  return { isEnabled: enabled, dir: dir === undefined ? resolve(dataDir, "audit") : resolve(base, dir), keepDays };
}
