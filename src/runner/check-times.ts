import { GreenticError, isGreenticError, isJsonObject } from "../types/index.ts";
import type { JsonValue, SourcePosition } from "../types/index.ts";
import type { Calendar } from "./cron.ts";
import { checkCron, loadCron } from "./cron.ts";
import { timer } from "./kinds/timer.ts";
import type { LoadedFlow } from "./loaded-pack.ts";

/** Finds cron expressions that name no times before a message or the clock does. @throws RUNNER_CRON_INVALID with the position */
export async function checkTimes(flows: Iterable<LoadedFlow>): Promise<void> {
  for (const { compiled, nodes } of flows) {
    const { schedules = [] } = compiled.ir;
    const timers = [...nodes.values()].filter(({ kind }) => kind === timer);
    if (schedules.length === 0 && timers.length === 0) continue;
    await loadCron();
    for (const { at, ...calendar } of schedules) check(calendar, at);
    for (const { compiled: node } of timers) {
      const calendar = calendarOf(node.ir.input);
      if (calendar !== undefined) check(calendar, node.ir.at);
    }
  }
}

/** The calendar that a timer's raw input names; undefined where that is still a template. */
function calendarOf(input: JsonValue): Calendar | undefined {
  const { cron, zone } = typeof input === "string" ? { cron: input } : isJsonObject(input) ? input : {};
  if (typeof cron !== "string" || cron.includes("{{") || (typeof zone === "string" && zone.includes("{{")))
    return undefined;
  return { cron, zone: typeof zone === "string" ? zone : undefined };
}

function check(calendar: Calendar, at: SourcePosition): void {
  try {
    checkCron(calendar);
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    throw new GreenticError(error.code, error.message, { at });
  }
}
