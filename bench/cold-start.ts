/** What a serverless platform waits for: the image's own arguments from process start to the ready line, beside an empty Node: `node bench/cold-start.ts`. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { hostArgs } from "../src/deployer/index.ts";
import { startServer } from "./server-process.ts";
import { printTable } from "./table.ts";

const ROOT = resolve(import.meta.dirname, "..");
const RUNS = 5;

function emptyMs(): number {
  const startedMs = performance.now();
  spawnSync(process.execPath, ["-e", "0"]);
  return performance.now() - startedMs;
}

/** Each with a data directory of its own: nothing is left of a start before. */
async function coldMs(): Promise<number> {
  const data = mkdtempSync(join(tmpdir(), "greentic-cold-"));
  const bundle = join(ROOT, "examples/weather-demo");
  const args = hostArgs({ bundle, host: "0.0.0.0", port: 0, data });
  const server = await startServer([join(ROOT, "src/cli/main.ts"), ...args], { cwd: ROOT });
  await server.stop();
  rmSync(data, { recursive: true, force: true });
  return server.readyMs;
}

const median = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0;

// By turns, so that both meet the machine in the same mood.
const empty: number[] = [];
const cold: number[] = [];
for (let run = 0; run < RUNS; run++) {
  empty.push(emptyMs());
  cold.push(await coldMs());
}
printTable("Cold start, median of 5", [
  { subject: "node -e 0 (ms)", value: Math.round(median(empty)) },
  { subject: "start to ready, nothing kept (ms)", value: Math.round(median(cold)) },
  { subject: "ratio", value: Math.round((median(cold) / median(empty)) * 10) / 10 },
]);
