import { expect, test } from "vitest";
import { MemoryRecords, memorySpace } from "../../../conformance/memory-space.ts";
import { entryOf, leaseOf, ManualWorld, rowOf, turnOf } from "../../../conformance/session-store/fixtures.ts";
import { verifies } from "../../../test/verifies.ts";
import type { SessionStore } from "../store.ts";
import { openRecordStore } from "./record-store.ts";

interface Counted {
  readonly store: SessionStore;
  /** The requests of an operation, in their order. */
  readonly requestsOf: <T>(operation: Promise<T>) => Promise<readonly [readonly string[], T]>;
}

function openCounted(records: MemoryRecords, world: ManualWorld): Counted {
  let requests: string[] = [];
  const fault = (request: string): undefined => void requests.push(request);
  const store = openRecordStore(memorySpace(records, { fault }), { world, clock: "world" });
  return {
    store,
    requestsOf: async (operation) => {
      const result = await operation;
      const made = requests;
      requests = [];
      return [made, result];
    },
  };
}

test("a turn costs two writes and no reads where one process has the conversation to itself", async () => {
  verifies("stores.records.cost");
  const { store, requestsOf } = openCounted(new MemoryRecords(), new ManualWorld());
  const options = { leaseTo: { worker: "w1" } };
  const [, first] = await requestsOf(store.accept(entryOf("m0", { log: "m0" }), options));
  if (first.lease === undefined) throw new Error("expected a lease");
  await requestsOf(store.commit(first.lease, turnOf(first.lease, { state: [{ key: "flow/a", value: 1 }] })));
  for (let n = 1; n <= 3; n++) {
    const [accepting, { lease }] = await requestsOf(store.accept(entryOf(`m${n}`, { log: "m" }), options));
    expect(accepting).toEqual(["write"]);
    if (lease === undefined) throw new Error("expected a lease");
    const answers = lease.inbox.map(({ order }) => ({ order, answer: "ok" }));
    const turn = turnOf(lease, { answers, log: ["reply"], state: [{ key: "flow/a", value: n }], journal: n });
    const [committing] = await requestsOf(store.commit(lease, turn, { keep: true }));
    expect(committing).toEqual(["write"]);
  }
});

test("what another process did is read in one request", async () => {
  const [world, records] = [new ManualWorld(), new MemoryRecords()];
  const [one, two] = [openCounted(records, world), openCounted(records, world)];
  const options = { leaseTo: { worker: "w1" } };
  await two.store.takeTokens("a", { capacity: 1, perSecond: 1 });
  await two.store.lease("w2", { limit: 1, keys: [entryOf("m0").key] });
  const [, { lease }] = await one.requestsOf(one.store.accept(entryOf("m0"), options));
  if (lease === undefined) throw new Error("expected a lease");
  await one.store.commit(lease, turnOf(lease));
  await two.requestsOf(Promise.resolve());
  const [accepting, accepted] = await two.requestsOf(two.store.accept(entryOf("m1"), options));
  expect(accepting).toEqual(["get", "write"]);
  expect(accepted.lease?.session?.revision).toBe(1);
  await one.requestsOf(Promise.resolve());
  // What one remembers is refused, and read then.
  const [refused] = await one.requestsOf(one.store.accept(entryOf("m2")));
  expect(refused.filter((request) => request === "write")).toHaveLength(2);
});

test("a send costs a read and a write each time", async () => {
  const { store, requestsOf } = openCounted(new MemoryRecords(), new ManualWorld());
  await store.accept(entryOf("m1"));
  const lease = await leaseOf(store);
  await store.commit(lease, turnOf(lease, { outbox: [rowOf("r1"), rowOf("r2")] }));
  await requestsOf(Promise.resolve());
  const [claiming, [row]] = await requestsOf(store.claimSends("s1", { limit: 1 }));
  expect(claiming).toEqual(["scan", "scan", "scan", "get", "write"]);
  if (row === undefined) throw new Error("expected a row");
  expect((await requestsOf(store.beginSend(row, "s1")))[0]).toEqual(["get", "write"]);
  expect((await requestsOf(store.endSend(row, "s1", { kind: "sent" })))[0]).toEqual(["get", "write"]);
});
