/**
 * Runs strangers' components and packs: `GREENTIC_COMPAT_DIR=DIR npm run compat [-- --no-jco --packs-only --verbose --filter=TEXT]`. Finds
 * every component in DIR, in packs and archives too, inspects, instantiates, describes and calls each, and compares its exports
 * with jco's. Verifies every pack, compiles its flows and starts each, in bundles too. Exits with 1 where one fails for our own
 * fault.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { ProcessComponentHost } from "../src/component/index.ts";
import type { ComponentInfo } from "../src/component/index.ts";
import { inspectComponent } from "../src/component/index.ts";
import { bundleTable } from "./compat/bundle-table.ts";
import { compatTable } from "./compat/compat-table.ts";
import { compareWithJco } from "./compat/differential.ts";
import { exerciseBundle, findBundles } from "./compat/exercise-bundle.ts";
import type { BundleExercise } from "./compat/exercise-bundle.ts";
import { exercisePack } from "./compat/exercise-pack.ts";
import type { PackExercise } from "./compat/exercise-pack.ts";
import type { Exercise } from "./compat/exercise.ts";
import { exercise } from "./compat/exercise.ts";
import type { FoundFile } from "./compat/find-components.ts";
import { findComponents } from "./compat/find-components.ts";
import { packTable } from "./compat/pack-table.ts";
import { buildRouter, ROUTER } from "./compat/fixture-router.ts";

const dir = process.env["GREENTIC_COMPAT_DIR"];
if (dir === undefined) {
  console.error("Name a directory with components: GREENTIC_COMPAT_DIR=DIR npm run compat");
  process.exit(2);
}
const filter = process.argv.find((argument) => argument.startsWith("--filter="))?.slice("--filter=".length) ?? "";
if (!existsSync(dir)) {
  console.error(`There is no ${dir}`);
  process.exit(2);
}
const areAllPacksRight = await runPacks(dir);
if (process.argv.includes("--packs-only")) process.exit(areAllPacksRight ? 0 : 1);
const found = findComponents(dir);
const components = found.filter(
  ({ kind, places }) => kind === "component" && places.some((place) => place.includes(filter)),
);
const count = (kind: FoundFile["kind"]): number => found.filter((file) => file.kind === kind).length;
console.log(
  `${count("component")} components, ${count("core module")} core modules, ${count("placeholder")} placeholders`,
);

const infos = components.map(({ bytes }) => infoOf(bytes)).filter((info) => info !== undefined);
const served = new Map(components.map(({ sha256, bytes }) => [sha256, bytes]));
if (infos.some(({ imports }) => imports.includes(ROUTER)) && !infos.some(({ exports }) => exports.includes(ROUTER))) {
  const router = await buildRouter();
  served.set(router.sha256, router.bytes);
  infos.push(inspectComponent(router.bytes));
}
const bytesOf = (sha256: string): Uint8Array => served.get(sha256) ?? new Uint8Array();
const exercises: Exercise[] = [];
{
  await using host = new ProcessComponentHost({ poolSize: 1 });
  for (const file of components) {
    const done = await exercise(host, file, { infos, bytesOf });
    exercises.push(done);
    report(done);
  }
}
console.log(`\n${compatTable(exercises)}\n`);
let isWrong = !areAllPacksRight || exercises.some(({ failures }) => failures.length > 0);
if (!process.argv.includes("--no-jco")) isWrong = (await compareAll()) || isWrong;
process.exit(isWrong ? 1 : 0);

/** Runs every pack below a directory and in its bundles; tells whether none failed for our fault. */
async function runPacks(root: string): Promise<boolean> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".gtpack"))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => file.includes(filter))
    .toSorted();
  const exercised: PackExercise[] = [];
  await using host = new ProcessComponentHost({ poolSize: 1 });
  // A runtime's timers keep no process alive, and a turn that waits for one of them is still to end.
  using _alive = keepAlive();
  for (const file of files) {
    const done = await exercisePack(readFileSync(file), { name: relative(root, file), components: host });
    exercised.push(done);
    for (const failure of done.failures) console.log(`${done.name}: FAILED ${failure}`);
  }
  const bundles: BundleExercise[] = [];
  for (const path of findBundles(root).filter((one) => one.includes(filter))) {
    const done = await exerciseBundle(path, { root, components: host });
    bundles.push(done);
    for (const failure of done.failures) console.log(`${done.name}: FAILED ${failure}`);
  }
  console.log(`\n${packTable([...exercised, ...bundles.flatMap(({ packs }) => packs)])}\n`);
  if (bundles.length > 0) console.log(`${bundleTable(bundles)}\n`);
  return [...exercised, ...bundles].every(({ failures }) => failures.length === 0);
}

function keepAlive(): Disposable {
  const timer = setInterval(() => undefined, 1000);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

function infoOf(bytes: Uint8Array): ComponentInfo | undefined {
  try {
    return inspectComponent(bytes);
  } catch {
    return undefined;
  }
}

function nameOf({ sha256, places }: FoundFile): string {
  return `${sha256.slice(0, 12)} ${places[0] ?? ""}`;
}

function report({ file, info, failures, missing, callsOk, ownErrors }: Exercise): void {
  const needs = missing.length > 0 ? `; needs ${missing.join(", ")}, which nothing here serves` : "";
  console.log(`${nameOf(file)}: ${info?.abi ?? "unreadable"}, ${callsOk} ok, ${ownErrors.length} own errors${needs}`);
  if (process.argv.includes("--verbose")) for (const error of ownErrors) console.log(`  ${error}`);
  for (const failure of failures) console.log(`  FAILED ${failure}`);
}

/** Tells whether anything differs. */
async function compareAll(): Promise<boolean> {
  let [calls, same, sameErrors, skipped] = [0, 0, 0, 0];
  for (const file of components) {
    try {
      const difference = await compareWithJco(file.bytes);
      if (difference === undefined) {
        skipped++;
        continue;
      }
      calls += difference.calls;
      same += difference.same;
      sameErrors += difference.sameErrors;
      for (const text of difference.differences) console.log(`DIFFERS ${nameOf(file)}: ${text}`);
    } catch (error) {
      skipped++;
      console.log(`not compared: ${nameOf(file)}: ${error instanceof Error ? error.message.slice(0, 200) : "unknown"}`);
    }
  }
  console.log(
    `against jco: ${calls} calls, ${same} the same (${sameErrors} of them errors), ${calls - same} differ; ${skipped} components not compared`,
  );
  return same < calls;
}
