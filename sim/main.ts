/**
 * The simulation's command line: `--seeds N [--from S] [--jobs J] [--minutes M]` runs seeds, `--seed S [--trace]` runs one, `--mutants`
 * plants bugs and looks whether they are found. Exits with 1 where a promise was broken or a bug was not found.
 */
import { fork } from "node:child_process";
import { parseArgs } from "node:util";
import { runMutants } from "./mutant-runs.ts";
import type { Progress } from "./run-range.ts";
import { runRange } from "./run-range.ts";
import { argumentsOf, describePlan, planWithout, shrink } from "./shrink.ts";
import type { Verdict } from "./simulation.ts";
import { simulate } from "./simulation.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    jobs: { type: "string", default: "2" },
    minutes: { type: "string", default: "10" },
    seed: { type: "string" },
    trace: { type: "boolean", default: false },
    "no-faults": { type: "string", default: "" },
    "no-talks": { type: "string", default: "" },
    "no-processes": { type: "string", default: "" },
    mutants: { type: "boolean", default: false },
    only: { type: "string" },
    share: { type: "string" },
  },
});

function whole(name: "seeds" | "from" | "jobs" | "minutes" | "seed", least: number): number {
  const number = Number(values[name]);
  if (!(number >= least) || (name !== "minutes" && !Number.isSafeInteger(number)))
    throw new RangeError(`Read --${name}: expected a number of at least ${least}, got ${JSON.stringify(values[name])}`);
  return number;
}

const listed = (text: string): readonly string[] => text.split(",").filter((part) => part !== "");

/** One share of the seeds, in a process of its own; what it finds goes to its parent. */
async function runShare(share: number): Promise<void> {
  const endsAtMs = performance.now() + whole("minutes", 0) * 60_000;
  const progress = await runRange({
    from: whole("from", 0) + share,
    count: whole("seeds", 1) - share,
    step: whole("jobs", 1),
    isOver: () => performance.now() >= endsAtMs,
  });
  process.send?.(progress, undefined, undefined, () => process.disconnect?.());
}

async function runSeeds(): Promise<boolean> {
  const startedMs = performance.now();
  const jobs = whole("jobs", 1);
  const wanted = whole("seeds", 1);
  const shares = await Promise.all(Array.from({ length: jobs }, (_, share) => startShare(share)));
  const failed = shares.flatMap((share) => share.failed).sort((a, b) => a.seed - b.seed);
  const seeds = shares.reduce((sum, share) => sum + share.seeds, 0);
  const events = shares.reduce((sum, share) => sum + share.events, 0);
  for (const verdict of failed.slice(0, 5)) await tell(verdict);
  if (failed.length > 5)
    console.log(
      `And ${failed.length - 5} more: ${failed
        .slice(5, 30)
        .map(({ seed }) => seed)
        .join(", ")}`,
    );
  const seconds = (performance.now() - startedMs) / 1_000;
  const short = seeds < wanted ? ` (of ${wanted}: the time was over)` : "";
  console.log(
    `${seeds} seeds${short} from ${values.from}, ${events} events in ${seconds.toFixed(0)} s: ${failed.length} failed`,
  );
  return failed.length === 0;
}

function startShare(share: number): Promise<Progress> {
  const child = fork(import.meta.filename, [...process.argv.slice(2), "--share", String(share)]);
  return new Promise((resolve, reject) => {
    let progress: Progress | undefined;
    child.on("message", (message) => {
      progress = message as Progress;
    });
    child.on("error", reject);
    child.on("exit", (code) => {
      if (progress === undefined) reject(new Error(`Run share ${share}: its process ended with ${String(code)}`));
      else resolve(progress);
    });
  });
}

/** Tells of a failing seed, and how to see it again with nothing beside what it needs. */
async function tell(verdict: Verdict): Promise<void> {
  const smallest = await shrink(verdict);
  console.log(`\nSeed ${verdict.seed} fails:`);
  for (const violation of smallest.verdict.violations.slice(0, 6)) console.log(`  ${violation}`);
  console.log(`  npm run sim -- --seed ${verdict.seed}${argumentsOf(smallest.omission)} --trace`);
}

async function runOne(seed: number): Promise<boolean> {
  const plan = planWithout(seed, {
    faults: listed(values["no-faults"]).map(Number),
    talks: listed(values["no-talks"]).map(Number),
    processes: listed(values["no-processes"]),
  });
  const verdict = await simulate(plan, { keepsTrace: values.trace });
  console.log(describePlan(plan));
  for (const line of verdict.trace) console.log(line);
  for (const violation of verdict.violations) console.log(`BROKEN ${violation}`);
  console.log(
    `Seed ${seed}: ${verdict.events} events in ${(verdict.virtualMs / 1_000).toFixed(1)} virtual seconds, trace ${verdict.traceHash}`,
  );
  return verdict.violations.length === 0;
}

async function run(): Promise<boolean> {
  if (values.mutants) return runMutants({ only: values.only, jobs: whole("jobs", 1) });
  return values.seed === undefined ? runSeeds() : runOne(whole("seed", 0));
}

if (values.share !== undefined) await runShare(Number(values.share));
else if (!(await run())) process.exitCode = 1;
