import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OciCache, OciClient, OciLibrary, pullArtifact, pushPack } from "../src/oci/index.ts";
import { hasProgram, startDockerRegistry } from "../test/stand-ins/docker-registry.ts";
import { measureLoop } from "./loop-cost.ts";
import { costColumns } from "./packs.ts";
import type { Row } from "./table.ts";
import { printTable } from "./table.ts";

/** Packs of 10 and 200 MB to Debian's registry on this machine and back; hashing once is what nobody can do without. */
export async function benchRegistries(): Promise<readonly Row[]> {
  if (!hasProgram("docker-registry")) return [{ subject: "docker-registry isn't installed" }];
  await using registry = await startDockerRegistry();
  const dir = mkdtempSync(join(tmpdir(), "greentic-bench-"));
  const rows: Row[] = [];
  try {
    for (const megabytes of [10, 200]) {
      const bytes = randomBytes(megabytes * 1_000_000);
      const client = new OciClient();
      const reference = { registry: registry.host, repository: "bench", tag: `m${megabytes}` };
      const labels = { name: "bench", version: "1.0.0", packHash: "00" };
      const pull = async (): Promise<void> => {
        const library = new OciLibrary({ client, cache: new OciCache(join(dir, String(megabytes))) });
        await pullArtifact(library, reference, { kind: "pack" });
      };
      const startMs = performance.now();
      createHash("sha256").update(bytes).digest();
      const hashMs = performance.now() - startMs;
      for (const [what, work] of [
        ["push", () => pushPack(client, reference, { bytes, labels })],
        ["pull", pull],
        ["from the cache", pull],
      ] as const) {
        const cost = await measureLoop(work);
        rows.push({
          subject: `${megabytes} MB, ${what}`,
          "MB/s": Math.round((megabytes / cost.tookMs) * 1_000),
          "of hashing once": Math.round((cost.tookMs / hashMs) * 10) / 10,
          ...costColumns(cost),
        });
      }
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return rows;
}

if (import.meta.main) printTable("Packs through a registry", await benchRegistries());
