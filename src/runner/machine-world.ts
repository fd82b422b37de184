import { randomFillSync } from "node:crypto";
import type { World } from "../types/index.ts";

const POOL_BYTES = 4_096;

/** Makes the machine's own world: its clocks, its randomness, its timers. Timers don't keep the process alive. */
export function createMachineWorld(): World {
  const pool = new Uint8Array(POOL_BYTES);
  let used = POOL_BYTES;
  return {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    randomBytes: (size) => {
      if (size > POOL_BYTES / 4) return randomFillSync(new Uint8Array(size));
      if (used + size > POOL_BYTES) {
        randomFillSync(pool);
        used = 0;
      }
      used += size;
      return pool.slice(used - size, used);
    },
    schedule: (delayMs, task) => {
      const timer = setTimeout(task, Math.min(Math.max(0, delayMs), 2_147_483_647));
      timer.unref();
      return () => clearTimeout(timer);
    },
  };
}
