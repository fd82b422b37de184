import { fork } from "node:child_process";
import { once } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { joinReports, LIMIT_MS, runMutants } from "./run-mutants.ts";
import type { MutantRange, MutantsReport } from "./run-mutants.ts";
import { verifies } from "../../../test/verifies.ts";

/**
 * More of them with GREENTIC_FUZZ_RUNS, another place to begin with GREENTIC_FUZZ_SEED. Many are shared among
 * GREENTIC_FUZZ_PROCESSES, 2 by default:
 *   GREENTIC_FUZZ_RUNS=2000000 npx vitest run src/pack/fuzz/mutants.fuzz.test.ts
 */
const RUNS = Number(process.env["GREENTIC_FUZZ_RUNS"] ?? 3_000);
const SEED = Number(process.env["GREENTIC_FUZZ_SEED"] ?? 1);
const PROCESSES = RUNS > 20_000 ? Number(process.env["GREENTIC_FUZZ_PROCESSES"] ?? 2) : 0;
/** What refusing mutants may add to memory. */
const MAX_GROWTH_BYTES = 128 << 20;
const MIB = 2 ** 20;

async function inProcess({ seed, from, to }: MutantRange): Promise<MutantsReport> {
  const child = fork(new URL("mutants.child.ts", import.meta.url), [seed, from, to].map(String), {
    execArgv: ["--expose-gc"],
    serialization: "advanced",
  });
  const [[report], [code]] = (await Promise.all([
    Promise.race([once(child, "message"), once(child, "exit").then(() => [])]),
    once(child, "exit"),
  ])) as [[MutantsReport | undefined], [number]];
  if (report === undefined || code !== 0) throw new Error(`mutants ${from} to ${to}: ended with ${code}, see above`);
  return report;
}

async function runAll(): Promise<MutantsReport> {
  if (PROCESSES === 0) {
    setFlagsFromString("--expose-gc");
    const collectGarbage = runInNewContext("gc") as () => void;
    return runMutants({ seed: SEED, from: 0, to: RUNS }, collectGarbage);
  }
  const size = Math.ceil(RUNS / PROCESSES);
  const ranges = Array.from({ length: PROCESSES }, (_, i) => i * size);
  return joinReports(
    await Promise.all(ranges.map((from) => inProcess({ seed: SEED, from, to: Math.min(RUNS, from + size) }))),
  );
}

test(
  `${RUNS} mutants of manifest, archive and signature: none is accepted, none is anything but refused`,
  { timeout: 7_200_000 },
  async () => {
    verifies("pack.fuzzed");
    const { same, countersigned, codes, slowest, slow, liveGrewBytes, peakGrewBytes } = await runAll();
    if (RUNS > 3_000) {
      const spread = Object.entries(codes).toSorted((a, b) => b[1] - a[1]);
      process.stderr.write(
        `${RUNS} mutants from seed ${SEED}, ${same} of them the original, ${countersigned} with one more signature of an unknown key: no other accepted, none crashed\n` +
          `slowest ${slowest.tookMs.toFixed(1)} ms of processor time (run ${slowest.run}), ${slow.length} over ${LIMIT_MS} ms; ` +
          `live memory grew by ${(liveGrewBytes / MIB).toFixed(0)} MiB, ${PROCESSES === 0 ? "this" : "each"} process's peak by ${(peakGrewBytes / MIB).toFixed(0)} MiB\n` +
          `${spread.map(([code, count]) => `  ${count} ${code}`).join("\n")}\n`,
      );
    }
    expect(same).toBeLessThan(RUNS / 4);
    // A mutator that always fails at the same check would tell nothing about the rest.
    if (RUNS >= 1_000) expect(Object.keys(codes).length).toBeGreaterThan(15);
    expect(slow).toEqual([]);
    expect(liveGrewBytes).toBeLessThan(MAX_GROWTH_BYTES);
    // A process that runs other tests beside it has their peak too.
    if (PROCESSES > 0) expect(peakGrewBytes).toBeLessThan(MAX_GROWTH_BYTES);
  },
);
