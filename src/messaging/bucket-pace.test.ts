import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { BucketPace } from "./bucket-pace.ts";
import type { SendRate } from "./provider.ts";
import { teamsRates } from "./providers/teams/limits.ts";
import { whatsappRates } from "./providers/whatsapp/limits.ts";

/** Sends to whichever conversation may be sent to next, for a while of its own time. @returns when each send left, by conversation */
async function storm(
  rates: (conversation: string) => readonly SendRate[],
  options: { readonly conversations: number; readonly forMs: number },
): Promise<ReadonlyMap<string, readonly number[]>> {
  let nowMs = 0;
  const world = { nowMs: () => nowMs, schedule: () => () => undefined };
  const { signal } = new AbortController();
  const pace = new BucketPace(rates);
  const left = new Map(Array.from({ length: options.conversations }, (_, at) => [`${at}`, [] as number[]]));
  for (;;) {
    let next = "0";
    let readyAtMs = Number.POSITIVE_INFINITY;
    for (const name of left.keys()) {
      const atMs = pace.readyAtMs(name, nowMs);
      if (atMs < readyAtMs) [next, readyAtMs] = [name, atMs];
    }
    if (readyAtMs > options.forMs) return left;
    nowMs = readyAtMs;
    expect(await pace.awaitTurn(next, { world, signal })).toBeUndefined();
    left.get(next)?.push(nowMs);
  }
}

/** The most that left within any span. */
function mostWithin(times: readonly number[], spanMs: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  let most = 0;
  for (let from = 0, to = 0; to < sorted.length; to++) {
    while ((sorted[to] ?? 0) - (sorted[from] ?? 0) >= spanMs) from++;
    most = Math.max(most, to - from + 1);
  }
  return most;
}

test("BucketPace keeps WhatsApp's number and pairs within their limits through a storm, and uses at least 95 % of them", async () => {
  verifies("channels.paces");
  const rates = (person: string): readonly SendRate[] => whatsappRates(person, 80);
  const all = [...(await storm(rates, { conversations: 150, forMs: 60_000 })).values()].flat();
  expect(mostWithin(all, 1_000)).toBeLessThanOrEqual(80);
  expect(all.length).toBeGreaterThan(80 * 60 * 0.95);
  const alone = [...(await storm(rates, { conversations: 1, forMs: 3_600_000 })).values()].flat();
  expect(mostWithin(alone, 6_000)).toBeLessThanOrEqual(45);
  expect(alone.length).toBeLessThanOrEqual(45 + 600);
  expect(alone.length).toBeGreaterThan((45 + 600) * 0.95);
});

test("BucketPace keeps a Teams app and its threads within their limits through a storm", async () => {
  verifies("channels.paces");
  const crowd = await storm(teamsRates, { conversations: 120, forMs: 40_000 });
  const all = [...crowd.values()].flat();
  expect(mostWithin(all, 1_000)).toBeLessThanOrEqual(50);
  expect(all.length).toBeGreaterThan(50 * 40 * 0.95);
  const [alone = []] = [...(await storm(teamsRates, { conversations: 1, forMs: 7_200_000 })).values()];
  for (const times of [...crowd.values(), alone]) {
    const most = [1_000, 2_000, 30_000, 3_600_000].map((spanMs) => mostWithin(times, spanMs));
    expect(most.every((count, at) => count <= ([7, 8, 60, 1_800][at] ?? 0))).toBe(true);
  }
  expect(alone.length).toBeGreaterThan(3_600 * 0.95);
});

test("BucketPace lets a crowd through one by one, and sends who would wait long away", async () => {
  let nowMs = 0;
  const due: (() => void)[] = [];
  const world = {
    nowMs: () => nowMs,
    schedule: (delayMs: number, wake: () => void) => {
      due.push(() => {
        nowMs = Math.max(nowMs, delayMs);
        wake();
      });
      return () => undefined;
    },
  };
  const { signal } = new AbortController();
  const pace = new BucketPace(() => [{ name: "all", rate: { capacity: 1, perSecond: 1 } }]);
  const turns = Promise.all(Array.from({ length: 3 }, () => pace.awaitTurn("c", { world, signal })));
  await Promise.resolve();
  for (const wake of due.splice(0)) wake();
  await new Promise((resolve) => setImmediate(resolve));
  nowMs = 2_000;
  for (const wake of due.splice(0)) wake();
  expect(await turns).toEqual([undefined, undefined, undefined]);
  pace.pause("all", 9_000, nowMs);
  expect(await pace.awaitTurn("c", { world, signal })).toBe(9_000);
});
