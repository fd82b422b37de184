import { array, assert, integer, nat, property } from "fast-check";
import { expect, test } from "vitest";
import { SlidingWindow } from "./sliding-window.ts";
import { TokenBucket, TokenBuckets } from "./token-bucket.ts";

test("TokenBucket gives its capacity at once and then what returns with time", () => {
  const bucket = new TokenBucket({ capacity: 2, perMs: 1 / 1000 }, 0);
  expect([bucket.take(0), bucket.take(0), bucket.take(0)]).toEqual([true, true, false]);
  expect(bucket.readyAtMs(0)).toBe(1000);
  expect([bucket.take(999), bucket.take(1000), bucket.take(1000)]).toEqual([false, true, false]);
  // A clock that goes back gives nothing away.
  expect([bucket.take(500), bucket.isFull(3000)]).toEqual([false, true]);
});

test("TokenBuckets forgets the full ones first and never grows beyond its bound", () => {
  const buckets = new TokenBuckets({ capacity: 1, perMs: 1 / 1000 }, 4);
  for (const name of ["a", "b", "c", "d"]) buckets.of(name, 0).take(0);
  buckets.of("e", 0);
  expect(buckets.of("d", 0).take(0)).toBe(false);
  expect(buckets.of("a", 0).take(0)).toBe(true);
});

test("SlidingWindow never lets more than its count through in any window, and never waits longer than one", () => {
  assert(
    property(integer({ min: 1, max: 5 }), array(nat(40), { maxLength: 200 }), (count, gaps) => {
      const window = new SlidingWindow({ count, windowMs: 100 });
      const sent: number[] = [];
      let nowMs = 0;
      for (const gap of gaps) {
        nowMs += gap;
        const readyAtMs = window.readyAtMs(nowMs);
        expect(readyAtMs).toBeLessThan(nowMs + 101);
        if (readyAtMs > nowMs) continue;
        window.add(nowMs);
        sent.push(nowMs);
      }
      for (const atMs of sent) {
        expect(sent.filter((other) => other >= atMs && other < atMs + 100).length).toBeLessThanOrEqual(count);
      }
    }),
  );
});
