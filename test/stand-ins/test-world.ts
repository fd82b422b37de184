import { randomFillSync } from "node:crypto";
import type { World } from "../../src/types/index.ts";

/** A world whose time moves only when told; chance is the machine's. Tasks run in order of their time during `advance`. */
export interface TestWorld extends World {
  readonly advance: (byMs: number) => void;
}

export function createTestWorld(startMs = Date.UTC(2026, 0, 1)): TestWorld {
  let nowMs = startMs;
  let serial = 0;
  const tasks = new Map<number, { readonly atMs: number; readonly task: () => void }>();
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs - startMs,
    randomBytes: (size) => randomFillSync(new Uint8Array(size)),
    schedule: (delayMs, task) => {
      const id = ++serial;
      tasks.set(id, { atMs: nowMs + delayMs, task });
      return () => void tasks.delete(id);
    },
    advance: (byMs) => {
      const untilMs = nowMs + byMs;
      for (;;) {
        const [next] = [...tasks].filter(([, { atMs }]) => atMs <= untilMs).sort(([, a], [, b]) => a.atMs - b.atMs);
        if (next === undefined) break;
        const [id, { atMs, task }] = next;
        tasks.delete(id);
        nowMs = Math.max(nowMs, atMs);
        task();
      }
      nowMs = untilMs;
    },
  };
}
