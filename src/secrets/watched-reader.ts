import { isGreenticError } from "../types/index.ts";
import type { TenantCtx } from "../types/index.ts";
import type { SecretReader } from "./secret-reader.ts";
import { formatSecretUri, secretCandidates } from "./secret-uri.ts";

/** One read of a secret, without what was read. */
export interface SecretRead {
  readonly ctx: TenantCtx;
  /** `component:weather`, `channel:slack` */
  readonly actor: string;
  /** The nearest address that was asked: the team's own, or the tenant's. */
  readonly address: string;
  readonly outcome: "allowed" | "failed";
  /** SECRETS_NOT_FOUND where there is none. */
  readonly code?: string;
}

/** Makes a reader that tells of every read, whatever came of it; nobody waits for the telling. */
export function watchedReader(
  reader: SecretReader,
  { actor, tell }: { readonly actor: string; readonly tell: (read: SecretRead) => void },
): SecretReader {
  return {
    as: (other) => watchedReader(reader, { actor: other, tell }),
    async get(ctx, category, name) {
      const [uri] = secretCandidates(ctx, category, name);
      const read = { ctx, actor, address: uri === undefined ? "" : formatSecretUri(uri) };
      try {
        const value = await reader.get(ctx, category, name);
        tell(
          value === undefined
            ? { ...read, outcome: "failed", code: "SECRETS_NOT_FOUND" }
            : { ...read, outcome: "allowed" },
        );
        return value;
      } catch (error) {
        tell({ ...read, outcome: "failed", code: isGreenticError(error) ? error.code : "unknown" });
        throw error;
      }
    },
  };
}

/** Says who reads, where somebody keeps count. */
export function readAs(reader: SecretReader, actor: string): SecretReader {
  return reader.as?.(actor) ?? reader;
}
