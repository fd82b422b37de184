import { expect, test } from "vitest";
import { conversationOf, LOG_RETENTION_MS, SENT_RETENTION_MS } from "../../src/session/index.ts";
import { tenantId } from "../../src/types/index.ts";
import type { StoreFactory } from "../session-store.ts";
import { dump, enqueue, entryOf, KEY, keyOf, leaseOf, ManualWorld, recordOf, runTurn, turnOf } from "./fixtures.ts";

/** What operators see and end, and what a sweep tells and drops. */
export function adminContract({ open }: StoreFactory): void {
  test("list() finds a tenant's sessions in every env and nobody else's", async () => {
    await using store = await open(new ManualWorld());
    const mine = [
      keyOf(),
      keyOf({ conversation: "c2" }),
      keyOf({ env: "dev" }),
      keyOf({ env: "prod-2", user: "ü/:*" }),
    ];
    const others = [
      keyOf({ tenant: "acme-2" }),
      keyOf({ tenant: "acmex" }),
      keyOf({ tenant: "ac" }),
      keyOf({ tenant: "globex", team: "acme" }),
      keyOf({ env: "acme", tenant: "globex" }),
      keyOf({ tenant: "globex", channel: "acme", conversation: "acme", user: "acme" }),
    ];
    for (const key of [...mine, ...others]) await runTurn(store, {}, key);
    const keys = async (filter: Parameters<typeof store.list>[0]): Promise<string[]> =>
      (await store.list(filter)).map(({ key }) => key);
    expect(await keys({ tenant: tenantId("acme") })).toEqual(mine.toSorted());
    expect(await keys({ tenant: tenantId("acme"), limit: 3 })).toEqual(mine.toSorted().slice(0, 3));
    expect(await keys({ tenant: tenantId("acme-2") })).toEqual([keyOf({ tenant: "acme-2" })]);
    expect(await keys({ tenant: tenantId("none") })).toEqual([]);
    expect(await keys({})).toEqual([...mine, ...others].sort());
    expect(await keys({ limit: 2 })).toHaveLength(2);
    for (const [filter, all] of [
      [{ tenant: tenantId("acme") }, mine.toSorted()],
      [{}, [...mine, ...others].sort()],
    ] as const) {
      const walked: string[] = [];
      for (let page: readonly string[] = [""]; page.length > 0; walked.push(...page)) {
        const after = walked.at(-1) as (typeof mine)[number] | undefined;
        page = await keys({ ...filter, limit: 2, ...(after !== undefined && { after }) });
      }
      expect(walked).toEqual(all);
    }
  });

  test("sessions of two tenants that share every other name stay apart", async () => {
    await using store = await open(new ManualWorld());
    const twin = keyOf({ tenant: "acme-2" });
    await runTurn(store, { state: [{ key: "flow/a", value: "acme" }], log: ["acme"] });
    await runTurn(store, { state: [{ key: "flow/a", value: "acme-2" }], log: ["acme-2"] }, twin);
    await store.end(KEY);
    expect(await store.read(KEY)).toBeUndefined();
    await store.accept(entryOf("m1", { key: twin }));
    expect((await leaseOf(store, twin)).state).toEqual(new Map([["flow/a", "acme-2"]]));
    expect(await store.readLog(conversationOf(twin), { after: -1, limit: 9 })).toEqual([
      { index: 0, activity: "acme-2" },
    ]);
  });

  test("end() drops a session with all that is its own and turns its lease stale", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await runTurn(store, {
      state: [{ key: "flow/a", value: 1 }],
      timersNew: [{ onceKey: "t", dueAtMs: world.nowMs() + 100, payload: 0 }],
    });
    await enqueue(store, ["r1"]);
    await store.accept(entryOf("m1"));
    const lease = await leaseOf(store);
    await store.record(lease, { turn: 3, seq: 0, node: "n", inputHash: "h", outcome: 1 });
    expect(await store.end(KEY)).toBe(true);
    expect(await store.end(KEY)).toBe(false);
    expect(await store.read(KEY)).toBeUndefined();
    await expect(store.commit(lease, turnOf(lease))).rejects.toMatchObject({ code: "STORE_FENCE_STALE" });
    world.advance(100);
    expect(await store.lease("w2", { limit: 9 })).toEqual([]);
    expect((await store.accept(entryOf("m1"))).kind).toBe("duplicate");
    await store.accept(entryOf("m2"));
    const next = await leaseOf(store);
    expect(next).toMatchObject({ session: undefined, timers: [], steps: [] });
    expect(next.state.size).toBe(0);
    expect(next.fence).toBeGreaterThan(lease.fence);
    expect(next.inbox.map(({ dedupeKey }) => dedupeKey)).toEqual(["m2"]);
    expect((await store.claimSends("s1", { limit: 1 })).map(({ id }) => id)).toEqual(["r1"]);
  });

  test("sweep() tells what is overdue and changes nothing", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    const held = keyOf({ conversation: "held" });
    await store.accept(entryOf("m1"));
    await store.accept(entryOf("m2", { key: held }));
    await leaseOf(store, held);
    await runTurn(store, {}, keyOf({ conversation: "waiting" }));
    await enqueue(store, ["r1"], keyOf({ conversation: "sending" }));
    const [row] = await store.claimSends("s1", { limit: 1 });
    if (row !== undefined) await store.beginSend(row, "s1");
    const before = await dump(store);
    expect(await store.sweep(world.nowMs())).toEqual({ sessions: [KEY], sends: false });
    world.advance(60_000);
    const overdue = await store.sweep(world.nowMs());
    expect(overdue.sessions.toSorted()).toEqual([KEY, held].sort());
    expect(overdue.sends).toBe(true);
    expect(await dump(store)).toEqual(before);
  });

  test("sweep() drops expired sessions that are free and have nothing unread", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    const session = recordOf(1, { expiresAtMs: world.nowMs() + 1_000 });
    const [unread, held, later, never] = ["unread", "held", "later", "never"].map((conversation) =>
      keyOf({ conversation }),
    );
    if (unread === undefined || held === undefined || later === undefined || never === undefined)
      throw new Error("keys");
    for (const key of [KEY, unread, held]) await runTurn(store, { session, state: [{ key: "flow/a", value: 1 }] }, key);
    await runTurn(store, { session: { ...session, expiresAtMs: world.nowMs() + 1_001 } }, later);
    await runTurn(store, {}, never);
    world.advance(1_000);
    await store.accept(entryOf("m1", { key: unread }));
    await store.accept(entryOf("m2", { key: held }));
    const lease = await leaseOf(store, held);
    await store.sweep(world.nowMs());
    expect((await store.list({})).map(({ key }) => key)).toEqual([unread, held, later, never].sort());
    await store.commit(lease, turnOf(lease, { session }));
    await store.sweep(world.nowMs());
    expect((await store.list({})).map(({ key }) => key)).toEqual([unread, later, never].sort());
    await store.accept(entryOf("m3"));
    expect((await leaseOf(store)).state.size).toBe(0);
  });

  test("sweep() drops sent rows, dedupe keys and logs past their time", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await runTurn(store, { log: ["old"] });
    await runTurn(store, { log: ["busy"] }, keyOf({ conversation: "busy" }));
    await enqueue(store, ["failed", "sent", "queued"]);
    for (const kind of ["failed", "sent"] as const) {
      const [row] = await store.claimSends("s1", { limit: 1 });
      if (row === undefined) throw new Error("expected a row");
      await store.beginSend(row, "s1");
      await store.endSend(row, "s1", kind === "sent" ? { kind } : { kind, error: "X" });
    }
    await store.accept(entryOf("m1", { dedupeTtlMs: SENT_RETENTION_MS }));
    world.advance(SENT_RETENTION_MS - 1);
    await store.sweep(world.nowMs());
    expect(await store.listOutbox({})).toHaveLength(3);
    expect((await store.accept(entryOf("m1"))).kind).toBe("duplicate");
    world.advance(1);
    await store.sweep(world.nowMs());
    expect((await store.listOutbox({})).map(({ id, status }) => [id, status])).toEqual([
      ["queued", "queued"],
      ["failed", "failed"],
    ]);
    expect((await store.accept(entryOf("m1"))).kind).toBe("accepted");
    world.advance(LOG_RETENTION_MS - SENT_RETENTION_MS - 1);
    await runTurn(store, { log: ["busy"] }, keyOf({ conversation: "busy" }));
    const read = (conversation: string): Promise<unknown> =>
      store.readLog(conversationOf(keyOf({ conversation })), { after: -1, limit: 9 });
    await store.sweep(world.nowMs());
    expect(await read("c1")).toHaveLength(1);
    world.advance(1);
    await store.sweep(world.nowMs());
    expect(await read("c1")).toEqual([]);
    expect(await read("busy")).toHaveLength(2);
  });

  test("a closed store refuses everything", async () => {
    const store = await open(new ManualWorld());
    const last = store.accept(entryOf("m1"));
    await store[Symbol.asyncDispose]();
    expect((await last).kind).toBe("accepted");
    await store[Symbol.asyncDispose]();
    const closed = { code: "STORE_UNAVAILABLE" };
    await expect(store.accept(entryOf("m2"))).rejects.toMatchObject(closed);
    await expect(store.lease("w1", { limit: 1 })).rejects.toMatchObject(closed);
    await expect(store.sweep(0)).rejects.toMatchObject(closed);
  });
}
