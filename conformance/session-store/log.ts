import { expect, test } from "vitest";
import { conversationOf, LOG_ENTRIES_MAX } from "../../src/session/index.ts";
import type { StoreFactory } from "../session-store.ts";
import { entryOf, KEY, keyOf, ManualWorld, runTurn } from "./fixtures.ts";

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
}
