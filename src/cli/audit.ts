import { join } from "node:path";
import type { Config } from "../config/index.ts";
import { AuditLog } from "../pack/index.ts";
import type { AuditRecord, Pack } from "../pack/index.ts";
import { isGreenticError } from "../types/index.ts";
import type { TenantId } from "../types/index.ts";

/** The audit log of a data directory: who looks for what was decided about packs finds it there. */
export function auditOf(config: Config): AuditLog {
  return new AuditLog(join(config.dataDir, "audit.jsonl"));
}

/** Opens a pack and records where that went back to an older version, or was refused because it would. */
export async function openAudited(
  open: () => Promise<Pack>,
  { config, tenant, nowMs }: { readonly config: Config; readonly tenant: TenantId; readonly nowMs: number },
): Promise<Pack> {
  const say = (record: Omit<AuditRecord, "tenant">): Promise<void> =>
    auditOf(config).append({ tenant, ...record }, nowMs);
  try {
    const pack = await open();
    const { name, version, packHash } = pack;
    if (pack.step === "downgrade") await say({ event: "pack.downgrade.allowed", pack: name, version, packHash });
    return pack;
  } catch (error) {
    if (!isGreenticError(error, "PACK_VERSION_DOWNGRADE")) throw error;
    const { code, details } = error;
    const text = (key: string): string => String(details?.[key] ?? "");
    const pack = {
      pack: text("pack"),
      version: text("version"),
      packHash: text("packHash"),
      previous: text("previous"),
    };
    await say({ event: "pack.downgrade.refused", ...pack, code });
    throw error;
  }
}
