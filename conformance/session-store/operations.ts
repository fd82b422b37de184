import { expect, test } from "vitest";
import { JOURNAL_RETENTION_MS, JOURNAL_TURNS_MAX } from "../../src/session/index.ts";
import { envId, tenantId } from "../../src/types/index.ts";
import { verifies } from "../../test/verifies.ts";
import type { StoreFactory } from "../session-store.ts";
import { enqueue, entryOf, KEY, keyOf, leaseOf, ManualWorld, recordOf, rowOf, runTurn, turnOf } from "./fixtures.ts";

/** What operators are shown, and the paces that processes share. */
export function operationsContract({ open, crash }: StoreFactory): void {
  test("readJournal() tells what was kept of each turn, oldest first", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    const firstMs = world.nowMs();
    await runTurn(store, { journal: { nodes: ["ask"] } });
    world.advance(10);
    await runTurn(store);
    await runTurn(store, { journal: "of another" }, keyOf({ user: "u2" }));
    await runTurn(store, { session: recordOf(3), journal: { nodes: ["thank"] } });
    expect(await store.readJournal(KEY, { limit: 9 })).toEqual([
      { revision: 1, atMs: firstMs, turn: { nodes: ["ask"] } },
      { revision: 3, atMs: firstMs + 10, turn: { nodes: ["thank"] } },
    ]);
    expect((await store.readJournal(KEY, { limit: 1 })).map(({ revision }) => revision)).toEqual([3]);
    expect(await store.readJournal(KEY, { limit: 0 })).toEqual([]);
    expect(await store.readJournal(keyOf({ user: "nobody" }), { limit: 9 })).toEqual([]);
  });

  test("a journal keeps its newest turns, for their time, and outlives its session", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    for (let n = 1; n <= JOURNAL_TURNS_MAX + 3; n++) await runTurn(store, { session: recordOf(n), journal: n });
    await store.sweep(world.nowMs());
    const turns = async (): Promise<unknown[]> =>
      (await store.readJournal(KEY, { limit: 1_000 })).map(({ turn }) => turn);
    expect(await turns()).toEqual(Array.from({ length: JOURNAL_TURNS_MAX }, (_, n) => n + 4));
    world.advance(1_000);
    await runTurn(store, { session: null, journal: "last" });
    expect(await store.read(KEY)).toBeUndefined();
    expect(await store.list({})).toEqual([]);
    expect(await store.readJournal(KEY, { limit: 1 })).toMatchObject([
      { revision: JOURNAL_TURNS_MAX + 4, turn: "last" },
    ]);
    await runTurn(store, { journal: "again" });
    await store.end(KEY);
    expect((await turns()).slice(-2)).toEqual(["last", "again"]);
    world.advance(JOURNAL_RETENTION_MS - 1_000);
    await store.sweep(world.nowMs());
    expect(await turns()).toEqual(["last", "again"]);
    world.advance(1_000);
    await store.sweep(world.nowMs());
    expect(await turns()).toEqual([]);
  });

  test.skipIf(crash === undefined)("a journal outlives a crash", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await runTurn(store, { journal: 1 });
    await runTurn(store, { session: null, journal: 2 });
    await using after = (await crash?.(store, world)) ?? store;
    await runTurn(after, { journal: 3 });
    expect((await after.readJournal(KEY, { limit: 9 })).map(({ turn }) => turn)).toEqual([1, 2, 3]);
  });

  test("takeTokens() gives what a bucket holds and tells when there may be more", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    const rate = { capacity: 3, perSecond: 10 };
    expect(await store.takeTokens("a", rate)).toBe(0);
    expect(await store.takeTokens("a", rate, 2)).toBe(0);
    const waitMs = await store.takeTokens("a", rate, 2);
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThanOrEqual(200);
    expect(await store.takeTokens("b", rate, 3)).toBe(0);
    world.advance(waitMs);
    expect(await store.takeTokens("a", rate, 2)).toBe(0);
    expect(await store.takeTokens("a", rate)).toBeGreaterThan(0);
    world.advance(3_600_000);
    expect(await store.takeTokens("a", rate, 3)).toBe(0);
    expect(await store.takeTokens("a", rate)).toBeGreaterThan(0);
    // What is given back can be taken at once, and never more than the bucket holds.
    const slow = { capacity: 3, perSecond: 0.001 };
    expect(await store.takeTokens("c", slow, 3)).toBe(0);
    expect(await store.takeTokens("c", slow, -2)).toBe(0);
    expect(await store.takeTokens("c", slow, 2)).toBe(0);
    expect(await store.takeTokens("c", slow, -9)).toBe(0);
    expect(await store.takeTokens("c", slow, 3)).toBe(0);
    expect(await store.takeTokens("c", slow)).toBeGreaterThan(0);
    await expect(store.takeTokens("a", rate, 4)).rejects.toThrow(RangeError);
  });

  test("takeTokens() lets no two callers have the same token", async () => {
    await using store = await open(new ManualWorld());
    const waits = await Promise.all(
      Array.from({ length: 20 }, () => store.takeTokens("a", { capacity: 7, perSecond: 1 })),
    );
    expect(waits.filter((waitMs) => waitMs === 0)).toHaveLength(7);
  });

  test("storedBytes() adds up records and state of a tenant's sessions, and nothing else", async () => {
    verifies("quota.stored-bytes");
    await using store = await open(new ManualWorld());
    const acme = { env: envId("prod"), tenant: tenantId("acme") };
    const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
    expect(await store.storedBytes(acme)).toBe(0);
    await store.accept(entryOf("unread", { key: keyOf({ conversation: "c9" }) }));
    expect(await store.storedBytes(acme)).toBe(0);
    const state = [
      { key: "flow/ä", value: { text: "grüß dich 👋", n: 1 } },
      { key: "flow/b", value: "x".repeat(5_000) },
    ];
    await runTurn(store, { session: recordOf(1), state, log: ["a"], outbox: [rowOf("r")], journal: "turn" });
    await runTurn(store, { session: recordOf(1) }, keyOf({ conversation: "c2", user: "u2" }));
    for (const tenant of ["acme-2", "acm"]) await runTurn(store, {}, keyOf({ tenant }));
    const ofState = (changes: typeof state): number =>
      changes.reduce((sum, { key, value }) => sum + Buffer.byteLength(key) + bytesOf(value), 0);
    expect(await store.storedBytes(acme)).toBe(2 * bytesOf(recordOf(1)) + ofState(state));
    expect(await store.storedBytes({ ...acme, tenant: tenantId("acm") })).toBe(bytesOf(recordOf(1)));
    expect(await store.storedBytes({ ...acme, env: envId("test") })).toBe(0);
    await runTurn(store, { session: recordOf(2), state: [{ key: "flow/b", value: undefined }] });
    expect(await store.storedBytes(acme)).toBe(
      bytesOf(recordOf(1)) + bytesOf(recordOf(2)) + ofState(state.slice(0, 1)),
    );
    await runTurn(store, { session: null });
    expect(await store.storedBytes(acme)).toBe(bytesOf(recordOf(1)));
    await store.erase(acme);
    expect(await store.storedBytes(acme)).toBe(0);
  });

  test("stats() counts what waits", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    const none = { unread: 0, queued: 0, unknown: 0, failed: 0, deadLetters: 0, sessions: 0 };
    expect(await store.stats()).toEqual(none);
    await enqueue(store, ["sent", "failed", "unknown", "queued", "later"]);
    const startedMs = world.nowMs();
    for (const kind of ["sent", "failed", "unknown"] as const) {
      const [row] = await store.claimSends("s1", { limit: 1 });
      if (row === undefined) throw new Error("expected a row");
      await store.beginSend(row, "s1");
      await store.endSend(row, "s1", kind === "sent" ? { kind } : { kind, error: "X" });
    }
    world.advance(10);
    await store.accept(entryOf("m1", { receivedAtMs: world.nowMs() }));
    const lease = await leaseOf(store);
    const order = lease.inbox[0]?.order ?? -1;
    await store.commit(lease, turnOf(lease, { consumed: [], deadLetters: [{ order, reason: "X" }] }));
    const oldestMs = world.nowMs();
    await store.accept(entryOf("m2", { receivedAtMs: oldestMs }));
    world.advance(1);
    await store.accept(entryOf("m3", { receivedAtMs: world.nowMs(), key: keyOf({ conversation: "new" }) }));
    await runTurn(store, {}, keyOf({ conversation: "waiting" }));
    await runTurn(store, { session: null }, keyOf({ conversation: "over" }));
    world.advance(1_000);
    expect(await store.stats()).toEqual({
      unread: 2,
      oldestUnreadAtMs: oldestMs,
      queued: 2,
      oldestQueuedAtMs: startedMs,
      unknown: 1,
      failed: 1,
      deadLetters: 1,
      sessions: 2,
    });
  });

  test("dropDeadLetter() forgets it for good", async () => {
    await using store = await open(new ManualWorld());
    await store.accept(entryOf("m1"));
    const lease = await leaseOf(store);
    const order = lease.inbox[0]?.order ?? -1;
    await store.commit(lease, turnOf(lease, { consumed: [], deadLetters: [{ order, reason: "X" }] }));
    expect(await store.dropDeadLetter(order + 1)).toBe(false);
    expect(await store.dropDeadLetter(order)).toBe(true);
    expect(await store.dropDeadLetter(order)).toBe(false);
    expect(await store.listDeadLetters({})).toEqual([]);
    expect(await store.redrive(order)).toBe(false);
  });
}
