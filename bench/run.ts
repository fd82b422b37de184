/**
 * Runs every benchmark in one go, so that its ratios are of one machine in one mood: `npm run bench`, or `npm run bench -- --write`
 * to keep the tables in docs/performance.md.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { benchComponentHost } from "./component-host.ts";
import { benchAdmission, benchGuests, benchNeighbours } from "./components.ts";
import { benchFootprint } from "./footprint.ts";
import { benchFuel } from "./fuel.ts";
import { benchLinker } from "./linker.ts";
import { benchPacks } from "./packs.ts";
import { benchRegistries } from "./registries.ts";
import { benchStore } from "./store.ts";
import { tableMarkdown } from "./table.ts";
import type { Row } from "./table.ts";
import { benchTurnsCore } from "./turns-core.ts";
import { benchTurnsHttp } from "./turns-http.ts";

const FILE = join(resolve(import.meta.dirname, ".."), "docs/performance.md");
const MARK = "<!-- tables: npm run bench -- --write -->";

const round = (value: number): number => Math.round(value * 100) / 100;

async function linkerRows(): Promise<readonly Row[]> {
  return (await benchLinker()).map((row) => ({
    subject: row.subject,
    what: row.what,
    "linker p10 µs": round(row.linkerP10),
    "linker p50 µs": round(row.linkerP50),
    "jco p10 µs": round(row.jcoP10),
    "jco p50 µs": round(row.jcoP50),
    "linker / jco": round(row.linkerP50 / row.jcoP50),
  }));
}

async function storeRows(): Promise<readonly Row[]> {
  return (await benchStore()).map(({ name, value, unit }) => ({ subject: name, value, unit }));
}

async function coreRows(): Promise<readonly Row[]> {
  const { turns, cpuMicrosPerTurn, wallMicrosPerTurn } = await benchTurnsCore();
  return [
    {
      subject: "accept, three pure nodes, commit; memory store, no HTTP",
      turns,
      "processor µs a turn": Math.round(cpuMicrosPerTurn * 10) / 10,
      "wall µs a turn": Math.round(wallMicrosPerTurn * 10) / 10,
    },
  ];
}

const tables: string[] = [];
for (const [title, run] of [
  ["Turns over HTTP", benchTurnsHttp],
  ["Turns inside the process", coreRows],
  ["Stores: accept, lease, commit", storeRows],
  ["Component host", benchComponentHost],
  ["Component guests against jco", benchGuests],
  ["Components: weight and admission", benchAdmission],
  ["Components: neighbours", benchNeighbours],
  ["Packs", benchPacks],
  ["Packs through a registry", benchRegistries],
  ["Linker against jco", linkerRows],
  ["Fuel meter, metered against plain core code", benchFuel],
  ["Footprint", benchFootprint],
] as const) {
  const table = tableMarkdown(title, await run());
  console.log(table);
  tables.push(table);
}
if (process.argv.includes("--write")) {
  const page = readFileSync(FILE, "utf8");
  const head = page.slice(0, page.indexOf(MARK) + MARK.length);
  writeFileSync(
    FILE,
    `${head}\n\nMeasured on ${availableParallelism()} shared processors, Node ${process.versions.node}.\n\n${tables.join("\n")}`,
  );
}
