import { isGreenticError } from "../types/index.ts";
import type { TenantCtx } from "../types/index.ts";
import type { SecretReader, SecretWriter } from "./secret-reader.ts";
import { formatSecretUri, secretCandidates } from "./secret-uri.ts";

/** One read or write of a secret, without what it is. */
export interface SecretUse {
  readonly ctx: TenantCtx;
  /** `component:weather`, `channel:slack` */
  readonly actor: string;
  /** The nearest address that was asked: the team's own, or the tenant's. */
  readonly address: string;
  readonly outcome: "allowed" | "failed";
  /** SECRETS_NOT_FOUND where there is none to read. */
  readonly code?: string;
}

interface Watch {
  readonly actor: string;
  readonly tell: (use: SecretUse) => void;
}

/** Makes a reader that tells of every read, whatever came of it; nobody waits for the telling. */
export function watchedReader(reader: SecretReader, { actor, tell }: Watch): SecretReader {
  return {
    as: (other) => watchedReader(reader, { actor: other, tell }),
    async get(ctx, category, name) {
      const use = { ctx, actor, address: addressOf(ctx, category, name) };
      const value = await told(use, tell, () => reader.get(ctx, category, name));
      tell(
        value === undefined ? { ...use, outcome: "failed", code: "SECRETS_NOT_FOUND" } : { ...use, outcome: "allowed" },
      );
      return value;
    },
  };
}

/** Makes a writer that tells of every write, whatever came of it; nobody waits for the telling. */
export function watchedWriter(writer: SecretWriter, { actor, tell }: Watch): SecretWriter {
  return {
    as: (other) => watchedWriter(writer, { actor: other, tell }),
    async put(ctx, category, name, value) {
      const use = { ctx, actor, address: addressOf(ctx, category, name) };
      await told(use, tell, () => writer.put(ctx, category, name, value));
      tell({ ...use, outcome: "allowed" });
    },
  };
}

function addressOf(ctx: TenantCtx, category: string, name: string): string {
  const [uri] = secretCandidates(ctx, category, name);
  return uri === undefined ? "" : formatSecretUri(uri);
}

/** Tells of what fails. */
async function told<T>(
  use: Pick<SecretUse, "ctx" | "actor" | "address">,
  tell: Watch["tell"],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    tell({ ...use, outcome: "failed", code: isGreenticError(error) ? error.code : "unknown" });
    throw error;
  }
}

/** Says who reads, where somebody keeps count. */
export function readAs(reader: SecretReader, actor: string): SecretReader {
  return reader.as?.(actor) ?? reader;
}

/** Says who writes, where somebody keeps count. */
export function writeAs(writer: SecretWriter, actor: string): SecretWriter {
  return writer.as?.(actor) ?? writer;
}
