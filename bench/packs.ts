/** What packs cost a host: building, verifying and checking them, and how long anybody else waits meanwhile. */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { doctorFlowPaced } from "../src/flow/index.ts";
import { buildPack, TRUST_NOBODY, verifyPack } from "../src/pack/index.ts";
import { KIND_CATALOG } from "../src/runner/index.ts";
import { Pace, runInTurns } from "../src/types/index.ts";
import { measureLoop } from "./loop-cost.ts";
import type { LoopCost } from "./loop-cost.ts";
import type { Row } from "./table.ts";
import { printTable } from "./table.ts";

const PACKS = [
  { subject: "10 MB in 10 files", files: 10, bytes: 1_000_000 },
  { subject: "10 MB in one file", files: 1, bytes: 10_000_000 },
  { subject: "200 MB in 200 files", files: 200, bytes: 1_000_000 },
  { subject: "200 MB in 8 files", files: 8, bytes: 25_000_000 },
  { subject: "4,000 files of 500 bytes", files: 4_000, bytes: 500 },
] as const;
const NODES = 1_000;
/** The best of so many: the machine is shared, and the first one compiles. */
const RUNS = 4;

/** Rounds what a piece of work cost the loop to the columns of a table. */
export function costColumns(cost: LoopCost): Row {
  const round = (value: number): number => Math.round(value * 10) / 10;
  return {
    "took ms": Math.round(cost.tookMs),
    "loop late p99 ms": round(cost.lagP99Ms),
    "loop late at most ms": round(cost.lagMaxMs),
    "longest turn, processor ms": round(cost.turnMaxMs),
    "memory MiB": Math.round(cost.grewMiB),
  };
}

/** Packs of 10 and 200 MB and of 4,000 entries, and doctor on a flow of 1,000 nodes. */
export async function benchPacks(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const { subject, files, bytes } of PACKS) {
    const root = mkdtempSync(join(tmpdir(), "greentic-bench-"));
    try {
      writeSource(root, { files, bytes });
      let pack: Uint8Array = new Uint8Array();
      const build = await measureLoop(async () => {
        pack = (await buildPack(root, { probeComponent: () => ({ abi: "none", world: "" }) })).bytes;
      });
      const verify = await best(async () => {
        const trust = { ...TRUST_NOBODY, rejectUnsigned: false };
        const { ok } = await verifyPack(pack, { trust, nowMs: 0 });
        if (!ok) throw new Error(`${subject}: refused`);
      });
      const speed = (cost: LoopCost): Row => ({ "MB/s": Math.round(pack.length / 1_000 / cost.tookMs) });
      rows.push({ subject, what: "build", ...speed(build), ...costColumns(build) });
      rows.push({ subject, what: "verify", ...speed(verify), ...costColumns(verify) });
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  }
  const source = flowOf(NODES);
  const doctor = await best(async () => {
    const { findings } = await runInTurns(doctorFlowPaced(source, { catalog: KIND_CATALOG, pace: new Pace() }));
    if (findings.some(({ severity }) => severity === "error")) throw new Error("doctor: the flow is broken");
  });
  rows.push({ subject: `a flow of ${NODES} nodes`, what: "doctor", "MB/s": "", ...costColumns(doctor) });
  return rows;
}

async function best(work: () => Promise<unknown>): Promise<LoopCost> {
  const costs: LoopCost[] = [];
  for (let run = 0; run < RUNS; run++) costs.push(await measureLoop(work));
  const least = (key: keyof LoopCost): number => Math.min(...costs.slice(1).map((cost) => cost[key]));
  return {
    tookMs: least("tookMs"),
    lagP99Ms: least("lagP99Ms"),
    lagMaxMs: least("lagMaxMs"),
    turnMaxMs: least("turnMaxMs"),
    grewMiB: Math.max(...costs.map(({ grewMiB }) => grewMiB)),
  };
}

function writeSource(root: string, { files, bytes }: { readonly files: number; readonly bytes: number }): void {
  const pack = '[pack]\nname = "bench"\nversion = "1.0.0"\ndescription = ""\nauthors = []\n';
  const rest = '[capabilities]\nid = "greentic.cap.app.v1"\nprovides = []\n[flows]\nmain = "flows/main.ygtc"\n';
  writeFileSync(join(root, "pack.toml"), pack + rest);
  for (const folder of ["flows", "assets"]) mkdirSync(join(root, folder));
  writeFileSync(join(root, "flows/main.ygtc"), flowOf(2));
  for (let i = 0; i < files; i++) writeFileSync(join(root, `assets/${i}.bin`), randomBytes(bytes));
}

/** A chain of replies with a guard at every third. */
function flowOf(nodes: number): string {
  const lines = ["id: bench", "type: messaging", "schema_version: 2", "start: n0", "nodes:"];
  for (let i = 0; i < nodes; i++) {
    lines.push(`  n${i}:`, `    message.send: { text: "${i} {{in.text}} {{prev.text}}" }`, "    routing:");
    if (i % 3 === 0 && i + 2 < nodes) lines.push(`      - { if: "in.text == 'x'", to: n${i + 2} }`);
    lines.push(i + 1 < nodes ? `      - { to: n${i + 1} }` : "      - { out: true }");
  }
  return lines.join("\n");
}

if (import.meta.main) printTable("Packs", await benchPacks());
