import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parse } from "@bytecodealliance/jco";
import { beforeAll, describe, expect, test } from "vitest";
import { buildEcho } from "../testing/echo-component.ts";
import { FIXTURES } from "../testing/fixtures.ts";
import { randomSource } from "../testing/random-source.ts";
import type { Binary } from "./binary-tree.ts";
import { joinBinary, splitBinary } from "./binary-tree.ts";
import { mutateBinary } from "./mutate-binary.ts";
import type { Outcome } from "./run-mutant.ts";
import { runMutant } from "./run-mutant.ts";
import { verifies } from "../../../../test/verifies.ts";

/** More of both with GREENTIC_FUZZ_RUNS; another place to begin with GREENTIC_FUZZ_SEED. */
const RUNS = Number(process.env["GREENTIC_FUZZ_RUNS"] ?? 3000);
const SEED = Number(process.env["GREENTIC_FUZZ_SEED"] ?? 1);
const COMPAT_DIR = process.env["GREENTIC_COMPAT_DIR"];
/** Larger public components make few mutants a second. */
const MAX_PUBLIC_BYTES = 400_000;
/** A mutant that takes longer than this, with all its calls, hangs. Far above what any takes, as the machine may be busy. */
const HANG_MS = 5000;
/** What a mutant may take of memory and not give back at once: its memories, values and what the collector hasn't seen yet. */
const MAX_GROWTH_BYTES = 600 * 1024 * 1024;

const DECLARATIONS = `
  record point { x: s32, y-axis: f64 }
  enum color { red, green }
  flags perms { can-read, can-write, can-exec }
  variant shape { none, circle(f32), label(string), big(u64), dot(point), pair(tuple<f32, u64>) }
  record nested { shapes: list<shape>, by-name: list<tuple<string, option<point>>>, raw: list<u8>, c: color, p: perms }`;
const TYPES = ["nested", "u8", "list<string>", "result<option<shape>, string>", "option<option<u16>>", "perms", "char"];

function publicComponents(path: string): Uint8Array[] {
  if (!statSync(path).isFile()) return readdirSync(path).flatMap((name) => publicComponents(join(path, name)));
  if (!path.endsWith(".wasm") || statSync(path).size > MAX_PUBLIC_BYTES) return [];
  const bytes = new Uint8Array(readFileSync(path));
  return bytes[4] === 0x0d ? [bytes] : [];
}

describe("mutants of real components", () => {
  const corpus: Binary[] = [];

  beforeAll(async () => {
    for (const encoding of ["utf8", "utf16", "compact-utf16"] as const) {
      corpus.push(splitBinary(await buildEcho({ declarations: DECLARATIONS, types: TYPES, encoding })));
    }
    for (const wat of FIXTURES) corpus.push(splitBinary(await parse(wat)));
    if (COMPAT_DIR !== undefined) corpus.push(...publicComponents(COMPAT_DIR).map(splitBinary));
  });

  test("the unchanged ones load and answer", async () => {
    for (const binary of corpus) {
      expect(await runMutant(joinBinary(binary), randomSource(1))).toMatch(
        /^(answered|trapped (unreachable|host|fuel|exit|handle|abi))$/,
      );
    }
  });

  test(
    `${RUNS} of them end in an answer or an error of ours, in time and within memory`,
    async () => {
      verifies("component.fuzzed");
      const outcomes = new Map<Outcome, number>();
      let slowest = { run: 0, tookMs: 0 };
      let before = process.memoryUsage.rss();
      for (let run = 0; run < RUNS; run++) {
        const random = randomSource(SEED * 1_000_003 + run);
        const original = corpus[random(corpus.length)] as Binary;
        const mutant = mutateBinary(original, corpus, random);
        const startedAt = performance.now();
        const outcome = await runMutant(mutant, random).catch((error: unknown) => {
          throw new Error(`seed ${SEED}, run ${run}`, { cause: error });
        });
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        const tookMs = performance.now() - startedAt;
        if (tookMs > slowest.tookMs) slowest = { run, tookMs };
        expect(tookMs, `seed ${SEED}, run ${run}`).toBeLessThan(HANG_MS);
        const rss = process.memoryUsage.rss();
        expect(rss - before, `memory at seed ${SEED}, run ${run}`).toBeLessThan(MAX_GROWTH_BYTES);
        before = Math.min(before, rss);
      }
      if (process.env["GREENTIC_FUZZ_RUNS"] !== undefined) report(outcomes, slowest);
      // A mutator that only breaks what it touches would find nothing.
      const refused = [...outcomes].reduce(
        (sum, [outcome, count]) => sum + (outcome.startsWith("refused") ? count : 0),
        0,
      );
      expect(RUNS - refused).toBeGreaterThan(RUNS / 10);
      expect(outcomes.size).toBeGreaterThan(5);
    },
    Math.max(60_000, RUNS * 50),
  );
});

function report(
  outcomes: ReadonlyMap<Outcome, number>,
  slowest: { readonly run: number; readonly tookMs: number },
): void {
  const counts = [...outcomes].toSorted((a, b) => b[1] - a[1]).map(([outcome, count]) => `${count} ${outcome}`);
  process.stdout.write(`${counts.join("\n")}\nslowest ${slowest.tookMs.toFixed(0)} ms in run ${slowest.run}\n`);
}
