import { setImmediate as others } from "node:timers/promises";
import { expect, test } from "vitest";
import { MemoryRecords, memorySpace } from "../../../conformance/memory-space.ts";
import type { FaultPlan } from "../../../conformance/memory-space.ts";
import {
  enqueue,
  entryOf,
  keyOf,
  leaseOf,
  ManualWorld,
  recordOf,
  rowOf,
  turnOf,
} from "../../../conformance/session-store/fixtures.ts";
import { createMachineWorld } from "../../../test/stand-ins/machine-world.ts";
import { verifies } from "../../../test/verifies.ts";
import { envId, tenantId } from "../../types/index.ts";
import { conversationOf } from "../store.ts";
import type { SessionStore } from "../store.ts";
import { openRecordStore } from "./record-store.ts";

/** Opens stores as of several processes over the same data, whose requests others come in between of. */
function openStores(count: number): {
  readonly stores: readonly [SessionStore, ...SessionStore[]];
  readonly conflicts: () => number;
} {
  const records = new MemoryRecords();
  const world = createMachineWorld();
  let conflicts = 0;
  const open = (): SessionStore => {
    const fault: FaultPlan = async () => {
      await others();
      return undefined;
    };
    const space = memorySpace(records, { fault });
    const write: typeof space.write = async (changes, version) => {
      const isDone = await space.write(changes, version);
      if (!isDone) conflicts++;
      return isDone;
    };
    return openRecordStore({ ...space, write }, { world, shards: 4 });
  };
  return { stores: [open(), ...Array.from({ length: count - 1 }, open)], conflicts: () => conflicts };
}

test(
  "processes that race for the same conversations lose nothing and do nothing twice",
  { timeout: 60_000 },
  async () => {
    verifies("stores.records");
    const { stores, conflicts } = openStores(3);
    const [near] = stores;
    const [people, turns] = [6, 8];
    const keyFor = (who: number): ReturnType<typeof keyOf> => keyOf({ conversation: `c${who % 2}`, user: `u${who}` });

    const talk = async (who: number): Promise<void> => {
      const key = keyFor(who);
      for (let n = 1; n <= turns; n++) {
        // The same delivery reaches each of them, and each wants the lease.
        const entry = entryOf(`${who}-${n}`, { key, log: `${who}-${n}` });
        const accepted = await Promise.all(
          stores.map((store, at) => store.accept(entry, { leaseTo: { worker: `w${at}` } })),
        );
        expect(accepted.filter(({ kind }) => kind === "accepted")).toHaveLength(1);
        expect(new Set(accepted.map(({ logIndex }) => logIndex)).size).toBe(1);
        const leases = accepted.flatMap(({ lease }) => lease ?? []);
        expect(leases).toHaveLength(1);
        for (const lease of leases) {
          expect(lease.session?.revision ?? 0).toBe(n - 1);
          const turn = turnOf(lease, {
            state: [{ key: "flow/sum", value: Number(lease.state.get("flow/sum") ?? 0) + n }],
            outbox: [rowOf(`${who}-${n}-a`), rowOf(`${who}-${n}-b`)],
            log: [`${who}-${n}-reply`],
          });
          const committed = await Promise.allSettled(stores.map((store) => store.commit(lease, turn)));
          expect(committed.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
        }
      }
    };
    const sent: string[] = [];
    const over = new AbortController();
    const send = async (store: SessionStore, sender: string): Promise<void> => {
      while (!over.signal.aborted || (await near.stats()).queued > 0) {
        for (const row of await store.claimSends(sender, { limit: 4 })) {
          await store.beginSend(row, sender);
          sent.push(row.id);
          await store.endSend(row, sender, { kind: "sent" });
        }
        await others();
      }
    };
    const senders = stores.map((store, n) => send(store, `s${n}`));
    await Promise.all(Array.from({ length: people }, (_, who) => talk(who)));
    over.abort();
    await Promise.all(senders);

    expect(conflicts()).toBeGreaterThan(10);
    expect(sent.toSorted()).toEqual([...new Set(sent)].sort());
    expect(sent).toHaveLength(people * turns * 2);
    for (let who = 0; who < people; who++) {
      const own = sent.filter((id) => id.startsWith(`${who}-`));
      expect(own).toEqual(Array.from({ length: turns }, (_, n) => [`${who}-${n + 1}-a`, `${who}-${n + 1}-b`]).flat());
      await near.accept(entryOf(`last-${who}`, { key: keyFor(who) }));
      expect((await leaseOf(near, keyFor(who))).state.get("flow/sum")).toBe((turns * (turns + 1)) / 2);
    }
    for (const who of [0, 1]) {
      const log = await near.readLog(conversationOf(keyFor(who)), { after: -1, limit: 999 });
      expect(log.map(({ index }) => index)).toEqual(Array.from({ length: (people / 2) * turns * 2 }, (_, n) => n));
    }
  },
);

test("each free session goes to one of those that ask, and all of them go", async () => {
  const { stores } = openStores(4);
  const keys = Array.from({ length: 30 }, (_, n) => keyOf({ conversation: `c${n}` }));
  await Promise.all(keys.map((key, n) => (stores[n % 4] ?? stores[0]).accept(entryOf(`m${n}`, { key }))));
  const leases = (await Promise.all(stores.map((store, n) => store.lease(`w${n}`, { limit: 9 })))).flat();
  expect(leases.map(({ key }) => key).sort()).toEqual(keys.toSorted());
  expect(new Set(leases.map(({ fence }) => fence)).size).toBe(30);
});

test("tokens of a bucket go to as many as there are, whoever asks", async () => {
  const { stores } = openStores(3);
  const rate = { capacity: 5, perSecond: 0.001 };
  const asked = Array.from({ length: 12 }, (_, n) => (stores[n % 3] ?? stores[0]).takeTokens("a", rate));
  expect((await Promise.all(asked)).filter((waitMs) => waitMs === 0)).toHaveLength(5);
});

test("what one process remembers of a session counts only while no other has changed it", async () => {
  const { stores } = openStores(2);
  const [one, two] = stores;
  if (one === undefined || two === undefined) throw new Error("expected stores");
  const key = keyOf();
  for (let n = 1; n <= 6; n++) {
    const [mine, theirs] = n % 2 === 0 ? [one, two] : [two, one];
    await theirs.accept(entryOf(`m${n}`));
    const lease = await leaseOf(mine);
    expect(lease.session?.revision ?? 0).toBe(n - 1);
    expect(lease.inbox.map(({ dedupeKey }) => dedupeKey)).toEqual([`m${n}`]);
    // Steps have the same names in each turn.
    expect(lease.steps).toEqual([]);
    await mine.record(lease, { turn: n, seq: 0, node: "n", inputHash: "h", outcome: n });
    await mine.release(lease);
    const again = await leaseOf(theirs);
    expect(again.steps.map(({ outcome }) => outcome)).toEqual([n]);
    await theirs.commit(again, turnOf(again, { session: recordOf(n) }));
    expect((await mine.read(key))?.session?.revision).toBe(n);
    await expect(mine.commit(lease, turnOf(lease))).rejects.toMatchObject({ code: "STORE_FENCE_STALE" });
  }
});

test("what one process remembers of a body goes with what it remembers of its session", async () => {
  const [one, two] = openStores(2).stores as readonly [SessionStore, SessionStore];
  await one.accept(entryOf("m1"));
  const first = await leaseOf(one);
  await one.commit(first, turnOf(first, { state: [{ key: "flow/a", value: 1 }] }));
  await two.accept(entryOf("m2"));
  const second = await leaseOf(two);
  await two.commit(second, turnOf(second, { state: [{ key: "flow/a", value: 2 }] }));
  // This reads the session, and not what it carries.
  await one.accept(entryOf("m3"));
  const third = await leaseOf(one);
  expect([third.session?.revision, third.state.get("flow/a")]).toEqual([2, 2]);
});

test("a process that remembers another lease takes a turn under the one that counts", async () => {
  const [one, two] = openStores(2).stores as readonly [SessionStore, SessionStore];
  await one.accept(entryOf("m1"));
  await one.release(await leaseOf(one));
  const lease = await leaseOf(two);
  expect(await one.renew(lease, 60_000)).toBe(true);
  const kept = await two.commit(lease, turnOf(lease, { timersNew: [], outbox: [rowOf("r1")] }), { keep: true });
  expect(kept).toBeUndefined();
  await two.accept(entryOf("m2"));
  const next = await leaseOf(two);
  await one.commit(next, turnOf(next));
  expect((await two.read(next.key))?.session?.revision).toBe(2);
});

test("a row that is erased by who remembers it held leaves nothing in the way of the next", async () => {
  const [one, two] = openStores(2).stores as readonly [SessionStore, SessionStore];
  await enqueue(one, ["r1"]);
  const [row] = await one.claimSends("s1", { limit: 1 });
  if (row === undefined) throw new Error("expected a row");
  await two.endSend(row, "s1", { kind: "retry", error: "X", notBeforeMs: 0 });
  await one.erase({ env: envId("prod"), tenant: tenantId("acme") });
  await enqueue(two, ["r2"]);
  expect((await two.claimSends("s2", { limit: 1 })).map(({ id }) => id)).toEqual(["r2"]);
});

test("what was held before the clock was set back is not held for as long as that", async () => {
  const world = new ManualWorld();
  await using store = openRecordStore(memorySpace(new MemoryRecords(), { nowMs: () => world.nowMs() }), { world });
  await enqueue(store, ["r1", "r2"]);
  await store.accept(entryOf("m1"));
  const lease = await leaseOf(store);
  const [row] = await store.claimSends("s1", { limit: 1 });
  if (row === undefined) throw new Error("expected a row");
  await store.beginSend(row, "s1");
  world.jump(-3_600_000);
  expect(await store.sweep(0)).toMatchObject({ sessions: [lease.key], sends: true });
  expect((await leaseOf(store)).attempt).toBe(1);
  expect(await store.claimSends("s2", { limit: 1 })).toMatchObject([{ id: "r1", status: "unknown" }]);
  // What was held since stays held.
  expect(await store.sweep(0)).toEqual({ sessions: [], sends: false });
});
