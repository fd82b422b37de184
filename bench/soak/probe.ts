/**
 * Loaded into each process under soak by `--import`: every few seconds a line with what the process weighs, in a file of its own in
 * GREENTIC_SOAK_PROBE. At the moments that GREENTIC_SOAK_LIVE_MS names, counted from the start of the process, it collects garbage
 * first: what lives then is not clouded by what V8 puts off. Component processes get an empty environment, so the host that started them counts them.
 */
import { appendFileSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isMainThread } from "node:worker_threads";

/** What one process weighs at one moment. Bytes are bytes, times milliseconds since the epoch. */
export interface Sample {
  readonly atMs: number;
  readonly role: string;
  readonly resident: number;
  readonly heapUsed: number;
  readonly external: number;
  /** Heap and external memory after a full collection, at the moments that ask for it. */
  readonly live?: number;
  readonly descriptors: number;
  readonly threads: number;
  readonly disk: number;
  readonly lagP99Ms: number;
  readonly lagMaxMs: number;
  /** Processor time of the process since its start. */
  readonly cpuMs: number;
  readonly children: number;
  readonly childrenResident: number;
  readonly childrenDescriptors: number;
}

const INTERVAL_MS = 10_000;

const numberIn = (text: string, name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1] ?? 0);

/** Reads what may be gone the next moment. */
function attempt<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

const statusOf = (pid: number | string): string => attempt(() => readFileSync(`/proc/${pid}/status`, "utf8"), "");
const descriptorsOf = (pid: number | string): number => attempt(() => readdirSync(`/proc/${pid}/fd`).length, 0);

function childrenOf(pid: number): readonly number[] {
  return attempt(() => readdirSync(`/proc/${pid}/task`), []).flatMap((thread) =>
    attempt(() => readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8"), "")
      .trim()
      .split(" ")
      .filter((text) => text !== "")
      .map(Number),
  );
}

function bytesIn(dir: string): number {
  return attempt(() => readdirSync(dir, { withFileTypes: true }), []).reduce((sum, entry) => {
    const path = join(dir, entry.name);
    return sum + (entry.isDirectory() ? bytesIn(path) : attempt(() => statSync(path).size, 0));
  }, 0);
}

function startProbe(dir: string): void {
  const { argv, pid } = process;
  const after = (flag: string): string | undefined => argv[argv.indexOf(flag) + 1];
  const role = argv.includes("--role") ? (after("--role") ?? "") : "host";
  const data = argv.includes("--data") ? after("--data") : undefined;
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const liveAtMs = (process.env["GREENTIC_SOAK_LIVE_MS"] ?? "").split(",").filter(Boolean).map(Number);
  const sample = (): void => {
    const isLive = process.uptime() * 1_000 >= (liveAtMs[0] ?? Infinity);
    if (isLive) {
      liveAtMs.shift();
      collect();
    }
    const memory = process.memoryUsage();
    const cpu = process.cpuUsage();
    const children = childrenOf(pid);
    const told: Sample = {
      atMs: Date.now(),
      role,
      resident: memory.rss,
      heapUsed: memory.heapUsed,
      external: memory.external,
      ...(isLive && { live: memory.heapUsed + memory.external }),
      descriptors: descriptorsOf(pid),
      threads: numberIn(statusOf(pid), "Threads"),
      disk: data === undefined ? 0 : bytesIn(data),
      lagP99Ms: delay.percentile(99) / 1e6,
      lagMaxMs: delay.max / 1e6,
      cpuMs: (cpu.user + cpu.system) / 1_000,
      children: children.length,
      childrenResident: children.reduce((sum, child) => sum + numberIn(statusOf(child), "VmRSS") * 1024, 0),
      childrenDescriptors: children.reduce((sum, child) => sum + descriptorsOf(child), 0),
    };
    delay.reset();
    appendFileSync(join(dir, `${pid}.jsonl`), `${JSON.stringify(told)}\n`);
  };
  setInterval(sample, INTERVAL_MS).unref();
}

const DIR = process.env["GREENTIC_SOAK_PROBE"];
if (DIR !== undefined && isMainThread && process.argv.includes("start")) startProbe(DIR);
