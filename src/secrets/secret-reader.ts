import type { TenantCtx } from "../types/index.ts";
import type { SecretStore, WritableSecretStore } from "./secret-store.ts";
import { secretCandidates } from "./secret-uri.ts";

/** Reads secrets for one tenant's work. Whether the caller may is decided before: by grants, by the pack's own list. */
export interface SecretReader {
  /** Reads `name` of a category (a pack's name, or `messaging`) in the context's scope: the team's, else the tenant's. */
  get(ctx: TenantCtx, category: string, name: string): Promise<string | undefined>;
  /** The same reader in somebody's name, where it is kept who reads what; see `readAs`. */
  as?(actor: string): SecretReader;
}

/** Writes secrets for one tenant's work; who may is decided before. */
export interface SecretWriter {
  /** Writes `name` of a category where a reader of the same context looks first. */
  put(ctx: TenantCtx, category: string, name: string, value: string): Promise<void>;
  /** The same writer in somebody's name, where it is kept who writes what; see `readAs`. */
  as?(actor: string): SecretWriter;
}

/** Makes a writer into one store. */
export function createSecretWriter(store: WritableSecretStore): SecretWriter {
  return {
    async put(ctx, category, name, value) {
      const [place] = secretCandidates(ctx, category, name);
      if (place !== undefined) await store.write(place, value);
    },
  };
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
