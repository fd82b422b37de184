/**
 * What a serverless platform waits for: the image's own arguments from process start to the ready line, beside an empty Node:
 * `node bench/cold-start.ts`, with `--write` to keep the table.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { hostArgs } from "../src/deployer/index.ts";
import { startServer } from "./server-process.ts";
import type { Row } from "./table.ts";
import { keepTables, printTable } from "./table.ts";

const ROOT = resolve(import.meta.dirname, "..");
const RUNS = 5;

interface Start {
  readonly readyMs: number;
  readonly processorMs: number;
}

function startEmpty(): Start {
  const startedMs = performance.now();
  const { stdout } = spawnSync(process.execPath, ["-p", "const { user, system } = process.cpuUsage(); user + system"]);
  return { readyMs: performance.now() - startedMs, processorMs: Number(stdout) / 1_000 };
}

async function startHost(data: string): Promise<Start> {
  const bundle = join(ROOT, "examples/weather-demo");
  const args = hostArgs({ bundle, host: "0.0.0.0", port: 0, data });
  const server = await startServer([join(ROOT, "src/cli/main.ts"), ...args], { cwd: ROOT });
  const processorMs = server.treeCpuMs();
  await server.stop();
  return { readyMs: server.readyMs, processorMs };
}

const SUBJECTS = [
  "an empty Node, to its end",
  "to ready, nothing kept",
  "to ready, components kept as admitted",
] as const;
const starts: Readonly<Record<(typeof SUBJECTS)[number], Start[]>> = {
  "an empty Node, to its end": [],
  "to ready, nothing kept": [],
  "to ready, components kept as admitted": [],
};
// By turns, so that all meet the machine in the same mood.
for (let run = 0; run < RUNS; run++) {
  const data = mkdtempSync(join(tmpdir(), "greentic-cold-"));
  starts["an empty Node, to its end"].push(startEmpty());
  starts["to ready, nothing kept"].push(await startHost(data));
  starts["to ready, components kept as admitted"].push(await startHost(data));
  rmSync(data, { recursive: true, force: true });
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
const medians = SUBJECTS.map((subject) => ({
  subject,
  readyMs: median(starts[subject].map(({ readyMs }) => readyMs)),
  processorMs: median(starts[subject].map(({ processorMs }) => processorMs)),
}));
const rows = medians.map(({ subject, readyMs, processorMs }): Row => ({
  subject,
  ms: Math.round(readyMs),
  "of an empty Node": Math.round((readyMs / (medians[0]?.readyMs ?? 1)) * 10) / 10,
  "processor ms by then": Math.round(processorMs),
}));
const title = `Cold start, median of ${RUNS}`;
printTable(title, rows);
if (process.argv.includes("--write")) keepTables("cold-start", [[title, rows]]);
