import { expect, test } from "vitest";
import { CLAIM_TTL_MS, SEND_GIVEN_UP, SENT_RETENTION_MS } from "../../src/session/index.ts";
import type { OutboxRow, SendResult, SessionStore } from "../../src/session/index.ts";
import { tenantId } from "../../src/types/index.ts";
import type { StoreFactory } from "../session-store.ts";
import { dump, enqueue, KEY, keyOf, ManualWorld, rowOf, runTurn, TRACE } from "./fixtures.ts";

const LOST = { code: "STORE_CLAIM_LOST" };
const NOT_BEGUN = { code: "STORE_SEND_NOT_BEGUN" };
const OTHER = keyOf({ conversation: "c2" });

async function claimOne(store: SessionStore, sender = "s1"): Promise<OutboxRow> {
  const [row] = await store.claimSends(sender, { limit: 1 });
  if (row === undefined) throw new Error("expected a row");
  return row;
}

async function attempt(store: SessionStore, result: SendResult, sender = "s1"): Promise<OutboxRow> {
  const row = await claimOne(store, sender);
  await store.beginSend(row, sender);
  await store.endSend(row, sender, result);
  return row;
}

async function statusOf(store: SessionStore, id: string): Promise<Partial<OutboxRow> | undefined> {
  const row = (await store.listOutbox({ limit: 1_000 })).find((r) => r.id === id);
  return row && { status: row.status, attempts: row.attempts, wasUnknown: row.wasUnknown };
}

/** Sends: in order, one at a time, and never doubtful without a record of it. */
export function sendContract({ open, crash, holdsOutliveCrash = false }: StoreFactory): void {
  test("renewSends() says of which rows the claims are still the sender's", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    if (store.renewSends === undefined) return;
    await enqueue(store, ["a1"]);
    await enqueue(store, ["b1"], OTHER);
    const rows = await store.claimSends("s1", { limit: 9, ttlMs: 1_000 });
    expect(await store.renewSends(rows, "s1", 1_000)).toEqual(new Set(["a1", "b1"]));
    world.advance(500);
    const [kept, lost] = rows as [OutboxRow, OutboxRow];
    expect(await store.renewSends([kept], "s1", 5_000)).toEqual(new Set(["a1"]));
    world.advance(1_000);
    expect(await store.claimSends("s2", { limit: 9 })).toMatchObject([{ id: "b1" }]);
    expect(await store.renewSends([kept, lost], "s1", 1_000)).toEqual(new Set(["a1"]));
    await expect(store.beginSend(lost, "s1")).rejects.toMatchObject(LOST);
    await store.beginSend(kept, "s1");
  });

  test("claimSends() gives one row a conversation, in order", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    expect(await store.claimSends("s1", { limit: 9 })).toEqual([]);
    await enqueue(store, ["a1", "a2"]);
    await enqueue(store, ["b1"], OTHER);
    await enqueue(store, ["a3"]);
    expect((await store.sweep(world.nowMs())).sends).toBe(true);
    const rows = await store.claimSends("s1", { limit: 9 });
    expect(rows.map(({ id }) => id)).toEqual(["a1", "b1"]);
    expect(rows[0]).toEqual({
      ...rowOf("a1"),
      key: KEY,
      order: rows[0]?.order,
      status: "queued",
      attempts: 0,
      wasUnknown: false,
      notBeforeMs: 0,
      createdAtMs: world.nowMs(),
      traceId: TRACE,
    });
    expect(await store.claimSends("s2", { limit: 9 })).toEqual([]);
    expect((await store.sweep(world.nowMs())).sends).toBe(false);
    const sent: string[] = [];
    for (const row of rows) {
      await store.beginSend(row, "s1");
      await store.endSend(row, "s1", { kind: "sent", receipt: "x" });
    }
    for (let n = 0; n < 2; n++) sent.push((await attempt(store, { kind: "sent" }, "s2")).id);
    expect(sent).toEqual(["a2", "a3"]);
    expect(await store.claimSends("s1", { limit: 9 })).toEqual([]);
  });

  test("claimSends() keeps one lane for all members of a conversation", async () => {
    await using store = await open(new ManualWorld());
    await enqueue(store, ["u1"]);
    await enqueue(store, ["u2"], keyOf({ user: "u2" }));
    expect((await store.claimSends("s1", { limit: 9 })).map(({ id }) => id)).toEqual(["u1"]);
  });

  test("claimSends() respects its limit and gives no row to two senders", async () => {
    await using store = await open(new ManualWorld());
    for (let n = 0; n < 20; n++) await enqueue(store, [`r${n}`], keyOf({ conversation: `c${n}` }));
    const got = await Promise.all(Array.from({ length: 6 }, (_, n) => store.claimSends(`s${n}`, { limit: 4 })));
    expect(got.every((rows) => rows.length <= 4)).toBe(true);
    const ids = got.flat().map(({ id }) => id);
    expect(ids).toHaveLength(20);
    expect(new Set(ids).size).toBe(20);
  });

  test("beginSend() and endSend() put the attempt on record", async () => {
    await using store = await open(new ManualWorld());
    await enqueue(store, ["r1"]);
    const row = await claimOne(store);
    expect(await statusOf(store, "r1")).toEqual({ status: "queued", attempts: 0, wasUnknown: false });
    await store.beginSend(row, "s1");
    expect(await statusOf(store, "r1")).toEqual({ status: "sending", attempts: 1, wasUnknown: false });
    await expect(store.beginSend(row, "s1")).rejects.toMatchObject(LOST);
    await expect(store.beginSend(row, "s2")).rejects.toMatchObject(LOST);
    await expect(store.endSend(row, "s2", { kind: "sent" })).rejects.toMatchObject(LOST);
    await store.endSend(row, "s1", { kind: "sent" });
    expect(await statusOf(store, "r1")).toEqual({ status: "sent", attempts: 1, wasUnknown: false });
    await expect(store.endSend(row, "s1", { kind: "sent" })).rejects.toMatchObject(LOST);
  });

  test("endSend() refuses the end of what was never begun", async () => {
    await using store = await open(new ManualWorld());
    await enqueue(store, ["r1"]);
    const row = await claimOne(store);
    const before = await dump(store);
    await expect(store.endSend(row, "s1", { kind: "sent" })).rejects.toMatchObject(NOT_BEGUN);
    await expect(store.endSend(row, "s1", { kind: "unknown", error: "X" })).rejects.toMatchObject(NOT_BEGUN);
    expect(await dump(store)).toEqual(before);
    await store.beginSend(row, "s1");
    await store.endSend(row, "s1", { kind: "sent" });
  });

  test("a retry waits for its time and holds its conversation back", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await enqueue(store, ["r1", "r2"]);
    await attempt(store, { kind: "retry", error: "HTTP_429", notBeforeMs: world.nowMs() + 5_000 });
    world.advance(4_999);
    expect(await store.claimSends("s1", { limit: 9 })).toEqual([]);
    expect((await store.sweep(world.nowMs())).sends).toBe(false);
    world.advance(1);
    expect((await store.sweep(world.nowMs())).sends).toBe(true);
    const row = await claimOne(store);
    expect(row).toMatchObject({ id: "r1", status: "queued", attempts: 1, wasUnknown: false, lastError: "HTTP_429" });
    // A claim can be given back without an attempt.
    await store.endSend(row, "s1", { kind: "retry", error: "RATE_LIMITED", notBeforeMs: world.nowMs() });
    expect(await attempt(store, { kind: "sent" })).toMatchObject({ id: "r1", attempts: 1 });
    expect(await statusOf(store, "r1")).toMatchObject({ status: "sent", attempts: 2 });
    expect((await claimOne(store)).id).toBe("r2");
  });

  test("what failed or was abandoned stays on record and lets the next row go", async () => {
    await using store = await open(new ManualWorld());
    await enqueue(store, ["r1", "r2", "r3"]);
    await attempt(store, { kind: "failed", error: "HTTP_403" });
    const second = await claimOne(store);
    await store.endSend(second, "s1", { kind: "abandoned", error: "POLICY" });
    expect((await attempt(store, { kind: "sent" })).id).toBe("r3");
    expect((await store.listOutbox({})).map(({ id, status, lastError }) => [id, status, lastError])).toEqual([
      ["r3", "sent", undefined],
      ["r2", "abandoned", "POLICY"],
      ["r1", "failed", "HTTP_403"],
    ]);
  });

  test("a claim that expires before the attempt began leaves no doubt", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await enqueue(store, ["r1"]);
    const old = await claimOne(store);
    world.advance(CLAIM_TTL_MS);
    expect((await store.sweep(world.nowMs())).sends).toBe(true);
    const row = await claimOne(store, "s2");
    expect(row).toMatchObject({ id: "r1", status: "queued", wasUnknown: false });
    await expect(store.beginSend(old, "s1")).rejects.toMatchObject(LOST);
    await store.beginSend(row, "s2");
    await store.endSend(row, "s2", { kind: "sent" });
  });

  test("a claim that expires after the attempt began is unknown for ever, and the late end is refused", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await enqueue(store, ["r1", "r2"]);
    const old = await claimOne(store);
    await store.beginSend(old, "s1");
    world.advance(CLAIM_TTL_MS);
    const row = await claimOne(store, "s1");
    expect(row).toMatchObject({ id: "r1", status: "unknown", attempts: 1, wasUnknown: true });
    await expect(store.endSend(old, "s1", { kind: "sent" })).rejects.toMatchObject(LOST);
    await store.endSend(row, "s1", { kind: "retry", error: "RESOLVED", notBeforeMs: 0 });
    expect(await statusOf(store, "r1")).toEqual({ status: "queued", attempts: 1, wasUnknown: true });
    expect((await attempt(store, { kind: "sent" }, "s2")).id).toBe("r1");
    expect(await statusOf(store, "r1")).toEqual({ status: "sent", attempts: 2, wasUnknown: true });
    expect((await claimOne(store)).id).toBe("r2");
  });

  test("an end that comes late, but before anybody else, counts", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await enqueue(store, ["r1"]);
    const row = await claimOne(store);
    await store.beginSend(row, "s1");
    world.advance(2 * CLAIM_TTL_MS);
    await store.endSend(row, "s1", { kind: "sent" });
    expect(await statusOf(store, "r1")).toEqual({ status: "sent", attempts: 1, wasUnknown: false });
  });

  test("an unknown row holds its conversation back until it is resolved", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    const resolutions: readonly (readonly [SendResult, string])[] = [
      [{ kind: "sent" }, "sent"],
      [{ kind: "abandoned", error: "AT_MOST_ONCE" }, "abandoned"],
      [{ kind: "failed", error: "GONE" }, "failed"],
    ];
    for (const [n, [result, status]] of resolutions.entries()) {
      const key = keyOf({ conversation: `c${n}` });
      await enqueue(store, [`a${n}`, `b${n}`], key);
      await attempt(store, { kind: "unknown", error: "TIMEOUT", notBeforeMs: world.nowMs() + 100 });
      expect(await store.claimSends("s1", { limit: 9 })).toEqual([]);
      world.advance(100);
      const row = await claimOne(store);
      expect(row).toMatchObject({ id: `a${n}`, status: "unknown", wasUnknown: true, lastError: "TIMEOUT" });
      await store.endSend(row, "s1", result);
      expect(await statusOf(store, `a${n}`)).toEqual({ status, attempts: 1, wasUnknown: true });
      expect((await attempt(store, { kind: "sent" })).id).toBe(`b${n}`);
    }
    // Class A: sent again with the same key, straight from unknown.
    await enqueue(store, ["again"]);
    await attempt(store, { kind: "unknown", error: "TIMEOUT" });
    await attempt(store, { kind: "sent" });
    expect(await statusOf(store, "again")).toEqual({ status: "sent", attempts: 2, wasUnknown: true });
  });

  test("retrySend() queues a row again, before younger ones of its conversation", async () => {
    await using store = await open(new ManualWorld());
    await enqueue(store, ["r1", "r2", "r3"]);
    expect(await store.retrySend("r1")).toBe(false);
    expect(await store.retrySend("none")).toBe(false);
    await attempt(store, { kind: "failed", error: "X" });
    await attempt(store, { kind: "sent" });
    expect(await store.retrySend("r1")).toBe(true);
    expect(await store.retrySend("r1")).toBe(false);
    expect(await store.retrySend("r2")).toBe(false);
    expect((await attempt(store, { kind: "unknown", error: "T", notBeforeMs: Number.MAX_SAFE_INTEGER })).id).toBe("r1");
    expect(await store.claimSends("s1", { limit: 1 })).toEqual([]);
    expect(await store.retrySend("r1")).toBe(true);
    expect(await attempt(store, { kind: "sent" })).toMatchObject({ id: "r1", status: "queued", wasUnknown: true });
    expect((await claimOne(store)).id).toBe("r3");
  });

  test("retrySend() never overtakes the row under way", async () => {
    await using store = await open(new ManualWorld());
    await enqueue(store, ["r1", "r2"]);
    await attempt(store, { kind: "failed", error: "X" });
    const second = await claimOne(store);
    await store.beginSend(second, "s1");
    await store.retrySend("r1");
    expect(await store.claimSends("s2", { limit: 9 })).toEqual([]);
    await store.endSend(second, "s1", { kind: "sent" });
    expect((await claimOne(store)).id).toBe("r1");
  });

  test("abandonSend() gives up what waits or is unknown, and the rows behind it go on", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await enqueue(store, ["r1", "r2", "r3", "r4"]);
    expect(await store.abandonSend("none")).toBe(false);
    // In the middle of its lane, and at its head.
    expect(await store.abandonSend("r2")).toBe(true);
    expect(await store.abandonSend("r2")).toBe(false);
    await attempt(store, { kind: "unknown", error: "TIMEOUT", notBeforeMs: Number.MAX_SAFE_INTEGER });
    expect(await store.claimSends("s1", { limit: 9 })).toEqual([]);
    expect(await store.abandonSend("r1")).toBe(true);
    expect((await store.sweep(world.nowMs())).sends).toBe(true);
    expect((await attempt(store, { kind: "sent" })).id).toBe("r3");
    expect(await store.abandonSend("r3")).toBe(false);
    await attempt(store, { kind: "failed", error: "X" });
    expect(await store.abandonSend("r4")).toBe(false);
    const listed = await store.listOutbox({ status: "abandoned" });
    expect(listed.map(({ id, attempts, wasUnknown, lastError }) => [id, attempts, wasUnknown, lastError])).toEqual([
      ["r2", 0, false, SEND_GIVEN_UP],
      ["r1", 1, true, SEND_GIVEN_UP],
    ]);
    // An operator may think better of it.
    expect(await store.retrySend("r1")).toBe(true);
    expect((await attempt(store, { kind: "sent" })).id).toBe("r1");
    expect(await store.claimSends("s1", { limit: 9 })).toEqual([]);
  });

  test("abandonSend() leaves alone what a sender holds, for as long as it does", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await enqueue(store, ["r1", "r2"]);
    const row = await claimOne(store);
    expect(await store.abandonSend("r1")).toBe(false);
    await store.beginSend(row, "s1");
    expect(await store.abandonSend("r1")).toBe(false);
    expect(await statusOf(store, "r1")).toMatchObject({ status: "sending" });
    // One behind it isn't held.
    expect(await store.abandonSend("r2")).toBe(true);
    world.advance(CLAIM_TTL_MS);
    expect(await store.abandonSend("r1")).toBe(true);
    expect(await statusOf(store, "r1")).toEqual({ status: "abandoned", attempts: 1, wasUnknown: true });
    await expect(store.endSend(row, "s1", { kind: "sent" })).rejects.toMatchObject(LOST);
    expect(await store.claimSends("s2", { limit: 9 })).toEqual([]);
    await enqueue(store, ["r3"]);
    expect((await attempt(store, { kind: "sent" })).id).toBe("r3");
  });

  test("listOutbox() says when a row was over, and nothing of one that is yet to be sent", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await enqueue(store, ["sent", "failed", "abandoned", "unknown"]);
    const startMs = world.nowMs();
    world.advance(1_000);
    await attempt(store, { kind: "sent" });
    world.advance(1_000);
    await attempt(store, { kind: "failed", error: "X" });
    world.advance(1_000);
    await store.abandonSend("abandoned");
    await attempt(store, { kind: "unknown", error: "T" });
    const ended = async (): Promise<unknown> =>
      Object.fromEntries(
        (await store.listOutbox({})).map(({ id, endedAtMs }) => [id, endedAtMs && endedAtMs - startMs]),
      );
    expect(await ended()).toEqual({ sent: 1_000, failed: 2_000, abandoned: 3_000, unknown: undefined });
    await store.retrySend("failed");
    await store.retrySend("abandoned");
    expect(await ended()).toEqual({ sent: 1_000, failed: undefined, abandoned: undefined, unknown: undefined });
    world.advance(1_000);
    await attempt(store, { kind: "failed", error: "X" });
    expect(await ended()).toEqual({ sent: 1_000, failed: 4_000, abandoned: undefined, unknown: undefined });
  });

  test("dropSend() forgets what is over, and nothing that is yet to be sent", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await enqueue(store, ["sent", "failed", "abandoned", "unknown", "queued"]);
    await attempt(store, { kind: "sent" });
    await attempt(store, { kind: "failed", error: "X" });
    await store.abandonSend("abandoned");
    const doubtful = await claimOne(store);
    const orders = new Map((await store.listOutbox({})).map(({ id, order }) => [id, order]));
    const drop = (id: string): Promise<boolean> => store.dropSend(orders.get(id) ?? 0);
    expect(await drop("unknown")).toBe(false);
    await store.beginSend(doubtful, "s1");
    expect(await drop("unknown")).toBe(false);
    await store.endSend(doubtful, "s1", { kind: "unknown", error: "T", notBeforeMs: Number.MAX_SAFE_INTEGER });
    expect([await drop("unknown"), await drop("queued"), await drop("none")]).toEqual([false, false, false]);
    for (const id of ["sent", "failed", "abandoned"])
      expect([id, await drop(id), await drop(id)]).toEqual([id, true, false]);
    expect((await store.listOutbox({})).map(({ id, status }) => [id, status])).toEqual([
      ["queued", "queued"],
      ["unknown", "unknown"],
    ]);
    expect(await store.retrySend("failed")).toBe(false);
    // A name that is free again is another row's.
    await enqueue(store, ["sent"], OTHER);
    world.advance(2 * SENT_RETENTION_MS);
    await store.sweep(world.nowMs());
    expect((await attempt(store, { kind: "sent" })).id).toBe("sent");
    expect(await store.retrySend("unknown")).toBe(true);
    expect([(await attempt(store, { kind: "sent" })).id, (await attempt(store, { kind: "sent" })).id]).toEqual([
      "unknown",
      "queued",
    ]);
  });

  test("listOutbox() filters by tenant and status, newest first", async () => {
    await using store = await open(new ManualWorld());
    await runTurn(store, { outbox: [rowOf("a1"), rowOf("a2")] });
    await runTurn(store, { outbox: [rowOf("x1")] }, keyOf({ tenant: "acme-2", team: "acme" }));
    await attempt(store, { kind: "sent" });
    const ids = async (filter: Parameters<typeof store.listOutbox>[0]): Promise<string[]> =>
      (await store.listOutbox(filter)).map(({ id }) => id);
    expect(await ids({})).toEqual(["x1", "a2", "a1"]);
    expect(await ids({ limit: 2 })).toEqual(["x1", "a2"]);
    expect(await ids({ tenant: tenantId("acme") })).toEqual(["a2", "a1"]);
    expect(await ids({ tenant: tenantId("acme"), status: "queued" })).toEqual(["a2"]);
    expect(await ids({ status: "sent" })).toEqual(["a1"]);
    expect(await ids({ tenant: tenantId("support") })).toEqual([]);
  });

  test.skipIf(crash === undefined)("a crash makes what was being sent unknown, and nothing else", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    for (const name of ["begun", "claimed", "idle", "ended", "delayed"]) {
      await enqueue(store, [`${name}1`, `${name}2`], keyOf({ conversation: name }));
    }
    const rows = await store.claimSends("s1", { limit: 9 });
    const row = (id: string): OutboxRow => rows.find((r) => r.id === id) ?? rows[0]!;
    for (const id of ["begun1", "ended1", "delayed1"]) await store.beginSend(row(id), "s1");
    await store.endSend(row("ended1"), "s1", { kind: "sent" });
    const heldMs = holdsOutliveCrash ? CLAIM_TTL_MS : 0;
    const notBeforeMs = world.nowMs() + heldMs + 1_000;
    await store.endSend(row("delayed1"), "s1", { kind: "retry", error: "X", notBeforeMs });
    await using after = (await crash?.(store, world)) ?? store;
    if (!holdsOutliveCrash) {
      await expect(after.endSend(row("begun1"), "s1", { kind: "sent" })).rejects.toMatchObject(LOST);
    }
    world.advance(heldMs);
    expect(
      (await after.claimSends("s2", { limit: 9 })).map(({ id, status, wasUnknown }) => [id, status, wasUnknown]),
    ).toEqual([
      ["begun1", "unknown", true],
      ["claimed1", "queued", false],
      ["idle1", "queued", false],
      ["ended2", "queued", false],
    ]);
    await expect(after.endSend(row("begun1"), "s1", { kind: "sent" })).rejects.toMatchObject(LOST);
    world.advance(1_000);
    expect((await after.claimSends("s2", { limit: 9 })).map(({ id, attempts }) => [id, attempts])).toEqual([
      ["delayed1", 1],
    ]);
  });
}
