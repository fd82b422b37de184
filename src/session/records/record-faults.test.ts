import { array, assert, asyncProperty, constantFrom } from "fast-check";
import { expect, test } from "vitest";
import { MemoryRecords, memorySpace } from "../../../conformance/memory-space.ts";
import type { FaultPlan, SpaceFault } from "../../../conformance/memory-space.ts";
import {
  entryOf,
  KEY,
  keyOf,
  leaseOf,
  ManualWorld,
  recordOf,
  rowOf,
  turnOf,
} from "../../../conformance/session-store/fixtures.ts";
import { verifies } from "../../../test/verifies.ts";
import { envId, tenantId } from "../../types/index.ts";
import { conversationOf, LEASE_TTL_MS } from "../store.ts";
import type { OutboxRow, SessionStore } from "../store.ts";
import { openRecordStore } from "./record-store.ts";

const OTHER = keyOf({ conversation: "c2", user: "u2" });
const ACME = { env: envId("prod"), tenant: tenantId("acme") };
const STEP = { turn: 1, seq: 0, node: "pay", inputHash: "h", outcome: { paid: true } };

function only<T>([one]: readonly T[]): T {
  if (one === undefined) throw new Error("expected one");
  return one;
}

/** Does each thing that a store can do, and tells what it was told. */
async function doEverything(store: SessionStore, world: ManualWorld): Promise<unknown[]> {
  const told: unknown[] = [];
  const tell = <T>(answer: T): T => {
    told.push(answer);
    return answer;
  };
  const { lease } = tell(await store.accept(entryOf("m1", { log: "m1" }), { leaseTo: { worker: "w1" } }));
  if (lease === undefined) throw new Error("expected a lease");
  tell(await store.record(lease, STEP));
  tell(await store.record(lease, { ...STEP, outcome: "again" }));
  tell(await store.accept(entryOf("m2")));
  tell(await store.accept(entryOf("m1")));
  const kept = await store.commit(
    lease,
    turnOf(lease, {
      state: [{ key: "flow/a", value: { n: 1 } }],
      timersNew: [{ onceKey: "t", dueAtMs: world.nowMs() + 60_000, payload: 1 }],
      outbox: ["r1", "r2", "r3"].map((id) => rowOf(id)),
      log: ["a", "b"],
      journal: { turn: 1 },
      answers: lease.inbox.map(({ order }) => ({ order, answer: "ok" })),
    }),
    { keep: true },
  );
  if (kept === undefined) throw new Error("expected to keep the lease");
  tell(kept);
  tell(await store.accept(entryOf("m1")));
  tell(await store.renew(kept, 1_000));
  await store.release(kept);
  const again = tell(only(await store.lease("w2", { limit: 9 })));
  const deadLetters = again.inbox.map(({ order }) => ({ order, reason: "X" }));
  tell(await store.commit(again, turnOf(again, { consumed: [], deadLetters, journal: 2, log: ["c"] })));
  tell(await store.redrive(only(await store.listDeadLetters({})).order));
  tell(await store.listDeadLetters({}));

  const claim = async (): Promise<OutboxRow> => tell(only(await store.claimSends("s1", { limit: 9 })));
  const first = await claim();
  await store.beginSend(first, "s1");
  tell(await store.renewSends?.([first], "s1", 90_000));
  await store.endSend(first, "s1", { kind: "failed", error: "HTTP_403" });
  tell(await store.retrySend("r1"));
  const retried = await claim();
  await store.beginSend(retried, "s1");
  await store.endSend(retried, "s1", { kind: "sent" });
  tell(await store.abandonSend("r2"));
  const last = await claim();
  await store.beginSend(last, "s1");
  world.advance(60_000);
  tell(await store.sweep(world.nowMs()));
  tell(await store.listOutbox({}));
  const doubtful = await claim();
  await store.endSend(doubtful, "s1", { kind: "retry", error: "X", notBeforeMs: world.nowMs() + 5 });
  tell(await store.dropSend(only(await store.listOutbox({ status: "abandoned" })).order));

  const due = tell(only(await store.lease("w1", { limit: 1, keys: [KEY] })));
  tell(await store.commit(due, turnOf(due, { state: [{ key: "flow/b", value: "x" }] })));
  tell(await store.takeTokens("pace", { capacity: 2, perSecond: 1 }, 2));
  tell(await store.takeTokens("pace", { capacity: 2, perSecond: 1 }));
  tell(await store.accept(entryOf("n1", { key: OTHER, log: "n1", logKeepMs: 1_000 })));
  const other = tell(only(await store.lease("w1", { limit: 9 })));
  tell(await store.commit(other, turnOf(other, { session: recordOf(1, { expiresAtMs: world.nowMs() + 10 }) })));
  tell(await store.stats());
  tell(await store.storedBytes(ACME));
  tell(await store.list({}));
  tell(await store.readLog(conversationOf(KEY), { after: -1, limit: 9 }));
  tell(await store.readJournal(KEY, { limit: 9 }));
  world.advance(LEASE_TTL_MS);
  tell(await store.sweep(world.nowMs()));
  tell(await store.list({}));
  tell(await store.end(KEY));
  tell(await store.erase(ACME));
  tell(await store.listOutbox({}));
  return told;
}

/** What was told, with numbers in the place of orders and fences, by when they were first told. */
function normalized(told: readonly unknown[]): unknown {
  const ranks = new Map<number, number>();
  const rank = (value: number): number => {
    const known = ranks.get(value) ?? ranks.size;
    ranks.set(value, known);
    return known;
  };
  const text = JSON.stringify(told, (name, value: unknown) => {
    if ((name === "order" || name === "fence") && typeof value === "number") return rank(value);
    return value instanceof Set || value instanceof Map ? [...(value as Iterable<unknown>)] : value;
  });
  return JSON.parse(text);
}

async function run(fault: FaultPlan): Promise<{ readonly told: unknown; readonly records: MemoryRecords }> {
  const world = new ManualWorld();
  const records = new MemoryRecords();
  await using store = openRecordStore(memorySpace(records, { fault }), { world, clock: "world", shards: 2 });
  return { told: normalized(await doEverything(store, world)), records };
}

/** Counts the requests of one kind that an undisturbed run makes. */
async function count(kind: Parameters<FaultPlan>[0]): Promise<number> {
  let requests = 0;
  await run((request) => {
    if (request === kind) requests++;
    return undefined;
  });
  return requests;
}

for (const [kind, fault] of [
  ["write", "conflict"],
  ["write", "unanswered"],
  ["write", "refused"],
  ["get", "refused"],
  ["scan", "refused"],
] as const) {
  test(`each ${kind} may be met by "${fault}", and everybody is told the same`, { timeout: 60_000 }, async () => {
    verifies("stores.records.again");
    const undisturbed = await run(() => undefined);
    const requests = await count(kind);
    expect(requests).toBeGreaterThan(20);
    const runs = Array.from({ length: requests }, async (_, at) => {
      let n = 0;
      const { told } = await run((request) => (request === kind && n++ === at ? fault : undefined));
      expect(n).toBeGreaterThan(at);
      expect(told).toEqual(undisturbed.told);
    });
    await Promise.all(runs);
  });
}

test("whatever befalls requests in a row, everybody is told the same", { timeout: 60_000 }, async () => {
  const { told } = await run(() => undefined);
  const fault = constantFrom<(SpaceFault | undefined)[]>(
    undefined,
    undefined,
    undefined,
    "refused",
    "unanswered",
    "conflict",
  );
  await assert(
    asyncProperty(array(fault, { minLength: 20, maxLength: 150 }), async (faults) => {
      let n = 0;
      expect((await run(() => faults[n++])).told).toEqual(told);
    }),
    { numRuns: 15 },
  );
});

test("who is always late is told so in the end", { timeout: 20_000 }, async () => {
  let isLate = false;
  const fault: FaultPlan = (request) => (isLate && request === "write" ? "conflict" : undefined);
  const world = new ManualWorld();
  await using store = openRecordStore(memorySpace(new MemoryRecords(), { fault }), { world, clock: "world" });
  await store.accept(entryOf("m1"));
  isLate = true;
  await expect(store.accept(entryOf("m2"))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  isLate = false;
  expect((await store.accept(entryOf("m2"))).kind).toBe("accepted");
});

test("leases that were taken before the database went are handed over", { timeout: 20_000 }, async () => {
  let left = Number.POSITIVE_INFINITY;
  const fault: FaultPlan = (request) => (request === "write" && left-- <= 0 ? "refused" : undefined);
  const world = new ManualWorld();
  await using store = openRecordStore(memorySpace(new MemoryRecords(), { fault }), { world, clock: "world" });
  for (const key of [KEY, OTHER]) await store.accept(entryOf(`m of ${key}`, { key }));
  left = 1;
  const leases = await store.lease("w1", { limit: 2 });
  expect(leases).toHaveLength(1);
  left = Number.POSITIVE_INFINITY;
  expect(await store.renew(only(leases), 1_000)).toBe(true);
});

test("a turn that has run waits for the database longer than who can come again", { timeout: 20_000 }, async () => {
  let isAway = false;
  const fault: FaultPlan = () => (isAway ? "refused" : undefined);
  const world = new ManualWorld();
  await using store = openRecordStore(memorySpace(new MemoryRecords(), { fault }), { world, clock: "world" });
  await store.accept(entryOf("m1"));
  const lease = await leaseOf(store);
  isAway = true;
  const committed = store.commit(lease, turnOf(lease));
  // One waits for the database, one behind the turn.
  for (const key of [OTHER, KEY]) {
    await expect(store.accept(entryOf("m2", { key }))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  }
  isAway = false;
  await committed;
  expect((await store.accept(entryOf("m2"))).kind).toBe("accepted");
  expect((await store.read(KEY))?.session?.revision).toBe(1);
});

test("nothing is left in the end that nobody needs", async () => {
  verifies("stores.records.sweep");
  const world = new ManualWorld();
  const records = new MemoryRecords();
  await using store = openRecordStore(memorySpace(records), { world, clock: "world", shards: 2 });
  await doEverything(store, world);
  for (let day = 0; day < 40; day++) {
    world.advance(24 * 3_600_000);
    for (let n = 0; n < 3; n++) {
      await store.sweep(world.nowMs());
      world.advance(120_000);
    }
  }
  const left = new Set([...records.records.values()].map(({ partition }) => partition));
  expect([...left].sort()).toEqual(["floor", "slots"]);
});
