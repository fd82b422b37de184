import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { verifies } from "../test/verifies.ts";
import { MUTANTS } from "./mutants.ts";
import { runMutant } from "./mutant-runs.ts";
import { planOf } from "./plan.ts";
import { runRange } from "./run-range.ts";
import { planWithout, shrink } from "./shrink.ts";
import { simulate } from "./simulation.ts";

/** What a seed's run prints in a process of its own. */
function printed(seed: number): Promise<string> {
  const child = fork(join(import.meta.dirname, "main.ts"), ["--seed", String(seed)], { silent: true, execArgv: [] });
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => void (text += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", () => resolve(text));
  });
}

describe("simulate()", () => {
  test("keeps every promise over fixed seeds, and over others every time", async () => {
    verifies("sim.seeds");
    const isOver = (): boolean => false;
    const fixed = await runRange({ from: 1, count: 200, isOver });
    expect(fixed.failed.map(({ seed, violations }) => ({ seed, violations }))).toEqual([]);
    const from = 1_000_000 + Math.floor(Math.random() * 1_000_000_000);
    const others = await runRange({ from, count: 100, isOver });
    const told = others.failed.map(({ seed, violations }) => ({
      again: `npm run sim -- --seed ${seed} --trace`,
      violations,
    }));
    expect(told, `seeds from ${from}`).toEqual([]);
  }, 180_000);

  test("does the same thing for the same seed, in another process too", async () => {
    verifies("sim.deterministic");
    for (const seed of [1, 2, 3, 4, 8, 16]) {
      const first = await simulate(planOf(seed));
      const second = await simulate(planOf(seed), { keepsTrace: true });
      expect(second.traceHash).toBe(first.traceHash);
      expect(second.trace.length).toBeGreaterThan(10);
    }
    const { traceHash } = await simulate(planOf(5));
    expect(await printed(5)).toContain(traceHash);
    expect((await simulate(planOf(6))).traceHash).not.toBe(traceHash);
  }, 60_000);

  test("visits every store, shape, channel and fault within a few hundred seeds", () => {
    verifies("sim.seeds");
    const plans = Array.from({ length: 400 }, (_, i) => planOf(i + 1));
    const seen = (pick: (plan: (typeof plans)[number]) => readonly string[]): readonly string[] => [
      ...new Set(plans.flatMap(pick)),
    ];
    expect(seen(({ backing }) => [backing]).toSorted()).toEqual(["memory", "sqlite", "sqlite-file"]);
    expect(seen(({ processes }) => [`${processes.length}`]).length).toBeGreaterThanOrEqual(4);
    expect(seen(({ talks }) => talks.map(({ kind }) => kind))).toHaveLength(9);
    expect(seen(({ talks }) => talks.map(({ sink }) => sink))).toHaveLength(5);
    expect(seen(({ faults }) => faults.map(({ kind }) => kind))).toHaveLength(8);
    expect(seen(({ faults }) => faults.flatMap((fault) => (fault.kind === "noise" ? [fault.what] : [])))).toHaveLength(
      15,
    );
    expect(seen(({ faults }) => faults.flatMap((fault) => (fault.kind === "crash" ? [fault.point] : []))).length).toBe(
      28,
    );
  });
});

describe("shrink()", () => {
  test("leaves out what a failure doesn't need", async () => {
    const switches = { skipsFlush: true };
    const { failed } = await runRange({ from: 1, count: 200, isOver: () => false, stopsAtFirst: true, switches });
    const [verdict] = failed;
    if (verdict === undefined) throw new Error("No seed failed");
    const smallest = await shrink(verdict, { switches });
    const plan = planWithout(verdict.seed, smallest.omission);
    const whole = planOf(verdict.seed);
    const sizeOf = ({ talks, faults, processes }: typeof plan): number =>
      talks.length + faults.length + processes.length;
    expect(smallest.verdict.violations).not.toEqual([]);
    expect(sizeOf(plan)).toBeLessThan(sizeOf(whole));
    expect((await simulate(plan, { switches })).traceHash).toBe(smallest.verdict.traceHash);
  }, 60_000);
});

describe("planted bugs", () => {
  test("are thirty or more, each of another kind", () => {
    verifies("sim.mutants");
    expect(MUTANTS.length).toBeGreaterThanOrEqual(30);
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });

  test("are planted where their texts stand, each once", () => {
    const edits = MUTANTS.flatMap((mutant) => mutant.edits ?? []);
    const counts = edits.map(({ file, from }) => {
      const source = readFileSync(join(import.meta.dirname, "..", "src", file), "utf8");
      return { file, from, times: source.split(from).length - 1 };
    });
    expect(counts.filter(({ times }) => times !== 1)).toEqual([]);
  });

  // All of them are looked for by `npm run sim -- --mutants`; these are quick.
  test.each(["sqlite-no-fsync", "memory-no-fence", "retry-without-key", "outbox-outside-commit", "sweeper-asleep"])(
    "%s is found",
    async (name) => {
      verifies("sim.mutants");
      const mutant = MUTANTS.find((other) => other.name === name);
      if (mutant === undefined) throw new RangeError(`No planted bug is called ${name}`);
      const caught = await runMutant(mutant, { from: 1, count: 400 });
      expect(caught.violation).toBeDefined();
    },
    60_000,
  );
});
