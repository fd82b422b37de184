import { expect, test } from "vitest";
import { tenantId } from "../../src/types/index.ts";
import type { StoreFactory } from "../session-store.ts";
import { entryOf, envelopeOf, KEY, keyOf, leaseOf, ManualWorld, runTurn, TRACE, turnOf } from "./fixtures.ts";

/** Messages on their way in: nothing is lost, nothing arrives twice, the order is kept. */
export function inboxContract({ open, crash }: StoreFactory): void {
  test("accept() hands the message to the next lease as it came", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    expect(await store.accept(entryOf("m1"))).toEqual({ kind: "accepted" });
    expect(await store.read(KEY)).toEqual({ key: KEY, session: undefined, unread: 1 });
    const lease = await leaseOf(store);
    expect(lease).toMatchObject({ key: KEY, worker: "w1", session: undefined, timers: [], steps: [] });
    expect(lease.state.size).toBe(0);
    const { order } = lease.inbox[0] ?? {};
    expect(lease.inbox).toEqual([
      { order, dedupeKey: "m1", receivedAtMs: 1_800_000_000_000, traceId: TRACE, envelope: envelopeOf("m1") },
    ]);
  });

  test("accept() takes a delivery once, before and after it was handled", async () => {
    await using store = await open(new ManualWorld());
    const kinds = (await Promise.all(Array.from({ length: 50 }, () => store.accept(entryOf("m1"))))).map((a) => a.kind);
    expect(kinds.filter((kind) => kind === "accepted")).toHaveLength(1);
    expect((await store.read(KEY))?.unread).toBe(1);
    const lease = await leaseOf(store);
    expect(await store.accept(entryOf("m1"))).toEqual({ kind: "duplicate" });
    await store.commit(lease, turnOf(lease));
    expect(await store.accept(entryOf("m1"))).toEqual({ kind: "duplicate" });
    expect((await store.read(KEY))?.unread).toBe(0);
  });

  test("accept() tells deliveries apart by channel, not by conversation", async () => {
    await using store = await open(new ManualWorld());
    await store.accept(entryOf("m1"));
    const kindOf = async (parts: Parameters<typeof keyOf>[0]): Promise<string> =>
      (await store.accept(entryOf("m1", { key: keyOf(parts) }))).kind;
    expect(await kindOf({ conversation: "c2" })).toBe("duplicate");
    expect(await kindOf({ user: "u2" })).toBe("duplicate");
    expect(await kindOf({ channel: "webchat-2" })).toBe("accepted");
    expect(await kindOf({ team: "sales" })).toBe("accepted");
    expect(await kindOf({ tenant: "acme-2" })).toBe("accepted");
    expect(await kindOf({ env: "dev" })).toBe("accepted");
  });

  test("accept() forgets a delivery after its time", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await store.accept(entryOf("m1", { dedupeTtlMs: 1_000 }));
    world.advance(999);
    expect((await store.accept(entryOf("m1", { dedupeTtlMs: 1_000 }))).kind).toBe("duplicate");
    world.advance(1);
    expect((await store.accept(entryOf("m1", { dedupeTtlMs: 1_000 }))).kind).toBe("accepted");
    expect((await store.accept(entryOf("m1"))).kind).toBe("duplicate");
    expect((await store.read(KEY))?.unread).toBe(2);
  });

  test("accept() refuses dedupe keys that are empty or too long", async () => {
    await using store = await open(new ManualWorld());
    await expect(store.accept(entryOf(""))).rejects.toThrow(RangeError);
    await expect(store.accept(entryOf("x".repeat(257)))).rejects.toThrow(RangeError);
    expect((await store.accept(entryOf("ä".repeat(256)))).kind).toBe("accepted");
  });

  test("accept() keeps the order of arrival, and a lease carries the oldest 16", async () => {
    await using store = await open(new ManualWorld());
    const names = Array.from({ length: 20 }, (_, n) => `m${n}`);
    await Promise.all(names.map((name) => store.accept(entryOf(name))));
    const first = await leaseOf(store);
    expect(first.inbox.map(({ dedupeKey }) => dedupeKey)).toEqual(names.slice(0, 16));
    const orders = first.inbox.map(({ order }) => order);
    expect(orders).toEqual([...new Set(orders)].sort((a, b) => a - b));
    // A turn may take them out of order; the others keep theirs.
    await store.commit(first, turnOf(first, { consumed: orders.slice(3, 5) }));
    const second = await leaseOf(store);
    const left = names.filter((_, n) => n !== 3 && n !== 4);
    expect(second.inbox.map(({ dedupeKey }) => dedupeKey)).toEqual(left.slice(0, 16));
  });

  test("accept() with leaseTo leases a free session with all that it has", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await runTurn(store, { state: [{ key: "flow/a", value: 1 }] });
    const { lease, ...answer } = await store.accept(entryOf("m1"), { leaseTo: { worker: "w1" } });
    expect(answer).toEqual({ kind: "accepted" });
    expect(lease).toMatchObject({ key: KEY, worker: "w1", session: { revision: 1 } });
    expect(lease?.inbox.map(({ dedupeKey, envelope }) => [dedupeKey, envelope])).toEqual([["m1", envelopeOf("m1")]]);
    expect(lease?.state).toEqual(new Map([["flow/a", 1]]));

    const held = await store.accept(entryOf("m2"), { leaseTo: { worker: "w2" } });
    expect(held).toEqual({ kind: "accepted" });
    world.advance(30_000);
    const taken = await store.accept(entryOf("m3"), { leaseTo: { worker: "w2", ttlMs: 1_000 } });
    expect(taken.lease?.inbox.map(({ dedupeKey }) => dedupeKey)).toEqual(["m1", "m2", "m3"]);
    expect(taken.lease?.fence).toBeGreaterThan(lease?.fence ?? Number.POSITIVE_INFINITY);
    world.advance(1_000);
    expect(await store.accept(entryOf("m3"), { leaseTo: { worker: "w3" } })).toEqual({ kind: "duplicate" });
    expect(await store.lease("w3", { limit: 9 })).toHaveLength(1);
  });

  test("a turn's dead letters leave the inbox with their reason and can be redriven once", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    for (const name of ["m1", "m2", "m3"]) await store.accept(entryOf(name));
    const lease = await leaseOf(store);
    const [m1, m2] = lease.inbox.map(({ order }) => order);
    if (m1 === undefined || m2 === undefined) throw new Error("expected entries");
    await store.commit(lease, turnOf(lease, { consumed: [m2], deadLetters: [{ order: m1, reason: "FLOW_X" }] }));
    const [letter, ...none] = await store.listDeadLetters({});
    expect(none).toEqual([]);
    const died = { key: KEY, reason: "FLOW_X", diedAtMs: world.nowMs(), order: m1, dedupeKey: "m1", traceId: TRACE };
    expect(letter).toEqual({ ...died, receivedAtMs: 1_800_000_000_000, envelope: envelopeOf("m1") });
    expect((await store.read(KEY))?.unread).toBe(1);

    expect(await store.redrive(m2)).toBe(false);
    expect(await store.redrive(m1)).toBe(true);
    expect(await store.redrive(m1)).toBe(false);
    expect(await store.listDeadLetters({})).toEqual([]);
    const again = await leaseOf(store);
    expect(again.inbox.map(({ dedupeKey }) => dedupeKey)).toEqual(["m3", "m1"]);
    expect(again.inbox[1]?.envelope).toEqual(envelopeOf("m1"));
    expect(again.inbox[1]?.order).toBeGreaterThan(again.inbox[0]?.order ?? Number.POSITIVE_INFINITY);
  });

  test("listDeadLetters() lists the newest first, of one tenant where asked", async () => {
    await using store = await open(new ManualWorld());
    const keys = [keyOf(), keyOf({ tenant: "acme-2" }), keyOf()];
    for (const [n, key] of keys.entries()) {
      await store.accept(entryOf(`m${n}`, { key }));
      const lease = await leaseOf(store, key);
      const deadLetters = lease.inbox.map(({ order }) => ({ order, reason: "X" }));
      await store.commit(lease, turnOf(lease, { consumed: [], deadLetters }));
    }
    const names = async (filter: Parameters<typeof store.listDeadLetters>[0]): Promise<string[]> =>
      (await store.listDeadLetters(filter)).map(({ dedupeKey }) => dedupeKey);
    expect(await names({})).toEqual(["m2", "m1", "m0"]);
    expect(await names({ limit: 1 })).toEqual(["m2"]);
    expect(await names({ tenant: tenantId("acme") })).toEqual(["m2", "m0"]);
    expect(await names({ tenant: tenantId("acme-2") })).toEqual(["m1"]);
  });

  test.skipIf(crash === undefined)("accepted messages, their order and their dedupe keys outlive a crash", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    for (const name of ["m1", "m2", "m3"]) await store.accept(entryOf(name));
    const before = await leaseOf(store);
    await store.commit(before, turnOf(before, { consumed: before.inbox.slice(0, 1).map(({ order }) => order) }));
    await using after = (await crash?.(store, world)) ?? store;
    for (const name of ["m1", "m2", "m3"]) expect((await after.accept(entryOf(name))).kind).toBe("duplicate");
    await after.accept(entryOf("m4"));
    const lease = await leaseOf(after);
    expect(lease.inbox.map(({ dedupeKey }) => dedupeKey)).toEqual(["m2", "m3", "m4"]);
    expect(lease.inbox.slice(0, 2)).toEqual(before.inbox.slice(1));
    expect(lease.inbox[2]?.order).toBeGreaterThan(lease.inbox[1]?.order ?? Number.POSITIVE_INFINITY);
  });
}
