import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { addApp } from "../../deployer/index.ts";
import type { BootstrapStep } from "../../deployer/index.ts";
import { buildPack, loadSigningKey, signPackFile, writeFileAtomic } from "../../pack/index.ts";
import { probeComponent } from "../../conformance/index.ts";

/** Builds packs of their sources, signs them with the dev key, and names them in the bundle. @throws PACK_…, FLOW_… */
export async function buildApps(
  sources: readonly string[],
  { dir, keyFile }: { readonly dir: string; readonly keyFile: string },
): Promise<readonly BootstrapStep[]> {
  const key = await loadSigningKey(keyFile);
  const steps: BootstrapStep[] = [];
  for (const source of sources) {
    const built = await buildPack(resolve(dir, source), { probeComponent });
    const name = built.fileName.replace(/-\d.*$/, "");
    const pack = `packs/${name}.gtpack`;
    await mkdir(join(dir, "packs"), { recursive: true });
    await writeFileAtomic(join(dir, pack), built.bytes);
    await signPackFile(join(dir, pack), key);
    await addApp(dir, { name, pack });
    steps.push({ what: `pack ${pack}, built of ${source} and signed with the dev key`, done: true });
  }
  return steps;
}
