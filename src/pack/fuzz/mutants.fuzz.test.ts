import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { SIGNATURE_PATH } from "../digest.ts";
import { decodeSignatures } from "../signature-file.ts";
import { writeZip } from "../zip-write.ts";
import { mutatePack, subjectOf } from "./mutate-pack.ts";
import { pick, randomSource } from "./random-source.ts";
import { signedPacks } from "./signed-packs.ts";
import { tryMutant } from "./try-mutant.ts";
import { verifies } from "../../../test/verifies.ts";

/**
 * Tells whether a pack is the original with signatures of others added. Those say nothing, and must not refuse it: while a
 * publisher goes from one key to the next, packs are signed by both, and hosts know one of them.
 */
function isCountersigned(bytes: Uint8Array, original: Uint8Array): boolean {
  const { files } = subjectOf(bytes);
  const before = subjectOf(original).files.find(({ path }) => path === SIGNATURE_PATH);
  if (before === undefined) return false;
  const known = new Map(decodeSignatures(before.bytes).map(({ keyId, signature }) => [keyId, signature.toHex()]));
  const now = files.find(({ path }) => path === SIGNATURE_PATH)?.bytes ?? new Uint8Array();
  const left = decodeSignatures(now).filter(({ keyId, signature }) => known.get(keyId) === signature.toHex());
  const others = files.filter(({ path }) => path !== SIGNATURE_PATH);
  return left.length === known.size && Buffer.from(writeZip([...others, before])).equals(original);
}

/** More of them with GREENTIC_FUZZ_RUNS; another place to begin with GREENTIC_FUZZ_SEED. */
const RUNS = Number(process.env["GREENTIC_FUZZ_RUNS"] ?? 3000);
const SEED = Number(process.env["GREENTIC_FUZZ_SEED"] ?? 1);
/** A mutant that takes longer hangs; far above what any takes, as the machine may be busy. The longest is printed. */
const HANG_MS = 5000;
/** What refusing mutants may add to memory that the collector doesn't give back. */
const MAX_GROWTH_BYTES = 128 << 20;

/** Collects garbage, which else grows as far as the machine lets it. */
const collectGarbage = ((): (() => void) => {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
})();

/** What this thread holds; the process may run other tests beside it. */
function memoryBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test(
  `${RUNS} mutants of manifest, archive and signature: none is accepted, none is anything but refused`,
  { timeout: 7_200_000 },
  async () => {
    verifies("pack.fuzzed");
    const packs = (await signedPacks()).map(({ bytes, trust }) => ({ ...subjectOf(bytes), trust }));
    const codes = new Map<string, number>();
    let same = 0;
    let countersigned = 0;
    let slowest = { run: 0, tookMs: 0 };
    let over50Ms = 0;
    const before = memoryBytes();
    let peak = before;
    for (let run = 0; run < RUNS; run++) {
      const random = randomSource(SEED * 1_000_003 + run);
      const pack = pick(random, packs);
      const mutant = mutatePack(
        pack,
        packs.filter((other) => other !== pack),
        random,
      );
      if (mutant.length === pack.bytes.length && Buffer.from(pack.bytes).equals(mutant)) {
        same++;
        continue;
      }
      const startedAt = performance.now();
      const code = await tryMutant(mutant, pack.trust).catch((error: unknown) => {
        throw new Error(`seed ${SEED}, run ${run}`, { cause: error });
      });
      const tookMs = performance.now() - startedAt;
      if (code === "accepted") {
        if (!isCountersigned(mutant, pack.bytes)) expect.fail(`seed ${SEED}, run ${run}: accepted`);
        countersigned++;
      }
      if (tookMs > HANG_MS) expect.fail(`seed ${SEED}, run ${run}: ${tookMs} ms`);
      if (tookMs > slowest.tookMs) slowest = { run, tookMs };
      if (tookMs > 50) over50Ms++;
      codes.set(code, (codes.get(code) ?? 0) + 1);
      if (run % 5000 === 4999) peak = Math.max(peak, memoryBytes());
    }
    expect(same).toBeLessThan(RUNS / 4);
    // A mutator that always fails at the same check would tell nothing about the rest.
    if (RUNS >= 1000) expect(codes.size).toBeGreaterThan(15);
    peak = Math.max(peak, memoryBytes());
    expect(peak - before).toBeLessThan(MAX_GROWTH_BYTES);
    if (RUNS > 3000) {
      const spread = [...codes].toSorted((a, b) => b[1] - a[1]).map(([code, count]) => `  ${count} ${code}`);
      process.stderr.write(
        `${RUNS} mutants from seed ${SEED}, ${same} of them the original, ${countersigned} with one more signature of an unknown key: no other accepted\n` +
          `slowest ${slowest.tookMs.toFixed(1)} ms (run ${slowest.run}), ${over50Ms} over 50 ms, memory grew by ${((peak - before) / 2 ** 20).toFixed(0)} MiB\n${spread.join("\n")}\n`,
      );
    }
  },
);
