import { join } from "node:path";
import type { AdminPacks, RegisteredPack } from "../../admin/index.ts";
import type { Config } from "../../config/index.ts";
import { PackShelf } from "../../deployer/index.ts";
import type { ShelvedPack } from "../../deployer/index.ts";
import { OciCache } from "../../oci/index.ts";
import type { TenantId } from "../../types/index.ts";
import type { Host } from "../host.ts";
import { refreshPins } from "../pins.ts";
import { registerPack } from "../register-pack.ts";
import type { TrustPolicy } from "../../pack/index.ts";

/** A host's packs: registered and taken out by the same code as the command line's, and swapped in at once. */
export function createAdminPacks(
  host: Host,
  { config, readTrust }: { readonly config: Config; readonly readTrust: () => Promise<TrustPolicy> },
): AdminPacks {
  const shelf = new PackShelf(config.dataDir);
  // The shelf is one file: who changes it goes after who does already.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work, work);
    last = mine.catch(() => undefined);
    return mine;
  };
  const find = async (tenant: TenantId, name: string): Promise<ShelvedPack | undefined> =>
    (await shelf.list(tenant)).find((one) => one.name === name);
  return {
    running: () => host.runtime.listPacks(),
    refused: () => host.packs.refused.map(({ tenant, name, error: { code } }) => ({ tenant, name, code })),
    registered: async (tenant) => (await shelf.list(tenant)).map(rowOf),
    load: (tenant, bytes, { check }) =>
      inTurn(async () => {
        const { pack } = await registerPack(tenant, bytes, {
          config,
          shelf,
          trust: await readTrust(),
          nowMs: host.world.nowMs(),
          audit: host.audit,
          provenance: [],
          check: async ({ name }) => check(await find(tenant, name), name),
        });
        await host.packs.reload();
        const { name, version, packHash } = pack;
        return { name, version, packHash, signature: pack.report.signature.status };
      }),
    unload: (tenant, name, { check }) =>
      inTurn(async () => {
        const found = await find(tenant, name);
        if (found === undefined) return false;
        check(found);
        await shelf.remove(tenant, name);
        await refreshPins(new OciCache(join(config.dataDir, "oci")), shelf);
        await host.packs.reload();
        return true;
      }),
  };
}

function rowOf({ name, version, packHash }: ShelvedPack): RegisteredPack {
  return { name, version, packHash };
}
