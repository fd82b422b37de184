import { join } from "node:path";
import type { Config } from "../config/index.ts";
import { fullChecks } from "../conformance/index.ts";
import type { PackShelf, ShelvedPack } from "../deployer/index.ts";
import { OciCache } from "../oci/index.ts";
import { openPack } from "../pack/index.ts";
import type { MissingDependency, Pack, TrustPolicy } from "../pack/index.ts";
import type { AuditLog } from "../telemetry/index.ts";
import { GreenticError } from "../types/index.ts";
import type { TenantId } from "../types/index.ts";
import { shelfDependencies } from "./app-dependencies.ts";
import { openAudited } from "./audit.ts";
import { refreshPins } from "./pins.ts";

/** How a pack is taken. */
export interface RegisterOptions {
  readonly config: Config;
  readonly shelf: PackShelf;
  readonly trust: TrustPolicy;
  readonly nowMs: number;
  readonly audit: AuditLog;
  readonly provenance: readonly Uint8Array[];
  /** What the operator decides beside the configuration. */
  readonly allow?: {
    readonly unsigned?: boolean;
    readonly mismatch?: boolean;
    readonly downgrade?: boolean;
    readonly missingDependencies?: boolean;
  };
  /** The digest of the artifact that it was pulled as. */
  readonly artifact?: string | undefined;
  /** Once it is verified, before anything changes. @throws where it is not to be registered after all */
  readonly check?: (pack: Pack) => Promise<void> | void;
}

/** A pack that was registered, and what an operator should know of it. */
export interface Registered {
  readonly pack: Pack;
  readonly shelved: ShelvedPack;
  readonly warnings: readonly MissingDependency[];
}

/** Verifies a pack in full and registers it: the one way for the command line and the admin API. @throws PACK_…, COMPONENT_IMPORT_UNGRANTED */
export async function registerPack(tenant: TenantId, bytes: Uint8Array, options: RegisterOptions): Promise<Registered> {
  const { config, shelf, trust, nowMs, audit, provenance, allow = {}, artifact } = options;
  const { mismatch: allowMismatch = false } = allow;
  const allowUnsigned = allow.unsigned === true || allowMismatch;
  const open = (): Promise<Pack> =>
    openPack(bytes, {
      trust: allowUnsigned ? { ...trust, rejectUnsigned: false } : trust,
      nowMs,
      provenance,
      policy: {
        previous: (name) => shelf.previous(tenant, name),
        allowDowngrade: allow.downgrade === true,
        ...(allowMismatch && { sbom: "warn" }),
      },
    });
  const pack = await openAudited(open, { audit, env: config.env, tenant });
  const full = await fullChecks(bytes, { nowMs });
  for (const [name, component] of pack.components) {
    const [finding] = await full.checkComponent({
      ...component,
      name,
      bytes: pack.read(component.path) ?? new Uint8Array(),
    });
    if (finding?.severity === "error")
      throw new GreenticError("COMPONENT_IMPORT_UNGRANTED", `Load pack ${pack.name}: ${finding.message}`);
  }
  const { missing, broken } = await shelfDependencies(shelf, { tenant, pack, nowMs });
  const [lost] = missing;
  if (lost !== undefined && allow.missingDependencies !== true) throw new GreenticError(lost.code, lost.message);
  await options.check?.(pack);
  const shelved = await shelf.add(tenant, bytes, {
    pack,
    allowUnsigned: allowUnsigned && pack.report.signature.status !== "valid",
    allowMismatch,
    ...(artifact !== undefined && { artifact }),
  });
  await refreshPins(new OciCache(join(config.dataDir, "oci")), shelf);
  return { pack, shelved, warnings: [...missing, ...broken] };
}
