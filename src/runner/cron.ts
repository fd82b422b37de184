import type { Cron as CronType } from "croner";
import { GreenticError, quote } from "../types/index.ts";

/** Times of a calendar: a cron expression in an IANA zone, UTC where absent. */
export interface Calendar {
  readonly cron: string;
  readonly zone?: string | undefined;
}

/** Times at equal distances, counted from the epoch, so that all processes see the same ones. */
interface Interval {
  readonly everyMs: number;
}

/** When something comes by itself. */
export type Times = Calendar | Interval;

const MAX_KNOWN = 1_000;
const known = new Map<string, CronType>();
let library: typeof CronType | undefined;

/** Loads the date arithmetic of cron expressions; nothing else of a host needs it. */
export async function loadCron(): Promise<void> {
  library ??= (await import("croner")).Cron;
}

/**
 * Finds the first time after an instant; undefined where there is none. Where clocks go forward, a fixed time that is left out comes
 * when they have gone; where they go back, it comes once, while `*`, lists of hours and steps follow the time that passes.
 * @throws RUNNER_CRON_INVALID
 */
export function nextOccurrence(calendar: Times, afterMs: number): number | undefined {
  if ("everyMs" in calendar) return (Math.floor(afterMs / calendar.everyMs) + 1) * calendar.everyMs;
  return parseCron(calendar).nextRun(new Date(afterMs))?.getTime();
}

/** Finds the last times before an instant, the latest first. @throws RUNNER_CRON_INVALID */
export function previousOccurrences(
  calendar: Times,
  { count, beforeMs }: { readonly count: number; readonly beforeMs: number },
): readonly number[] {
  if ("everyMs" in calendar) {
    const last = Math.ceil(beforeMs / calendar.everyMs) - 1;
    return Array.from({ length: count }, (_, i) => (last - i) * calendar.everyMs);
  }
  return parseCron(calendar)
    .previousRuns(count, new Date(beforeMs))
    .map((date) => date.getTime());
}

/** Checks a calendar. @throws RUNNER_CRON_INVALID */
export function checkCron(calendar: Calendar): void {
  parseCron(calendar);
}

/** Checks times, whether a calendar's library is loaded or not. @throws RUNNER_CRON_INVALID */
export async function checkSchedule(times: Times): Promise<void> {
  if ("everyMs" in times) return;
  await loadCron();
  checkCron(times);
}

function parseCron({ cron, zone = "UTC" }: Calendar): CronType {
  const name = `${zone}\n${cron}`;
  const made = known.get(name);
  if (made !== undefined) return made;
  if (library === undefined) throw new TypeError("Read cron expression: its library isn't loaded");
  let parsed: CronType;
  try {
    // Without a function it schedules nothing: only its date arithmetic is used, time is the world's.
    parsed = new library(cron, { timezone: zone, mode: "5-or-6-parts" });
    // A zone is looked at when it is first used.
    parsed.nextRun(new Date(0));
  } catch (error) {
    const problem = error instanceof Error ? error.message.replace(/^CronPattern: /, "") : "";
    throw new GreenticError("RUNNER_CRON_INVALID", `Read cron expression ${quote(cron)} in ${quote(zone)}: ${problem}`);
  }
  if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value ?? "");
  known.set(name, parsed);
  return parsed;
}
