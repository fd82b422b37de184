import { planOf } from "./plan.ts";
import type { RunOptions, Verdict } from "./simulation.ts";
import { simulate } from "./simulation.ts";

/** How far a range of seeds came. */
export interface Progress {
  readonly seeds: number;
  readonly events: number;
  readonly failed: readonly Verdict[];
}

export interface RangeOptions extends RunOptions {
  readonly from: number;
  readonly count: number;
  /** Runs every nth seed of the range, so that several processes can share it. Default 1. */
  readonly step?: number;
  /** Tells when to end early. */
  readonly isOver: () => boolean;
  /** Ends with the first seed that fails. */
  readonly stopsAtFirst?: boolean;
  readonly onVerdict?: (verdict: Verdict) => void;
}

/** Runs seeds one after another. */
export async function runRange(options: RangeOptions): Promise<Progress> {
  const { from, count, step = 1, isOver, onVerdict } = options;
  const failed: Verdict[] = [];
  let seeds = 0;
  let events = 0;
  for (let seed = from; seed < from + count && !isOver(); seed += step) {
    const verdict = await simulate(planOf(seed), options);
    seeds++;
    events += verdict.events;
    if (verdict.violations.length > 0) failed.push(verdict);
    onVerdict?.(verdict);
    if (failed.length > 0 && options.stopsAtFirst === true) break;
  }
  return { seeds, events, failed };
}
