import { afterEach, expect, test, vi } from "vitest";
import { Recheck } from "./recheck.ts";

afterEach(() => void vi.useRealTimers());

test("Recheck looks once a while however often it is asked, and no more once there is no reason to", () => {
  vi.useFakeTimers();
  let looks = 0;
  const recheck: Recheck = new Recheck(1_000, () => {
    looks++;
    // Who is looked at may ask for another look: two that do so each time must not make it four.
    recheck.plan();
    recheck.plan();
    return looks < 20;
  });
  recheck.plan();
  recheck.plan();
  vi.advanceTimersByTime(10_500);
  expect(looks).toBe(10);
  expect(vi.getTimerCount()).toBe(1);
});

test("Recheck ends with its reason, and begins anew when it is asked", () => {
  vi.useFakeTimers();
  const left = [true, true, false, false];
  const recheck = new Recheck(1_000, () => left.shift() ?? false);
  recheck.plan();
  vi.advanceTimersByTime(60_000);
  expect([left.length, vi.getTimerCount()]).toEqual([1, 0]);
  recheck.plan();
  vi.advanceTimersByTime(60_000);
  expect([left.length, vi.getTimerCount()]).toEqual([0, 0]);
});
