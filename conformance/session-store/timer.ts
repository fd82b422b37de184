import { expect, test } from "vitest";
import type { Lease } from "../../src/session/index.ts";
import type { StoreFactory } from "../session-store.ts";
import { entryOf, KEY, keyOf, leaseOf, ManualWorld, runTurn, turnOf } from "./fixtures.ts";

/** Timers: they wake their session when due, once, and not a moment sooner. */
export function timerContract({ open, crash }: StoreFactory): void {
  test("a timer makes its session leasable when it is due", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    const at = (ms: number): number => world.nowMs() + ms;
    const timers = [
      { onceKey: "c", dueAtMs: at(3_000), payload: "c" },
      { onceKey: "b", dueAtMs: at(1_000), payload: "b" },
      { onceKey: "a", dueAtMs: at(2_000), payload: "a" },
    ];
    await runTurn(store, { timersNew: timers });
    expect(await store.sweep(world.nowMs())).toEqual({ sessions: [], sends: false, nextTimerAtMs: at(1_000) });
    world.advance(999);
    expect(await store.lease("w1", { limit: 1 })).toEqual([]);
    expect(await store.lease("w1", { limit: 1, keys: [KEY] })).toEqual([]);
    world.advance(1_001);
    expect(await store.sweep(world.nowMs())).toEqual({ sessions: [KEY], sends: false, nextTimerAtMs: at(1_000) });
    const [lease] = await store.lease("w1", { limit: 1 });
    expect(lease?.timers.map(({ onceKey, payload }) => [onceKey, payload])).toEqual([
      ["b", "b"],
      ["a", "a"],
    ]);
  });

  test("commit() drops the timers that it names, and one that it leaves stays due", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    const timersNew = ["a", "b", "later"].map((onceKey, n) => ({
      onceKey,
      dueAtMs: world.nowMs() + n * 100,
      payload: n,
    }));
    await runTurn(store, { timersNew });
    world.advance(100);
    const first = await leaseOf(store);
    await store.commit(first, turnOf(first, { timersDone: ["a", "later", "unknown"] }));
    const second = await leaseOf(store);
    expect(second.timers.map(({ onceKey }) => onceKey)).toEqual(["b"]);
    await store.commit(second, turnOf(second));
    world.advance(10_000);
    expect(await store.lease("w1", { limit: 1, keys: [KEY] })).toEqual([]);
    expect(await store.sweep(world.nowMs())).toEqual({ sessions: [], sends: false });
  });

  test("a new timer replaces the one with its once-key, of its session alone", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    const other = keyOf({ conversation: "c2" });
    const timer = (ms: number, payload: string): { onceKey: string; dueAtMs: number; payload: string } => {
      return { onceKey: "t", dueAtMs: world.nowMs() + ms, payload };
    };
    await runTurn(store, { timersNew: [timer(100, "old")] });
    await runTurn(store, { timersNew: [timer(100, "other")] }, other);
    await runTurn(store, { timersNew: [timer(500, "new")] });
    world.advance(100);
    expect((await store.lease("w1", { limit: 9 })).map(({ key }) => key)).toEqual([other]);
    world.advance(400);
    expect((await leaseOf(store)).timers.map(({ payload }) => payload)).toEqual(["new"]);
  });

  test("a timer that is due already is found by the lease that commit() keeps", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await store.accept(entryOf("m1"));
    const lease = await leaseOf(store);
    const timersNew = [{ onceKey: "now", dueAtMs: world.nowMs(), payload: 1 }];
    const kept = await store.commit(lease, turnOf(lease, { timersNew }), { keep: true });
    expect(kept?.timers).toEqual(timersNew);
    expect(kept?.fence).toBe(lease.fence);
  });

  test("every lease carries what fell due, though no sweep has noticed: one that comes with accept(), one that commit() keeps", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    const timersNew = [{ onceKey: "due", dueAtMs: world.nowMs() + 100, payload: 1 }];
    await runTurn(store, { timersNew });
    world.advance(150);
    const { lease } = await store.accept(entryOf("late"), { leaseTo: { worker: "w1" } });
    expect(lease?.timers).toEqual(timersNew);
    await store.commit(lease as Lease, turnOf(lease as Lease, { timersNew: [] }));

    const again = [{ onceKey: "again", dueAtMs: world.nowMs() + 100, payload: 2 }];
    await runTurn(store, { timersNew: again });
    await store.accept(entryOf("before"));
    const before = await leaseOf(store);
    expect(before.timers).toEqual([]);
    world.advance(150);
    const kept = await store.commit(before, turnOf(before), { keep: true });
    expect(kept?.timers).toEqual(again);
  });

  test("timers fire in time after the wall clock was set back", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await store.sweep(world.nowMs());
    await runTurn(store, { timersNew: [{ onceKey: "t", dueAtMs: world.nowMs() + 100, payload: 0 }] });
    world.advance(100);
    const lease = await leaseOf(store);
    await store.commit(lease, turnOf(lease));
    world.jump(-3_600_000);
    await runTurn(store, { timersNew: [{ onceKey: "t", dueAtMs: world.nowMs() + 100, payload: 1 }] });
    expect(await store.lease("w1", { limit: 1 })).toEqual([]);
    world.advance(100);
    expect((await store.lease("w1", { limit: 1 }))[0]?.timers.map(({ payload }) => payload)).toEqual([1]);
  });

  test("a timer that was found due before the wall clock was set back is found again when its time comes", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await runTurn(store, { timersNew: [{ onceKey: "t", dueAtMs: world.nowMs() + 100, payload: 1 }] });
    world.advance(200);
    await store.sweep(world.nowMs());
    await store.accept(entryOf("m"));
    const lease = await leaseOf(store);
    expect(lease.timers).toHaveLength(1);
    world.jump(-60_000);
    await store.commit(lease, turnOf(lease, { timersDone: [] }));
    expect((await store.sweep(world.nowMs())).sessions).toEqual([]);
    world.advance(60_000);
    expect((await store.sweep(world.nowMs())).sessions).toEqual([KEY]);
    expect((await leaseOf(store)).timers.map(({ payload }) => payload)).toEqual([1]);
  });

  test("a timer that was found due before the wall clock was set back is not lost with a lease that is given back", async () => {
    for (const how of ["release", "any", "key"] as const) {
      const world = new ManualWorld();
      await using store = await open(world);
      await runTurn(store, { timersNew: [{ onceKey: "t", dueAtMs: world.nowMs() + 100, payload: 1 }] });
      world.advance(200);
      await store.sweep(world.nowMs());
      const lease = how === "release" ? await leaseOf(store) : undefined;
      world.jump(-60_000);
      if (lease !== undefined) await store.release(lease);
      const asked = how === "any" ? { limit: 1 } : { limit: 1, keys: [KEY] };
      for (const early of await store.lease("w1", asked)) await store.release(early);
      world.advance(60_000);
      expect((await store.sweep(world.nowMs())).sessions).toEqual([KEY]);
      expect((await leaseOf(store)).timers.map(({ payload }) => payload)).toEqual([1]);
    }
  });

  test("many timers due at once are all found", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    const keys = Array.from({ length: 300 }, (_, n) => keyOf({ conversation: `c${n}` }));
    const timersNew = [{ onceKey: "t", dueAtMs: world.nowMs() + 1_000, payload: null }];
    await Promise.all(keys.map((key) => runTurn(store, { timersNew }, key)));
    world.advance(1_000);
    const found: string[] = [];
    for (let round = 0; round < 30; round++) {
      for (const lease of await store.lease("w1", { limit: 10 })) {
        found.push(lease.key);
        await store.commit(lease, turnOf(lease));
      }
    }
    expect(found.sort()).toEqual(keys.toSorted());
    expect((await store.sweep(world.nowMs())).sessions).toEqual([]);
  });

  test.skipIf(crash === undefined)("timers outlive a crash, and a fired one stays fired", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    const timersNew = [100, 200].map((ms) => ({ onceKey: `t${ms}`, dueAtMs: world.nowMs() + ms, payload: ms }));
    await runTurn(store, { timersNew });
    world.advance(100);
    const lease = await leaseOf(store);
    await store.commit(lease, turnOf(lease));
    await using after = (await crash?.(store, world)) ?? store;
    expect(await after.sweep(world.nowMs())).toMatchObject({ sessions: [], nextTimerAtMs: world.nowMs() + 100 });
    world.advance(100);
    expect((await leaseOf(after)).timers.map(({ onceKey }) => onceKey)).toEqual(["t200"]);
  });
}
