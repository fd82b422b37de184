import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { OciCache, OciClient, OciLibrary, pullArtifact, pushPack } from "../src/oci/index.ts";
import { hasProgram, startDockerRegistry } from "../test/stand-ins/docker-registry.ts";
import type { Row } from "./table.ts";

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
      const hashMs = await timed(() => Promise.resolve(createHash("sha256").update(bytes).digest()));
      for (const [what, work] of [
        ["push", () => pushPack(client, reference, { bytes, labels })],
        ["pull", pull],
        ["from the cache", pull],
      ] as const) {
        const lag = monitorEventLoopDelay({ resolution: 1 });
        lag.enable();
        const took = await timed(work);
        lag.disable();
        rows.push({
          subject: `${megabytes} MB, ${what}`,
          "MB/s": Math.round((megabytes / took) * 1_000),
          "of hashing once": Math.round((took / hashMs) * 10) / 10,
          "event loop, longest ms": Math.round(lag.max / 1e5) / 10,
        });
      }
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return rows;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

if (import.meta.main) console.table(await benchRegistries());
