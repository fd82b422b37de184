import type { TenantCtx } from "../types/index.ts";
import type { SecretStore } from "./secret-store.ts";
import { secretCandidates } from "./secret-uri.ts";

/** Reads secrets for one tenant's work. Whether the caller may is decided before: by grants, by the pack's own list. */
export interface SecretReader {
  /** Reads `name` of a category (a pack's name, or `messaging`) in the context's scope: the team's, else the tenant's. */
  get(ctx: TenantCtx, category: string, name: string): Promise<string | undefined>;
}

/** Makes a reader that asks the stores in order. */
export function createSecretReader(stores: readonly SecretStore[]): SecretReader {
  return {
    async get(ctx, category, name) {
      for (const uri of secretCandidates(ctx, category, name)) {
        for (const store of stores) {
          const value = await store.read(uri);
          if (value !== undefined) return value;
        }
      }
      return undefined;
    },
  };
}
