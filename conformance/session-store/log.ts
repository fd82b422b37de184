import { expect, test } from "vitest";
import { conversationOf, LOG_ENTRIES_MAX, LOG_RETENTION_MS } from "../../src/session/index.ts";
import type { SessionStore } from "../../src/session/index.ts";
import type { StoreFactory } from "../session-store.ts";
import { entryOf, KEY, keyOf, leaseOf, ManualWorld, runTurn, turnOf } from "./fixtures.ts";

const CONVERSATION = conversationOf(KEY);

/** Logs: one a conversation, numbered without gaps. */
export function logContract({ open, crash }: StoreFactory): void {
  test("accept() and commit() number a conversation's log without gaps", async () => {
    await using store = await open(new ManualWorld());
    expect(await store.readLog(CONVERSATION, { after: -1, limit: 9 })).toEqual([]);
    expect(await store.accept(entryOf("m1", { log: { text: "m1" } }))).toEqual({ kind: "accepted", logIndex: 0 });
    await runTurn(store, { log: [{ text: "r1" }, { text: "r2" }] });
    const member = keyOf({ user: "u2" });
    expect((await store.accept(entryOf("m2", { key: member, log: "m2" }))).logIndex).toBe(3);
    expect(await store.accept(entryOf("m1", { log: { text: "again" } }))).toEqual({ kind: "duplicate", logIndex: 0 });
    expect((await store.accept(entryOf("m3"))).logIndex).toBeUndefined();
    expect((await store.accept(entryOf("m3"))).logIndex).toBeUndefined();
    const other = keyOf({ conversation: "c2" });
    expect((await store.accept(entryOf("m4", { key: other, log: "m4" }))).logIndex).toBe(0);
    const log = [{ text: "m1" }, { text: "r1" }, { text: "r2" }, "m2"].map((activity, index) => ({ index, activity }));
    expect(await store.readLog(CONVERSATION, { after: -1, limit: 9 })).toEqual(log);
    expect(await store.readLog(CONVERSATION, { after: 1, limit: 1 })).toEqual(log.slice(2, 3));
    expect(await store.readLog(CONVERSATION, { after: 3, limit: 9 })).toEqual([]);
  });

  test("accept() with a lease answers with the log's index too", async () => {
    await using store = await open(new ManualWorld());
    const answer = await store.accept(entryOf("m1", { log: 1 }), { leaseTo: { worker: "w1" } });
    expect(answer).toMatchObject({ kind: "accepted", logIndex: 0, lease: { key: KEY } });
  });

  test("a log keeps its newest entries under their indices", async () => {
    await using store = await open(new ManualWorld());
    const count = 2 * LOG_ENTRIES_MAX + 77;
    for (let from = 0; from < count; from += 97) {
      const log = Array.from({ length: Math.min(97, count - from) }, (_, n) => from + n);
      await runTurn(store, { log });
    }
    const entries = await store.readLog(CONVERSATION, { after: -1, limit: 5_000 });
    expect(entries.map(({ index }) => index)).toEqual(
      Array.from({ length: LOG_ENTRIES_MAX }, (_, n) => count - LOG_ENTRIES_MAX + n),
    );
    expect(entries.every(({ index, activity }) => index === activity)).toBe(true);
    expect((await store.readLog(CONVERSATION, { after: count - 3, limit: 9 })).map(({ index }) => index)).toEqual([
      count - 2,
      count - 1,
    ]);
  });

  test("a log outlives its session", async () => {
    await using store = await open(new ManualWorld());
    await runTurn(store, { session: null, log: ["bye"] });
    expect(await store.readLog(CONVERSATION, { after: -1, limit: 9 })).toEqual([{ index: 0, activity: "bye" }]);
  });

  test.skipIf(crash === undefined)("a log goes on after a crash where it stood", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await runTurn(store, { log: ["a", "b"] });
    await using after = (await crash?.(store, world)) ?? store;
    await runTurn(after, { log: ["c"] });
    expect(await after.readLog(CONVERSATION, { after: 0, limit: 9 })).toEqual([
      { index: 1, activity: "b" },
      { index: 2, activity: "c" },
    ]);
  });

  const texts = async (store: SessionStore, after = -1): Promise<readonly unknown[]> =>
    (await store.readLog(CONVERSATION, { after, limit: 9 })).map(({ index, activity }) => [index, activity]);
  const sweep = async (store: SessionStore, world: ManualWorld): Promise<void> => {
    // What one sweep drops is bounded.
    for (let n = 0; n < 5; n++) await store.sweep(world.nowMs());
  };

  test("an entry can't be read once it is as old as its log keeps them, though the conversation goes on", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await store.accept(entryOf("m1", { log: "m1", logKeepMs: 10_000 }));
    world.advance(6_000);
    await runTurn(store, { log: ["r1", "r2"], logKeepMs: 10_000 });
    world.advance(3_999);
    expect(await texts(store)).toEqual([
      [0, "m1"],
      [1, "r1"],
      [2, "r2"],
    ]);
    world.advance(1);
    expect(await texts(store)).toEqual([
      [1, "r1"],
      [2, "r2"],
    ]);
    expect(await store.readLog(CONVERSATION, { after: -1, limit: 1 })).toEqual([{ index: 1, activity: "r1" }]);
    await sweep(store, world);
    expect(await texts(store, 1)).toEqual([[2, "r2"]]);
  });

  test("a log counts on when everything in it is past its time", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await runTurn(store, { log: ["a", "b"], logKeepMs: 10_000 });
    world.advance(10_000);
    expect(await texts(store)).toEqual([]);
    await sweep(store, world);
    world.advance(LOG_RETENTION_MS - 20_000);
    await sweep(store, world);
    const accepted = await store.accept(entryOf("m1", { log: "c", logKeepMs: 10_000 }));
    expect(accepted).toEqual({ kind: "accepted", logIndex: 2 });
    const lease = await leaseOf(store);
    await store.commit(lease, turnOf(lease, { log: ["d"], logKeepMs: 10_000 }));
    expect(await texts(store, 0)).toEqual([
      [2, "c"],
      [3, "d"],
    ]);
  });

  test("sweep() drops entries past their time for good", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await runTurn(store, { log: ["a", "b"], logKeepMs: 10_000 });
    world.advance(9_000);
    await runTurn(store, { log: ["c"], logKeepMs: 10_000 });
    world.advance(1_000);
    await sweep(store, world);
    await runTurn(store, { log: ["d"], logKeepMs: 60_000 });
    expect(await texts(store)).toEqual([
      [2, "c"],
      [3, "d"],
    ]);
  });

  test("a shorter time counts for what is there from the next entry on", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await runTurn(store, { log: ["a"] });
    world.advance(5_000);
    await runTurn(store, { log: ["b"], logKeepMs: 60_000 });
    world.advance(5_000);
    expect(await texts(store)).toEqual([
      [0, "a"],
      [1, "b"],
    ]);
    await runTurn(store, { log: ["c"], logKeepMs: 10_000 });
    expect(await texts(store)).toEqual([
      [1, "b"],
      [2, "c"],
    ]);
    await sweep(store, world);
    await runTurn(store, { log: ["d"] });
    expect(await texts(store)).toEqual([
      [1, "b"],
      [2, "c"],
      [3, "d"],
    ]);
    // Nobody says how long: the log stays as a whole.
    world.advance(LOG_RETENTION_MS - 1);
    await sweep(store, world);
    expect(await texts(store, 2)).toEqual([[3, "d"]]);
    expect(await texts(store)).toHaveLength(3);
  });

  test("readLog() tells nothing that is as old as it is asked to, whatever was said of how long it is kept", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await runTurn(store, { log: ["a"] });
    world.advance(5_000);
    await runTurn(store, { log: ["b"] });
    const indexes = async (keepMs: number): Promise<readonly number[]> =>
      (await store.readLog(CONVERSATION, { after: -1, limit: 1, keepMs })).map(({ index }) => index);
    expect([await indexes(5_001), await indexes(5_000)]).toEqual([[0], [1]]);
    await runTurn(store, { log: ["c"], logKeepMs: 5_001 });
    expect([await indexes(60_000), await indexes(5_000)]).toEqual([[0], [1]]);
    world.advance(1);
    expect(await indexes(60_000)).toEqual([1]);
  });

  test("a log stays longer than logs do by themselves where it is kept longer", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await runTurn(store, { log: ["a"], logKeepMs: 2 * LOG_RETENTION_MS });
    world.advance(2 * LOG_RETENTION_MS - 1);
    await sweep(store, world);
    expect(await texts(store)).toEqual([[0, "a"]]);
    world.advance(1);
    expect(await texts(store)).toEqual([]);
    await sweep(store, world);
    await runTurn(store, { log: ["b"] });
    expect(await texts(store)).toEqual([[0, "b"]]);
  });

  test.skipIf(crash === undefined)(
    "a crash changes nothing of how long entries are kept and how they count",
    async () => {
      const world = new ManualWorld();
      await using store = await open(world);
      await runTurn(store, { log: ["a"], logKeepMs: 10_000 });
      world.advance(5_000);
      await runTurn(store, { log: ["b"], logKeepMs: 10_000 });
      world.advance(5_000);
      await using after = (await crash?.(store, world)) ?? store;
      expect(await texts(after)).toEqual([[1, "b"]]);
      world.advance(5_000);
      await sweep(after, world);
      await using last = (await crash?.(after, world)) ?? after;
      await runTurn(last, { log: ["c"], logKeepMs: 10_000 });
      expect(await texts(last)).toEqual([[2, "c"]]);
    },
  );
}
