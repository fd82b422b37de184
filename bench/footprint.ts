/** What a host weighs: start to ready, idle memory, bytes of a waiting session and their growth. */
import { readdirSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { jsonPost, loadHttp } from "./http-load.ts";
import { startServer } from "./server-process.ts";
import type { Row } from "./table.ts";
import { printTable } from "./table.ts";
import { makeBundle, startHost } from "./turns-http.ts";

const ROOT = resolve(import.meta.dirname, "..");

async function startToReady(): Promise<readonly Row[]> {
  const data = join(ROOT, ".greentic/bench");
  rmSync(data, { recursive: true, force: true });
  const times: number[] = [];
  let idleMiB = 0;
  for (let run = 0; run < 6; run++) {
    const server = await startServer(
      [join(ROOT, "src/cli/main.ts"), "start", "examples/weather-demo", "--port", "0", "--data", data],
      { cwd: ROOT },
    );
    times.push(server.readyMs);
    await new Promise((later) => setTimeout(later, 1_500));
    idleMiB = server.residentMiB();
    await server.stop();
  }
  const [first = 0, ...later] = times;
  later.sort((a, b) => a - b);
  return [
    { subject: "weather demo, first start to ready (ms)", value: Math.round(first) },
    { subject: "weather demo, later starts to ready, median of 5 (ms)", value: Math.round(later[2] ?? 0) },
    { subject: "host process resident when idle (MiB)", value: Math.round(idleMiB) },
  ];
}

/** Bytes of everything in a directory. */
function bytesIn(dir: string): number {
  return readdirSync(dir, { withFileTypes: true }).reduce(
    (sum, entry) => sum + (entry.isDirectory() ? bytesIn(join(dir, entry.name)) : statSync(join(dir, entry.name)).size),
    0,
  );
}

async function waitingSessions(): Promise<readonly Row[]> {
  const bundle = await makeBundle();
  const sessions = 5_000;
  const rows: Row[] = [];
  try {
    let before = 0;
    for (const turns of [1, 3, 9]) {
      const server = await startHost(bundle, "sqlite");
      const first = turns === 1 ? 0 : turns === 3 ? 1 : 3;
      if (turns === 1) before = bytesIn(join(bundle, "data-sqlite"));
      for (let turn = first; turn < turns; turn++) {
        let next = 0;
        await loadHttp({
          port: server.port,
          connections: 32,
          durationMs: 120_000,
          request: () =>
            jsonPost(
              `/v1/webhook/demo/ask?session=w${next++ % sessions}`,
              JSON.stringify({ text: ["hello", "Ana", "Jakarta", "tomorrow"][turn % 4] }),
            ),
          limit: sessions,
        });
      }
      await server.stop();
      rows.push({
        subject: `bytes on disk a waiting session after ${turns} turns`,
        value: Math.round((bytesIn(join(bundle, "data-sqlite")) - before) / sessions),
      });
    }
  } finally {
    rmSync(bundle, { recursive: true, force: true });
  }
  return rows;
}

/** Measures start, memory and disk. */
export async function benchFootprint(): Promise<readonly Row[]> {
  return [...(await startToReady()), ...(await waitingSessions())];
}

if (import.meta.main) printTable("Footprint", await benchFootprint());
