import { expect, test } from "vitest";
import { LEASE_TTL_MS } from "../../src/session/index.ts";
import type { Accepted, SessionStore } from "../../src/session/index.ts";
import type { StoreFactory } from "../session-store.ts";
import { entryOf, KEY, keyOf, leaseOf, ManualWorld, turnOf } from "./fixtures.ts";

const ANSWER = { status: "done", reply: [{ text: "grüß dich 👋" }], output: null };

/** Runs a turn that answers each message of the lease. */
async function answerAll(store: SessionStore, answer: unknown = ANSWER): Promise<void> {
  const lease = await leaseOf(store);
  const answers = lease.inbox.map(({ order }) => ({ order, answer: answer as null }));
  await store.commit(lease, turnOf(lease, { session: null, answers }));
}

/** Answers: kept with the delivery that they are for, as long as that. */
export function answerContract({ open, crash, holdsOutliveCrash = false }: StoreFactory): void {
  test("accept() tells a repeated delivery what the first one's turn answered", async () => {
    await using store = await open(new ManualWorld());
    await store.accept(entryOf("m1"));
    await store.accept(entryOf("m2"));
    expect(await store.accept(entryOf("m1"))).toEqual({ kind: "duplicate" });
    const lease = await leaseOf(store);
    const [first] = lease.inbox;
    const answers = [{ order: first?.order ?? -1, answer: ANSWER }];
    await store.commit(lease, turnOf(lease, { answers }));
    expect(await store.accept(entryOf("m1"))).toEqual({ kind: "duplicate", answer: ANSWER });
    expect(await store.accept(entryOf("m2"))).toEqual({ kind: "duplicate" });
    expect(await store.accept(entryOf("m1", { key: keyOf({ conversation: "c2" }) }))).toHaveProperty("answer", ANSWER);
    expect(await store.accept(entryOf("m1", { key: keyOf({ channel: "other" }) }))).toEqual({ kind: "accepted" });
  });

  test("an answer may be any value, stand beside a log's index, and belong to a dead letter", async () => {
    await using store = await open(new ManualWorld());
    await store.accept(entryOf("m1", { log: "hello" }));
    await answerAll(store, null);
    expect(await store.accept(entryOf("m1"))).toEqual({ kind: "duplicate", logIndex: 0, answer: null });
    await store.accept(entryOf("m2"));
    const lease = await leaseOf(store);
    const order = lease.inbox[0]?.order ?? -1;
    const dead = { consumed: [], deadLetters: [{ order, reason: "FLOW_X" }], answers: [{ order, answer: ANSWER }] };
    await store.commit(lease, turnOf(lease, dead));
    expect(await store.accept(entryOf("m2"))).toEqual({ kind: "duplicate", answer: ANSWER });
    expect(await store.redrive(order)).toBe(true);
    await answerAll(store, "again");
    expect(await store.accept(entryOf("m2"))).toEqual({ kind: "duplicate", answer: ANSWER });
  });

  test("an answer is forgotten with its delivery, and never told to the next one of that name", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await store.accept(entryOf("m1", { dedupeTtlMs: 1_000 }));
    await answerAll(store);
    await store.accept(entryOf("late", { dedupeTtlMs: 1_000 }));
    const lease = await leaseOf(store);
    world.advance(999);
    await store.sweep(world.nowMs());
    expect(await store.accept(entryOf("m1"))).toHaveProperty("answer", ANSWER);
    world.advance(1);
    await store.sweep(world.nowMs());
    // The first delivery of the name was forgotten before its turn committed.
    expect(await store.accept(entryOf("late"))).toEqual({ kind: "accepted" });
    const answers = lease.inbox.map(({ order }) => ({ order, answer: ANSWER }));
    await store.commit(lease, turnOf(lease, { answers }));
    expect(await store.accept(entryOf("late"))).toEqual({ kind: "duplicate" });
    expect(await store.accept(entryOf("m1"))).toEqual({ kind: "accepted" });
    expect(await store.accept(entryOf("m1"))).toEqual({ kind: "duplicate" });
  });

  test("commit() refuses an answer to what is not unread, and changes nothing", async () => {
    await using store = await open(new ManualWorld());
    await store.accept(entryOf("m1"));
    const lease = await leaseOf(store);
    const answers = [{ order: (lease.inbox[0]?.order ?? 0) + 1_000, answer: ANSWER }];
    await expect(store.commit(lease, turnOf(lease, { answers }))).rejects.toThrow(RangeError);
    expect((await store.read(KEY))?.unread).toBe(1);
    expect(await store.accept(entryOf("m1"))).toEqual({ kind: "duplicate" });
  });

  test("a delivery that chance named is remembered unless the lease goes to the caller", async () => {
    await using store = await open(new ManualWorld());
    const accept = (name: string): Promise<Accepted> =>
      store.accept(entryOf(name, { isUnnamed: true }), { leaseTo: { worker: "w1" } });
    const { lease } = await accept("m1");
    expect(lease?.inbox).toMatchObject([{ dedupeKey: "m1", isForgotten: true }]);
    expect((await accept("m2")).kind).toBe("accepted");
    expect((await accept("m2")).kind).toBe("duplicate");
    if (lease === undefined) throw new Error("expected a lease");
    const answers = lease.inbox.map(({ order }) => ({ order, answer: ANSWER }));
    const kept = await store.commit(lease, turnOf(lease, { answers }), { keep: true });
    expect(kept?.inbox.map(({ dedupeKey, isForgotten }) => [dedupeKey, isForgotten])).toEqual([["m2", undefined]]);
    expect(await store.accept(entryOf("m1"))).toEqual({ kind: "accepted" });
  });

  test("an ended session that keeps nothing is gone, and one with unread messages only is there", async () => {
    await using store = await open(new ManualWorld());
    await store.accept(entryOf("m1"));
    expect(await store.list({})).toEqual([{ key: KEY, session: undefined, unread: 1 }]);
    const other = keyOf({ conversation: "b" });
    await store.accept(entryOf("m2", { key: other }));
    expect((await store.list({})).map(({ key }) => key)).toEqual([other, KEY]);
    expect((await store.list({ limit: 1 })).map(({ key }) => key)).toEqual([other]);
    await answerAll(store);
    expect(await store.read(KEY)).toBeUndefined();
    expect((await store.list({})).map(({ key }) => key)).toEqual([other]);
    expect(await store.end(other)).toBe(true);
    expect(await store.list({})).toEqual([]);
  });

  test.skipIf(crash === undefined)("answers outlive a crash, and entries know what was forgotten", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await store.accept(entryOf("m1"));
    await answerAll(store);
    await store.accept(entryOf("m2", { isUnnamed: true }), { leaseTo: { worker: "w1" } });
    await store.accept(entryOf("m3"));
    await using after = (await crash?.(store, world)) ?? store;
    expect(await after.accept(entryOf("m1"))).toEqual({ kind: "duplicate", answer: ANSWER });
    if (holdsOutliveCrash) world.advance(LEASE_TTL_MS);
    const lease = await leaseOf(after);
    expect(lease.inbox.map(({ dedupeKey, isForgotten }) => [dedupeKey, isForgotten])).toEqual([
      ["m2", true],
      ["m3", undefined],
    ]);
    const answers = lease.inbox.map(({ order }) => ({ order, answer: ANSWER }));
    await after.commit(lease, turnOf(lease, { answers }));
    expect(await after.accept(entryOf("m3"))).toEqual({ kind: "duplicate", answer: ANSWER });
  });
}
