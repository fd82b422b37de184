import { expect, test } from "vitest";
import { conversationOf, LEASE_TTL_MS } from "../../src/session/index.ts";
import type { JsonValue } from "../../src/types/index.ts";
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

const STEP = { turn: 1, seq: 0, node: "pay", inputHash: "h1", outcome: { paid: true } };

/** Turns: steps on record, and one commit that is all or nothing. */
export function turnContract({ open, crash, holdsOutliveCrash = false }: StoreFactory): void {
  test("commit() writes everything that the next lease and the readers find", async () => {
    const world = new ManualWorld();
    await using opened = await open(world);
    await opened.accept(entryOf("m1"));
    const lease = await leaseOf(opened);
    await opened.record(lease, STEP);
    const record = recordOf(1, { expiresAtMs: world.nowMs() + 1_000_000, snapshot: { deep: [{ a: null }, "ü", 1.5] } });
    await opened.commit(
      lease,
      turnOf(lease, {
        session: record,
        state: [
          { key: "flow/answers", value: { name: "Ann", tags: ["x"] } },
          { key: "flow/none", value: undefined },
          { key: "tool/null", value: null },
        ],
        timersNew: [{ onceKey: "later", dueAtMs: world.nowMs() + 500, payload: { node: "remind" } }],
        outbox: [rowOf("r1"), rowOf("r2", { sinkClass: "A", payload: ["x"] })],
        log: [{ text: "hello" }],
      }),
    );
    await using reopened = crash === undefined ? undefined : await crash(opened, world);
    for (const store of reopened === undefined ? [opened] : [opened, reopened]) {
      expect(await store.read(KEY)).toEqual({ key: KEY, session: record, unread: 0 });
      expect(
        (await store.listOutbox({})).map(({ id, sinkClass, payload, status }) => [id, sinkClass, payload, status]),
      ).toEqual([
        ["r2", "A", ["x"], "queued"],
        ["r1", "C", { text: "r1" }, "queued"],
      ]);
      expect(await store.readLog(conversationOf(KEY), { after: -1, limit: 9 })).toEqual([
        { index: 0, activity: { text: "hello" } },
      ]);
    }
    world.advance(500);
    for (const store of reopened === undefined ? [opened] : [opened, reopened]) {
      const next = await leaseOf(store);
      expect(next.session).toEqual(record);
      expect(next.inbox).toEqual([]);
      expect(next.steps).toEqual([]);
      expect(next.timers).toEqual([{ onceKey: "later", dueAtMs: world.nowMs(), payload: { node: "remind" } }]);
      expect(Object.fromEntries(next.state)).toEqual({
        "flow/answers": { name: "Ann", tags: ["x"] },
        "tool/null": null,
      });
      await store.release(next);
    }
  });

  test("commit() changes and deletes state key by key", async () => {
    await using store = await open(new ManualWorld());
    const values: JsonValue[] = [0, "", false, [], {}, { ["__proto__"]: 1 }, "𝕏".repeat(1_000), -1.5e300];
    await runTurn(store, { state: values.map((value, n) => ({ key: `flow/${n}`, value })) });
    await runTurn(store, {
      state: [
        { key: "flow/0", value: undefined },
        { key: "flow/1", value: "changed" },
        { key: "flow/none", value: undefined },
      ],
    });
    await store.accept(entryOf("m1"));
    const { state } = await leaseOf(store);
    expect([...state].toSorted(([a], [b]) => (a < b ? -1 : 1))).toEqual([
      ["flow/1", "changed"],
      ...values.slice(2).map((value, n) => [`flow/${n + 2}`, value]),
    ]);
  });

  test("texts that hold U+0000 and halves of characters are kept and told as they are", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    const odd = { text: 'a\u0000b \ud83d \u2028 "\\u0000"', ["k\u0000"]: ["\udc4b"] };
    const envelope = { ...entryOf("m1").envelope, text: odd.text };
    await store.accept(entryOf("m1", { envelope, log: odd }));
    const lease = await leaseOf(store);
    expect(lease.inbox[0]?.envelope).toEqual(envelope);
    const outcome = { ...STEP, outcome: odd };
    expect(await store.record(lease, outcome)).toEqual(outcome);
    expect(await store.record(lease, outcome)).toEqual(outcome);
    const session = recordOf(1, { snapshot: odd });
    await store.commit(
      lease,
      turnOf(lease, {
        session,
        state: [{ key: "flow/a", value: odd }],
        timersNew: [{ onceKey: "t", dueAtMs: world.nowMs(), payload: odd }],
        outbox: [rowOf("r1", { payload: odd })],
        answers: lease.inbox.map(({ order }) => ({ order, answer: odd })),
        log: [odd],
        journal: odd,
      }),
    );
    const next = await leaseOf(store);
    expect(next.session).toEqual(session);
    expect(next.state.get("flow/a")).toEqual(odd);
    expect(next.timers[0]?.payload).toEqual(odd);
    expect((await store.claimSends("s1", { limit: 1 }))[0]?.payload).toEqual(odd);
    expect(await store.accept(entryOf("m1"))).toMatchObject({ kind: "duplicate", answer: odd });
    const log = await store.readLog(conversationOf(KEY), { after: -1, limit: 9 });
    expect(log.map(({ activity }) => activity)).toEqual([odd, odd]);
    expect((await store.readJournal(KEY, { limit: 1 }))[0]?.turn).toEqual(odd);
  });

  test("commit() refuses a row that exists or an entry that is not unread, and changes nothing", async () => {
    await using store = await open(new ManualWorld());
    await runTurn(store, { outbox: [rowOf("r1")] });
    await store.accept(entryOf("m1"));
    await store.accept(entryOf("m2"));
    const lease = await leaseOf(store);
    const before = await dump(store);
    const changes = { state: [{ key: "flow/a", value: 1 }], log: ["x"], session: null };
    const duplicate = { code: "STORE_ROW_DUPLICATE" };
    const commit = (extra: Parameters<typeof turnOf>[1]): Promise<unknown> =>
      store.commit(lease, turnOf(lease, { ...changes, ...extra }));
    await expect(commit({ outbox: [rowOf("new"), rowOf("r1")] })).rejects.toMatchObject(duplicate);
    await expect(commit({ outbox: [rowOf("new"), rowOf("new")] })).rejects.toMatchObject(duplicate);
    await expect(commit({ outbox: [rowOf("new")], consumed: [lease.inbox[0]?.order ?? 0, -1] })).rejects.toThrow(
      RangeError,
    );
    await expect(commit({ deadLetters: [{ order: -1, reason: "X" }] })).rejects.toThrow(RangeError);
    expect(await dump(store)).toEqual(before);
    // The lease goes on, and so does the outbox: the refused rows are neither listed nor sent.
    await store.commit(lease, turnOf(lease, { outbox: [rowOf("new")] }));
    expect((await store.listOutbox({})).map(({ id }) => id)).toEqual(["new", "r1"]);
    expect((await store.claimSends("s1", { limit: 9 })).map(({ id }) => id)).toEqual(["r1"]);
  });

  test("commit() gives the lease back, and a second one under it is refused", async () => {
    await using store = await open(new ManualWorld());
    await store.accept(entryOf("m1"));
    const lease = await leaseOf(store);
    expect(await store.commit(lease, turnOf(lease))).toBeUndefined();
    await expect(store.commit(lease, turnOf(lease, { consumed: [] }))).rejects.toMatchObject({
      code: "STORE_FENCE_STALE",
    });
    expect((await store.read(KEY))?.session?.revision).toBe(1);
  });

  test("commit() leaves what arrived during the turn for the next one", async () => {
    await using store = await open(new ManualWorld());
    await store.accept(entryOf("m1"));
    const lease = await leaseOf(store);
    await store.accept(entryOf("m2"));
    await store.commit(lease, turnOf(lease));
    const next = await leaseOf(store);
    expect(next.inbox.map(({ dedupeKey }) => dedupeKey)).toEqual(["m2"]);
    expect(next.session?.revision).toBe(1);
  });

  test("commit() with keep goes on under the same fence while there is something to do", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await store.accept(entryOf("m1"));
    const [lease] = await store.lease("w1", { limit: 1, ttlMs: 1_000 });
    if (lease === undefined) throw new Error("expected a lease");
    await store.accept(entryOf("m2"));
    world.advance(900);
    const kept = await store.commit(lease, turnOf(lease, { state: [{ key: "flow/a", value: 1 }] }), { keep: true });
    if (kept === undefined) throw new Error("expected to keep the lease");
    expect(kept).toMatchObject({ key: KEY, worker: "w1", fence: lease.fence, session: { revision: 1 } });
    expect(kept.inbox.map(({ dedupeKey }) => dedupeKey)).toEqual(["m2"]);
    expect(kept.state).toEqual(new Map([["flow/a", 1]]));
    // It lives on for its time.
    world.advance(900);
    expect(await store.lease("w2", { limit: 1 })).toEqual([]);
    expect(await store.commit(kept, turnOf(kept), { keep: true })).toBeUndefined();
    await store.accept(entryOf("m3"));
    expect((await leaseOf(store, KEY, "w2")).session?.revision).toBe(2);
    await expect(store.commit(kept, turnOf(kept, { consumed: [] }))).rejects.toMatchObject({
      code: "STORE_FENCE_STALE",
    });
  });

  test("commit() of null ends the session and keeps what is unread, new timers and the outbox", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    const dueAtMs = world.nowMs() + 1_000;
    await runTurn(store, {
      state: [{ key: "flow/a", value: 1 }],
      timersNew: [{ onceKey: "old", dueAtMs, payload: 1 }],
      outbox: [rowOf("r1")],
    });
    await store.accept(entryOf("m1"));
    const lease = await leaseOf(store);
    await store.accept(entryOf("m2"));
    const timersNew = [{ onceKey: "new", dueAtMs, payload: 2 }];
    await store.commit(lease, turnOf(lease, { session: null, timersNew, state: [{ key: "flow/b", value: 1 }] }));
    expect(await store.read(KEY)).toEqual({ key: KEY, session: undefined, unread: 1 });
    expect(await store.listOutbox({})).toHaveLength(1);
    world.advance(1_000);
    const next = await leaseOf(store);
    expect(next.session).toBeUndefined();
    expect(next.state.size).toBe(0);
    expect(next.inbox.map(({ dedupeKey }) => dedupeKey)).toEqual(["m2"]);
    expect(next.timers).toEqual(timersNew);
    await store.commit(next, turnOf(next, { session: null }));
    expect(await store.read(KEY)).toBeUndefined();
    expect(await store.list({})).toEqual([]);
    expect((await store.accept(entryOf("m3"))).kind).toBe("accepted");
    expect((await leaseOf(store)).state.size).toBe(0);
  });

  test("record() keeps the first outcome of a step and hands it to whoever takes over", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await store.accept(entryOf("m1"));
    const lease = await leaseOf(store);
    const second = { ...STEP, seq: 1, outcome: "second" };
    expect(await store.record(lease, second)).toEqual(second);
    expect(await store.record(lease, STEP)).toEqual(STEP);
    expect(await store.record(lease, { ...STEP, outcome: "again", inputHash: "h2" })).toEqual(STEP);
    world.advance(30_000);
    const next = await leaseOf(store, KEY, "w2");
    expect(next.steps).toEqual([STEP, second]);
    expect(await store.record(next, { ...STEP, outcome: "again" })).toEqual(STEP);
    await store.commit(next, turnOf(next));
    await store.accept(entryOf("m2"));
    expect((await leaseOf(store)).steps).toEqual([]);
  });

  test.skipIf(crash === undefined)("recorded steps outlive a crash until the turn commits", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await store.accept(entryOf("m1"));
    const lease = await leaseOf(store);
    await store.record(lease, STEP);
    await using second = (await crash?.(store, world)) ?? store;
    if (holdsOutliveCrash) world.advance(LEASE_TTL_MS);
    const recovered = await leaseOf(second);
    expect(recovered.steps).toEqual([STEP]);
    await second.commit(recovered, turnOf(recovered));
    await second.accept(entryOf("m2"));
    await using third = (await crash?.(second, world)) ?? second;
    expect((await leaseOf(third)).steps).toEqual([]);
  });

  test("turns of many sessions at once each build on the one before", async () => {
    await using store = await open(new ManualWorld());
    const keys = Array.from({ length: 24 }, (_, n) =>
      keyOf({ conversation: `c${n}`, tenant: n % 2 === 0 ? "acme" : "globex" }),
    );
    const talk = async (conversation: number): Promise<void> => {
      const key = keys[conversation] ?? KEY;
      for (let n = 1; n <= 12; n++) {
        await store.accept(entryOf(`${conversation}-${n}`, { key }));
        const lease = await leaseOf(store, key);
        expect(lease.session?.revision ?? 0).toBe(n - 1);
        const sum = Number(lease.state.get("flow/sum") ?? 0) + n;
        const outbox = [rowOf(`${conversation}-${n}`)];
        await store.commit(lease, turnOf(lease, { state: [{ key: "flow/sum", value: sum }], outbox, log: [n] }));
      }
    };
    // Meanwhile somebody holds an old fence of each session and tries to commit under it.
    const olds = await Promise.all(
      keys.map(async (key, n) => {
        const { lease } = await store.accept(entryOf(`old-${n}`, { key }), { leaseTo: { worker: "old" } });
        if (lease === undefined) throw new Error("expected a lease");
        await store.commit(lease, turnOf(lease, { session: null }));
        return lease;
      }),
    );
    const disturb = olds.map((old) =>
      expect(store.commit(old, turnOf(old, { session: recordOf(99) }))).rejects.toMatchObject({
        code: "STORE_FENCE_STALE",
      }),
    );
    await Promise.all([...keys.map((_, n) => talk(n)), ...disturb]);
    const rows = await store.listOutbox({ limit: 1_000 });
    expect(rows).toHaveLength(24 * 12);
    for (const [n, key] of keys.entries()) {
      await store.accept(entryOf(`last-${n}`, { key }));
      const lease = await leaseOf(store, key);
      expect(contentOf(lease)).toMatchObject({ key, session: { revision: 12 } });
      expect(lease.state.get("flow/sum")).toBe((12 * 13) / 2);
      const log = await store.readLog(conversationOf(key), { after: -1, limit: 99 });
      expect(log).toEqual(Array.from({ length: 12 }, (_, index) => ({ index, activity: index + 1 })));
      const own = rows.filter((row) => row.key === key).map(({ id }) => id);
      expect(own.toReversed()).toEqual(Array.from({ length: 12 }, (_, index) => `${n}-${index + 1}`));
    }
  });
}
