import { nextTurn } from "../../types/index.ts";
import { SIGNATURE_PATH } from "../digest.ts";
import { decodeSignatures } from "../signature-file.ts";
import { writeZip } from "../zip-write.ts";
import { mutatePack, subjectOf } from "./mutate-pack.ts";
import { pick, randomSource } from "./random-source.ts";
import { signedPacks } from "./signed-packs.ts";
import { tryMutant } from "./try-mutant.ts";

/** Which mutants: a run's number and the seed make the same one every time. */
export interface MutantRange {
  readonly seed: number;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

/** What became of a range of mutants. */
export interface MutantsReport {
  /** How many turned out to be the original. */
  readonly same: number;
  /** How many were accepted because they only add a signature of a key that nobody knows. */
  readonly countersigned: number;
  /** How many each code refused. */
  readonly codes: Readonly<Record<string, number>>;
  /** By the thread's processor time: the machine may be busy with others. */
  readonly slowest: { readonly run: number; readonly tookMs: number };
  /** Runs that took more than {@link LIMIT_MS} each time that they were tried. */
  readonly slow: readonly number[];
  /** How far memory rose above what it was after the first mutants: live memory, and the process's peak. */
  readonly liveGrewBytes: number;
  readonly peakGrewBytes: number;
}

/** The most processor time that refusing a mutant may take. */
export const LIMIT_MS = 50;
/** Compiling and the first collections belong to the process, not to any mutant. */
const WARM_UP = 2_000;
const TRIES = 4;
const MUTANTS_PER_TURN = 16;

/**
 * Tries to get every mutant of a range past the verifier.
 * @throws an Error that names seed and run where one is accepted, or ends in anything but a refusal
 */
export async function runMutants({ seed, from, to }: MutantRange, collectGarbage: () => void): Promise<MutantsReport> {
  const packs = (await signedPacks()).map(({ bytes, trust }) => ({ ...subjectOf(bytes), trust }));
  const codes: Record<string, number> = {};
  const slow: number[] = [];
  let slowest = { run: from, tookMs: 0 };
  let [same, countersigned] = [0, 0];
  const memory = new MemoryWatch(collectGarbage);
  for (let run = from; run < to; run++) {
    // Small packs ask for no turn of the event loop, in which zlib's memory is given back: no host goes without for ever.
    if (run % MUTANTS_PER_TURN === 0) await nextTurn();
    const random = randomSource(seed * 1_000_003 + run);
    const pack = pick(random, packs);
    const others = packs.filter((other) => other !== pack);
    const mutant = mutatePack(pack, others, random);
    if (Buffer.from(pack.bytes).equals(mutant)) {
      same++;
      continue;
    }
    const failed = (state: string, cause?: unknown): Error =>
      new Error(`seed ${seed}, run ${run}: ${state}`, { cause });
    const attempt = (): Promise<string> =>
      tryMutant(mutant, pack.trust).catch((error: unknown) => {
        throw failed("crashed", error);
      });
    let { code, tookMs } = await timed(attempt);
    // The collector may have had its turn in it: what is slow by itself is slow again.
    for (let tries = 1; tookMs > LIMIT_MS && tries < TRIES; tries++) ({ code, tookMs } = await timed(attempt));
    if (tookMs > LIMIT_MS) slow.push(run);
    if (tookMs > slowest.tookMs) slowest = { run, tookMs };
    if (code === "accepted") {
      if (!isCountersigned(mutant, pack.bytes)) throw failed("accepted");
      countersigned++;
    }
    codes[code] = (codes[code] ?? 0) + 1;
    if (run - from === WARM_UP) memory.begin();
    if (run % 20_000 === 0) memory.sample();
  }
  return { same, countersigned, codes, slowest, slow, ...memory.end() };
}

/** Adds up what was found in several ranges. */
export function joinReports(reports: readonly MutantsReport[]): MutantsReport {
  const codes: Record<string, number> = {};
  for (const report of reports)
    for (const [code, count] of Object.entries(report.codes)) codes[code] = (codes[code] ?? 0) + count;
  const sum = (key: "same" | "countersigned"): number => reports.reduce((total, report) => total + report[key], 0);
  const most = (key: "liveGrewBytes" | "peakGrewBytes"): number => Math.max(...reports.map((report) => report[key]));
  return {
    same: sum("same"),
    countersigned: sum("countersigned"),
    codes,
    slowest: reports.map(({ slowest }) => slowest).toSorted((a, b) => b.tookMs - a.tookMs)[0] ?? { run: 0, tookMs: 0 },
    slow: reports.flatMap(({ slow }) => slow),
    liveGrewBytes: most("liveGrewBytes"),
    peakGrewBytes: most("peakGrewBytes"),
  };
}

async function timed(attempt: () => Promise<string>): Promise<{ code: string; tookMs: number }> {
  const before = process.threadCpuUsage();
  const code = await attempt();
  const { user, system } = process.threadCpuUsage(before);
  return { code, tookMs: (user + system) / 1_000 };
}

class MemoryWatch {
  readonly #collectGarbage: () => void;
  #live: number | undefined;
  #most = 0;
  #peak = 0;

  constructor(collectGarbage: () => void) {
    this.#collectGarbage = collectGarbage;
  }

  begin(): void {
    this.#live = this.#liveBytes();
    this.#most = this.#live;
    this.#peak = peakBytes();
  }

  sample(): void {
    if (this.#live !== undefined) this.#most = Math.max(this.#most, this.#liveBytes());
  }

  end(): Pick<MutantsReport, "liveGrewBytes" | "peakGrewBytes"> {
    this.sample();
    if (this.#live === undefined) return { liveGrewBytes: 0, peakGrewBytes: 0 };
    return { liveGrewBytes: this.#most - this.#live, peakGrewBytes: peakBytes() - this.#peak };
  }

  /** What this thread holds; the process may run others beside it. */
  #liveBytes(): number {
    this.#collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  }
}

const peakBytes = (): number => process.resourceUsage().maxRSS * 1_024;

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
