import { expect, test } from "vitest";
import { createTestWorld } from "../../test/stand-ins/test-world.ts";
import { verifies } from "../../test/verifies.ts";
import { ServerClock } from "./server-clock.ts";

const START_MS = Date.UTC(2026, 0, 1);

/** A server whose clock is `aheadMs` before ours and tells whole `precisionMs`; each answer takes `tripMs`. */
function ask(
  clock: ServerClock,
  world: ReturnType<typeof createTestWorld>,
  { aheadMs, precisionMs, tripMs }: { readonly aheadMs: number; readonly precisionMs: number; readonly tripMs: number },
): void {
  const askedMs = world.monotonicMs();
  world.advance(tripMs / 2);
  const atMs = world.nowMs() + aheadMs;
  world.advance(tripMs / 2);
  clock.heard(atMs - (atMs % precisionMs), { askedMs, precisionMs });
}

test("nowMs() is ours until the server has answered, then the server's to half a round trip", () => {
  verifies("stores.records.clock");
  const world = createTestWorld(START_MS);
  const clock = new ServerClock(world);
  expect(clock.nowMs()).toBe(START_MS);
  ask(clock, world, { aheadMs: 90_000, precisionMs: 1, tripMs: 40 });
  expect(Math.abs(clock.nowMs() - (world.nowMs() + 90_000))).toBeLessThanOrEqual(21);
  world.advance(1_000);
  expect(Math.abs(clock.nowMs() - (world.nowMs() + 90_000))).toBeLessThanOrEqual(21);
});

test("answers that tell whole seconds bound the time together to a few milliseconds", () => {
  verifies("stores.records.clock");
  const world = createTestWorld(START_MS);
  const clock = new ServerClock(world);
  for (let n = 0; n < 60; n++) {
    ask(clock, world, { aheadMs: -7_777, precisionMs: 1_000, tripMs: 10 });
    world.advance(137);
  }
  expect(Math.abs(clock.nowMs() - (world.nowMs() - 7_777))).toBeLessThan(60);
});

test("a server's clock that is set, or another machine's, is followed no further than it must be", () => {
  verifies("stores.records.clock");
  const world = createTestWorld(START_MS);
  const clock = new ServerClock(world);
  for (let n = 0; n < 40; n++) {
    ask(clock, world, { aheadMs: 0, precisionMs: 1_000, tripMs: 10 });
    world.advance(137);
  }
  const before = clock.nowMs();
  for (let n = 0; n < 10; n++) ask(clock, world, { aheadMs: n % 2 === 0 ? 30 : 0, precisionMs: 1_000, tripMs: 10 });
  expect(Math.abs(clock.nowMs() - before - 100)).toBeLessThan(100);
  for (let n = 0; n < 40; n++) {
    ask(clock, world, { aheadMs: 60_000, precisionMs: 1_000, tripMs: 10 });
    world.advance(137);
  }
  expect(Math.abs(clock.nowMs() - (world.nowMs() + 60_000))).toBeLessThan(100);
});
