import { expect, test } from "vitest";
import { IdleMap } from "./idle-map.ts";

const untilMs = (value: number, nowMs: number): boolean => value <= nowMs;

test("IdleMap holds about twice what is in use, however many came and went", () => {
  const map = new IdleMap<number, number>(untilMs);
  let most = 0;
  for (let nowMs = 0; nowMs < 20_000; nowMs++) {
    map.set(nowMs, nowMs + 300, nowMs);
    most = Math.max(most, map.size);
    expect(map.get(nowMs - 299)).toBe(nowMs < 299 ? undefined : nowMs + 1);
  }
  expect(most).toBeLessThanOrEqual(2 * 301);
});

test("IdleMap keeps whatever is in use where it has no bound, and the newer half where it has", () => {
  const all = new IdleMap<number, number>(untilMs);
  const some = new IdleMap<number, number>(untilMs, 1_000);
  for (let i = 0; i < 5_000; i++) {
    all.set(i, 1, 0);
    some.set(i, 1, 0);
    expect(some.size).toBeLessThanOrEqual(1_000);
    expect(some.get(Math.max(0, i - 499))).toBe(1);
  }
  expect(all.size).toBe(5_000);
  expect([some.delete(4_999), some.delete(4_999), some.get(4_999)]).toEqual([true, false, undefined]);
});

test("IdleMap lets nothing go for an entry that is exchanged", () => {
  const map = new IdleMap<number, number>(untilMs, 2);
  map.set(1, 0, 0);
  map.set(2, 0, 0);
  map.set(2, 5, 1);
  expect([map.get(1), map.get(2), map.size]).toEqual([0, 5, 2]);
});
