import type { JsonValue, SourcePosition } from "../types/index.ts";
import { didYouMean, isJsonObject, quote } from "../types/index.ts";
import type { CatchUp, ScheduleIr } from "./ir.ts";

const KEYS = ["cron", "zone", "entry", "catch_up"];
const CATCH_UPS: readonly CatchUp[] = ["none", "last", "all"];
const MAX_SCHEDULES = 16;

/** Where what is wrong goes, and where things stand; pointers are from the flow. */
export interface ScheduleContext {
  readonly refuse: (problem: string, pointer: string) => void;
  readonly locate: (pointer: string) => SourcePosition;
}

/** Reads `schedule:`, one or a list, or its short form `cron:`; what is malformed is refused and left out. */
export function readSchedules(
  { schedule, cron }: { readonly schedule: JsonValue | undefined; readonly cron: JsonValue | undefined },
  context: ScheduleContext,
): readonly ScheduleIr[] {
  if (cron !== undefined && schedule !== undefined) context.refuse("expected `schedule` or `cron`, got both", "/cron");
  if (schedule === undefined) {
    if (cron === undefined) return [];
    return readSchedule({ cron }, { ...context, pointer: "" });
  }
  const list = Array.isArray(schedule) ? (schedule as readonly JsonValue[]) : [schedule];
  if (list.length > MAX_SCHEDULES) context.refuse(`expected at most ${MAX_SCHEDULES} schedules`, "/schedule");
  return list.flatMap((item, i) =>
    readSchedule(item, { ...context, pointer: Array.isArray(schedule) ? `/schedule/${i}` : "/schedule" }),
  );
}

function readSchedule(
  value: JsonValue,
  { pointer, refuse, locate }: ScheduleContext & { readonly pointer: string },
): readonly ScheduleIr[] {
  const wrong = (problem: string, key = ""): readonly ScheduleIr[] => {
    refuse(problem, `${pointer}${key}`);
    return [];
  };
  if (!isJsonObject(value)) return wrong("expected a schedule to be a map with cron, zone, entry, catch_up");
  const stray = Object.keys(value).find((key) => !KEYS.includes(key));
  if (stray !== undefined) return wrong(`unknown key ${quote(stray)} in a schedule${didYouMean(stray, KEYS)}`);
  const { cron, zone, entry, catch_up: catchUp } = value;
  if (typeof cron !== "string" || !/^\S+(?:\s+\S+){4,5}$/.test(cron.trim()))
    return wrong('expected cron to be five fields, or six with seconds first, such as "0 9 * * 1-5"', "/cron");
  if (zone !== undefined && (typeof zone !== "string" || !isZone(zone)))
    return wrong(
      `expected zone to be an IANA time zone such as Europe/Berlin, got ${quote(JSON.stringify(zone))}`,
      "/zone",
    );
  if (entry !== undefined && typeof entry !== "string") return wrong("expected entry to be text", "/entry");
  const known = CATCH_UPS.find((word) => word === catchUp);
  if (catchUp !== undefined && known === undefined)
    return wrong("expected catch_up to be none, last or all", "/catch_up");
  return [
    {
      cron: cron.trim(),
      ...(zone === undefined ? {} : { zone }),
      ...(entry === undefined ? {} : { entry }),
      ...(known === undefined ? {} : { catchUp: known }),
      at: locate(pointer),
    },
  ];
}

/** Tells whether a name is a time zone's that this machine knows. */
function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).format(0) !== "";
  } catch {
    return false;
  }
}
