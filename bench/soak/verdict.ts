/** What the samples of a soak say: where memory and descriptors go in its second half. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Row } from "../table.ts";
import type { Sample } from "./probe.ts";

const MIB = 1 << 20;
const HOUR_MS = 3_600_000;
/** A curve is flat where it gains less than this share of its mean in the time that it was looked at. */
const FLAT_SHARE = 0.03;
/** What lives may gain as much between its two measurements: conversations come and go. */
const FLAT_LIVE_BYTES = 4 * MIB;
/** Connections come and go, and their number goes with what the machine is busy with; what leaks is still there at the quietest moment. */
const QUIETEST_OF_MS = 300_000;
/** At such moments as many descriptors more or less. */
const FLAT_DESCRIPTORS = 4;

/** A line through points. */
interface Line {
  readonly perHour: number;
  /** Standard error of `perHour`. */
  readonly error: number;
  readonly mean: number;
  /** What it gains over the points' time. */
  readonly gain: number;
}

/** Fits a line by least squares. */
function fitLine(points: readonly (readonly [atMs: number, value: number])[]): Line {
  const count = points.length;
  const mean = (pick: (point: readonly [number, number]) => number): number =>
    points.reduce((sum, point) => sum + pick(point), 0) / Math.max(1, count);
  const [meanAt, meanValue] = [mean(([atMs]) => atMs), mean(([, value]) => value)];
  const spread = points.reduce((sum, [atMs]) => sum + (atMs - meanAt) ** 2, 0);
  const slope =
    spread === 0 ? 0 : points.reduce((sum, [atMs, value]) => sum + (atMs - meanAt) * (value - meanValue), 0) / spread;
  const left = points.reduce((sum, [atMs, value]) => sum + (value - meanValue - slope * (atMs - meanAt)) ** 2, 0);
  const error = count > 2 && spread > 0 ? Math.sqrt(left / (count - 2) / spread) : 0;
  const lasted = (points.at(-1)?.[0] ?? 0) - (points[0]?.[0] ?? 0);
  return { perHour: slope * HOUR_MS, error: error * HOUR_MS, mean: meanValue, gain: slope * lasted };
}

/** Keeps of each stretch of time the point with the least value. */
function quietest(points: readonly (readonly [atMs: number, value: number])[]): typeof points {
  const startMs = points[0]?.[0] ?? 0;
  const stretches = Map.groupBy(points, ([atMs]) => Math.floor((atMs - startMs) / QUIETEST_OF_MS));
  return [...stretches.values()].map((stretch) => stretch.reduce((least, one) => (one[1] < least[1] ? one : least)));
}

/** What one process came to. */
export interface ProcessVerdict {
  readonly role: string;
  readonly resident: Line;
  readonly heap: Line;
  /** At the quietest moment of each five minutes. */
  readonly descriptors: Line;
  readonly threads: Line;
  readonly childrenResident: Line;
  readonly disk: Line;
  /** What lived once it was warm and at the end, bytes; fewer where the run was too short. */
  readonly live: readonly number[];
  readonly isFlat: boolean;
  readonly samples: readonly Sample[];
}

/** Reads what the probes wrote; looks at samples between two moments, which leave out warming up and winding down. */
export function judgeProcesses(dir: string, from: number, to: number): readonly ProcessVerdict[] {
  return readdirSync(dir).flatMap((name) => {
    const all = readFileSync(join(dir, name), "utf8").trim().split("\n");
    const samples = all.map((line) => JSON.parse(line) as Sample).filter(({ atMs }) => atMs <= to);
    const late = samples.filter(({ atMs }) => atMs >= from);
    const first = late[0];
    if (first === undefined) return [];
    const points = (pick: (sample: Sample) => number) => late.map((one) => [one.atMs, pick(one)] as const);
    const line = (pick: (sample: Sample) => number): Line => fitLine(points(pick));
    const resident = line((one) => one.resident);
    const descriptors = fitLine(quietest(points((one) => one.descriptors + one.childrenDescriptors)));
    // A process more for a component that is left one of its own is no growth.
    const childrenResident = line((one) => one.childrenResident / Math.max(1, one.children));
    const live = samples.flatMap((one) => one.live ?? []);
    const isLevel = ({ gain, mean }: Line): boolean => gain <= mean * FLAT_SHARE;
    return [
      {
        role: first.role,
        resident,
        heap: line((one) => one.heapUsed),
        descriptors,
        threads: line((one) => one.threads),
        childrenResident,
        disk: line((one) => one.disk),
        live,
        isFlat:
          isLevel(resident) &&
          isLevel(childrenResident) &&
          descriptors.gain <= FLAT_DESCRIPTORS &&
          (live.at(-1) ?? 0) - (live[0] ?? 0) <= FLAT_LIVE_BYTES,
        samples,
      },
    ];
  });
}

const round = (value: number, digits = 1): number => Math.round(value * 10 ** digits) / 10 ** digits;

/** Tells the verdicts as a table. */
export function verdictRows(verdicts: readonly ProcessVerdict[]): readonly Row[] {
  return verdicts.flatMap((verdict) => {
    const told = (what: string, line: Line, unit: number): Row => ({
      process: verdict.role,
      what,
      mean: round(line.mean / unit),
      "gain an hour": round(line.perHour / unit, 2),
      "± (standard error)": round(line.error / unit, 2),
      "gain in the time looked at": round(line.gain / unit, 2),
    });
    return [
      told("resident MiB", verdict.resident, MIB),
      told("heap MiB", verdict.heap, MIB),
      told("resident MiB of a component process", verdict.childrenResident, MIB),
      told("descriptors at quiet moments, with component processes", verdict.descriptors, 1),
      told("threads", verdict.threads, 1),
      told("data directory MiB", verdict.disk, MIB),
    ];
  });
}

/** Tells what lived, once warm and at the end. */
export function liveRows(verdicts: readonly ProcessVerdict[]): readonly Row[] {
  return verdicts.map(({ role, live }) => ({
    process: role,
    "live MiB once warm": round((live[0] ?? 0) / MIB),
    "live MiB at the end": round((live[1] ?? 0) / MIB),
  }));
}

/** Tells the course of a process, a row for each `stepMs`. */
export function courseRows({ role, samples }: ProcessVerdict, stepMs: number): readonly Row[] {
  const startMs = samples[0]?.atMs ?? 0;
  let nextMs = startMs;
  let before = samples[0];
  return samples.flatMap((one, i) => {
    if (one.atMs < nextMs && i < samples.length - 1) return [];
    nextMs = one.atMs + stepMs;
    const lastedMs = one.atMs - (before?.atMs ?? one.atMs);
    const busy = lastedMs === 0 ? 0 : (one.cpuMs - (before?.cpuMs ?? 0)) / lastedMs;
    before = one;
    return [
      {
        process: role,
        minute: round((one.atMs - startMs) / 60_000),
        "resident MiB": round(one.resident / MIB),
        "heap MiB": round(one.heapUsed / MIB),
        "external MiB": round(one.external / MIB),
        descriptors: one.descriptors,
        threads: one.threads,
        children: one.children,
        "their MiB": round(one.childrenResident / MIB),
        "their descriptors": one.childrenDescriptors,
        "disk MiB": round(one.disk / MIB),
        "lag p99 ms": round(one.lagP99Ms),
        "lag max ms": round(one.lagMaxMs),
        processors: round(busy, 2),
      },
    ];
  });
}
