import { monitorEventLoopDelay } from "node:perf_hooks";

/** What a piece of work cost the event loop that it ran on. */
export interface LoopCost {
  readonly tookMs: number;
  /** How late a timer was, at the 99th percentile and at most: what others on the machine took is in it. */
  readonly lagP99Ms: number;
  readonly lagMaxMs: number;
  /** The most processor time that the thread spent from one timer to the next: what others took is not in it. */
  readonly turnMaxMs: number;
  /** How far the process's resident memory rose above where it began. */
  readonly grewMiB: number;
}

const NANO = 1e6;
const MIB = 2 ** 20;

/** Runs work and watches the loop beside it, with a timer that asks to be called every millisecond. */
export async function measureLoop(work: () => Promise<unknown>): Promise<LoopCost> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const base = process.memoryUsage.rss();
  let peak = base;
  let turnMaxMs = 0;
  let spent = threadMs();
  const timer = setInterval(() => {
    const now = threadMs();
    turnMaxMs = Math.max(turnMaxMs, now - spent);
    peak = Math.max(peak, process.memoryUsage.rss());
    spent = threadMs();
  }, 1);
  delay.enable();
  const start = performance.now();
  try {
    await work();
    const tookMs = performance.now() - start;
    // The last turn counts when a timer has seen it.
    await new Promise((later) => setTimeout(later, 5));
    delay.disable();
    return {
      tookMs,
      lagP99Ms: delay.percentile(99) / NANO,
      lagMaxMs: delay.max / NANO,
      turnMaxMs,
      grewMiB: (peak - base) / MIB,
    };
  } finally {
    clearInterval(timer);
  }
}

function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
