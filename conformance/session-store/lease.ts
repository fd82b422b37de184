import { expect, test } from "vitest";
import type { Lease } from "../../src/session/index.ts";
import type { StoreFactory } from "../session-store.ts";
import {
  contentOf,
  dump,
  entryOf,
  KEY,
  keyOf,
  leaseOf,
  ManualWorld,
  recordOf,
  rowOf,
  runTurn,
  turnOf,
} from "./fixtures.ts";

const OTHER = keyOf({ conversation: "c2" });

/** Leases: one worker a session, and an old fence changes nothing. */
export function leaseContract({ open, crash, holdsOutliveCrash = false }: StoreFactory): void {
  test("lease() finds sessions with unread messages only, each once", async () => {
    await using store = await open(new ManualWorld());
    expect(await store.lease("w1", { limit: 9 })).toEqual([]);
    await runTurn(store);
    expect(await store.lease("w1", { limit: 9 })).toEqual([]);
    expect(await store.lease("w1", { limit: 9, keys: [KEY, OTHER] })).toEqual([]);
    await store.accept(entryOf("m1"));
    await store.accept(entryOf("m2", { key: OTHER }));
    expect((await store.lease("w1", { limit: 9, keys: [OTHER] })).map(({ key }) => key)).toEqual([OTHER]);
    expect((await store.lease("w2", { limit: 9 })).map(({ key }) => key)).toEqual([KEY]);
    expect(await store.lease("w3", { limit: 9 })).toEqual([]);
    expect(await store.lease("w3", { limit: 9, keys: [KEY, OTHER, KEY] })).toEqual([]);
  });

  test("lease() shares sessions among workers without giving one twice, longest waiting first", async () => {
    await using store = await open(new ManualWorld());
    const keys = Array.from({ length: 40 }, (_, n) => keyOf({ conversation: `c${n}` }));
    for (const [n, key] of keys.entries()) await store.accept(entryOf(`m${n}`, { key }));
    const asked = await Promise.all(Array.from({ length: 8 }, (_, n) => store.lease(`w${n}`, { limit: 6 })));
    expect(asked.every((leases) => leases.length <= 6)).toBe(true);
    const got = asked.flat();
    expect(got.map(({ key }) => key).sort()).toEqual(keys.toSorted());
    expect(asked[0]?.map(({ key }) => key)).toEqual(keys.slice(0, 6));
    expect(new Set(got.map(({ fence }) => fence)).size).toBe(40);
  });

  test("every lease has a greater fence than all before it", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await store.accept(entryOf("m1"));
    const fences: number[] = [];
    const take = async (): Promise<Lease> => {
      const lease = await leaseOf(store);
      fences.push(lease.fence);
      return lease;
    };
    await store.release(await take());
    await take();
    world.advance(30_000);
    const third = await take();
    await store.commit(third, turnOf(third, { session: null }));
    await store.accept(entryOf("m2"));
    await take();
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b));
  });

  test("release() makes room for the next worker", async () => {
    await using store = await open(new ManualWorld());
    await store.accept(entryOf("m1"));
    const first = await leaseOf(store);
    await store.release(first);
    const second = await leaseOf(store, KEY, "w2");
    expect(contentOf(second)).toEqual(contentOf(first));
    await store.release(first);
    expect(await store.lease("w3", { limit: 9 })).toEqual([]);
    await expect(store.commit(first, turnOf(first))).rejects.toMatchObject({ code: "STORE_FENCE_STALE" });
  });

  test("a lease expires on the monotonic clock, whatever the wall clock does", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await store.accept(entryOf("m1"));
    await store.lease("w1", { limit: 1, ttlMs: 1_000 });
    world.jump(10 * 24 * 3_600_000);
    expect(await store.lease("w2", { limit: 1 })).toEqual([]);
    world.jump(-20 * 24 * 3_600_000);
    world.advance(999);
    expect(await store.lease("w2", { limit: 1 })).toEqual([]);
    world.advance(1);
    expect(await store.lease("w2", { limit: 1 })).toHaveLength(1);
  });

  test("renew() keeps a lease alive until its fence moved on", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await store.accept(entryOf("m1"));
    const [lease] = await store.lease("w1", { limit: 1, ttlMs: 1_000 });
    if (lease === undefined) throw new Error("expected a lease");
    world.advance(900);
    expect(await store.renew(lease, 1_000)).toBe(true);
    world.advance(900);
    expect(await store.lease("w2", { limit: 1 })).toEqual([]);
    // Late, but nobody has taken over.
    world.advance(900);
    await store.sweep(world.nowMs());
    expect(await store.renew(lease, 1_000)).toBe(true);
    expect(await store.lease("w2", { limit: 1 })).toEqual([]);
    world.advance(1_000);
    expect(await store.lease("w2", { limit: 1 })).toHaveLength(1);
    expect(await store.renew(lease, 1_000)).toBe(false);
  });

  test("an expired lease that nobody took over still commits", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await store.accept(entryOf("m1"));
    const lease = await leaseOf(store);
    world.advance(60_000);
    expect((await store.sweep(world.nowMs())).sessions).toEqual([KEY]);
    await store.commit(lease, turnOf(lease));
    expect((await store.read(KEY))?.session?.revision).toBe(1);
    expect(await store.lease("w2", { limit: 1 })).toEqual([]);
  });

  test("a message that arrives after a lease expired makes the session leasable", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await store.accept(entryOf("m1"));
    await leaseOf(store);
    world.advance(30_000);
    await store.accept(entryOf("m2"));
    const [lease] = await store.lease("w2", { limit: 1 });
    expect(lease?.inbox.map(({ dedupeKey }) => dedupeKey)).toEqual(["m1", "m2"]);
  });

  test("a stale fence changes nothing", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await runTurn(store, {
      state: [
        { key: "flow/a", value: 1 },
        { key: "flow/b", value: 2 },
      ],
      timersNew: [{ onceKey: "t", dueAtMs: world.nowMs() + 1, payload: {} }],
      outbox: [rowOf("r1")],
      log: ["l1"],
    });
    await store.accept(entryOf("m1"));
    world.advance(1);
    const old = await leaseOf(store);
    await store.record(old, { turn: 2, seq: 0, node: "n", inputHash: "h", outcome: { a: 1 } });
    world.advance(30_000);
    const living = await leaseOf(store, KEY, "w2");
    const before = await dump(store);

    const turn = turnOf(old, {
      session: recordOf(99),
      state: [
        { key: "flow/a", value: "stale" },
        { key: "flow/b", value: undefined },
      ],
      timersNew: [{ onceKey: "t", dueAtMs: world.nowMs() + 99, payload: "stale" }],
      outbox: [rowOf("stale")],
      log: ["stale"],
      deadLetters: old.inbox.map(({ order }) => ({ order, reason: "stale" })),
    });
    const stale = { code: "STORE_FENCE_STALE" };
    await expect(store.commit(old, turn)).rejects.toMatchObject(stale);
    await expect(store.commit(old, { ...turn, session: null }, { keep: true })).rejects.toMatchObject(stale);
    const step = { turn: 2, seq: 1, node: "n", inputHash: "h", outcome: "stale" };
    await expect(store.record(old, step)).rejects.toMatchObject(stale);
    expect(await store.renew(old, 99_000)).toBe(false);
    await store.release(old);

    expect(await dump(store)).toEqual(before);
    expect(await store.lease("w3", { limit: 1 })).toEqual([]);
    await store.release(living);
    const next = await leaseOf(store);
    expect(contentOf(next)).toEqual(contentOf(living));
    expect(next.steps).toHaveLength(1);
    expect(next.timers).toHaveLength(1);
  });

  test("a lease keeps what it was given while its session goes on without it", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await runTurn(store, { state: [{ key: "flow/a", value: 1 }] });
    await store.accept(entryOf("m1"));
    const old = await leaseOf(store);
    const given = structuredClone(contentOf(old));
    world.advance(30_000);
    const next = await leaseOf(store, KEY, "w2");
    await store.commit(next, turnOf(next, { state: [{ key: "flow/a", value: 2 }] }));
    expect(contentOf(old)).toEqual(given);
  });

  test.skipIf(crash === undefined || holdsOutliveCrash)("a crash ends every lease, and fences still rise", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await store.accept(entryOf("m1"));
    const old = await leaseOf(store);
    await using after = (await crash?.(store, world)) ?? store;
    await expect(after.commit(old, turnOf(old))).rejects.toMatchObject({ code: "STORE_FENCE_STALE" });
    expect(await after.renew(old, 1_000)).toBe(false);
    const lease = await leaseOf(after);
    expect(lease.fence).toBeGreaterThan(old.fence);
    expect(contentOf(lease)).toEqual(contentOf(old));
  });

  test("a lease tells how often its turn was begun before and came to no end", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await store.accept(entryOf("m1"));
    const first = await leaseOf(store);
    expect(first.attempt).toBe(0);
    await store.release(first);
    expect((await leaseOf(store)).attempt).toBe(0);
    world.advance(30_000);
    expect((await leaseOf(store)).attempt).toBe(1);
    world.advance(30_000);
    const third = await leaseOf(store);
    expect(third.attempt).toBe(2);
    await store.release(third);
    const fourth = await leaseOf(store);
    expect(fourth.attempt).toBe(2);
    await store.accept(entryOf("m2"));
    const kept = await store.commit(fourth, turnOf(fourth), { keep: true });
    expect(kept?.attempt).toBe(0);
    if (kept !== undefined) await store.commit(kept, turnOf(kept));
    await store.accept(entryOf("m3"));
    expect((await leaseOf(store)).attempt).toBe(0);
  });

  test.skipIf(crash === undefined)("a lease tells of turns that ended with their process", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await store.accept(entryOf("m1"));
    await leaseOf(store);
    await using second = (await crash?.(store, world)) ?? store;
    world.advance(30_000);
    expect((await leaseOf(second)).attempt).toBe(1);
    await using third = (await crash?.(second, world)) ?? store;
    world.advance(30_000);
    const lease = await leaseOf(third);
    expect(lease.attempt).toBe(2);
    await third.commit(lease, turnOf(lease));
    await third.accept(entryOf("m2"));
    expect((await leaseOf(third)).attempt).toBe(0);
  });

  test.skipIf(!holdsOutliveCrash)(
    "a lease outlives a crash until its time is over, and fences still rise",
    async () => {
      const world = new ManualWorld();
      await using store = await open(world);
      await store.accept(entryOf("m1"));
      const old = await leaseOf(store);
      await using after = (await crash?.(store, world)) ?? store;
      expect(await after.lease("w2", { limit: 9 })).toEqual([]);
      expect(await after.renew(old, 1_000)).toBe(true);
      world.advance(1_000);
      const lease = await leaseOf(after, KEY, "w2");
      expect(lease.fence).toBeGreaterThan(old.fence);
      expect(contentOf(lease)).toEqual(contentOf(old));
      await expect(after.commit(old, turnOf(old))).rejects.toMatchObject({ code: "STORE_FENCE_STALE" });
    },
  );
}
