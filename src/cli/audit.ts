import type { Pack } from "../pack/index.ts";
import type { AuditEntry, AuditLog } from "../telemetry/index.ts";
import { isGreenticError } from "../types/index.ts";
import type { EnvId, TenantId } from "../types/index.ts";

/** Says which bytes an entry is about: `weather@1.0.0 sha256:…`. */
export function packTarget({ name, version, packHash }: Pick<Pack, "name" | "version" | "packHash">): string {
  return `${name}@${version} sha256:${packHash}`;
}

/** Opens a pack and records where that went back to an older version, or was refused because it would. */
export async function openAudited(
  open: () => Promise<Pack>,
  { audit, env, tenant }: { readonly audit: AuditLog; readonly env: EnvId; readonly tenant: TenantId },
): Promise<Pack> {
  const say = (said: Pick<AuditEntry, "target" | "outcome" | "code">): Promise<void> =>
    audit.record({ actor: "host", action: "pack.downgrade", env, tenant, ...said });
  try {
    const pack = await open();
    if (pack.step === "downgrade") await say({ target: packTarget(pack), outcome: "allowed" });
    return pack;
  } catch (error) {
    if (!isGreenticError(error, "PACK_VERSION_DOWNGRADE")) throw error;
    const { code, details } = error;
    const text = (key: string): string => String(details?.[key] ?? "");
    const refused = { name: text("pack"), version: text("version"), packHash: text("packHash") };
    await say({ target: `${packTarget(refused)} after ${text("previous")}`, outcome: "denied", code });
    throw error;
  }
}
