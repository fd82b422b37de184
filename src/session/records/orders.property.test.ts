import { array, assert, asyncProperty, constant, constantFrom, nat, oneof, record } from "fast-check";
import { expect, test } from "vitest";
import { MemoryRecords, memorySpace } from "../../../conformance/memory-space.ts";
import { entryOf, keyOf, leaseOf, ManualWorld, rowOf, turnOf } from "../../../conformance/session-store/fixtures.ts";
import { verifies } from "../../../test/verifies.ts";
import { openRecordStore } from "./record-store.ts";

const KEYS = [keyOf(), keyOf({ user: "u2" }), keyOf({ conversation: "c2" })] as const;
const STORES = 3;

const operation = oneof(
  { weight: 6, arbitrary: record({ kind: constant("turn"), store: nat(STORES - 1), key: nat(KEYS.length - 1) }) },
  record({ kind: constant("reopen"), store: nat(STORES - 1) }),
  record({ kind: constant("jump"), ms: constantFrom(-86_400_000, -1, 1, 86_400_000) }),
  // Long enough for what a session that is gone left behind to be dropped.
  record({ kind: constant("forget"), store: nat(STORES - 1) }),
);

test("fences and orders rise, whoever draws them, whatever clocks do, and though all else of a session is gone", async () => {
  verifies("stores.records.orders");
  await assert(
    asyncProperty(array(operation, { minLength: 4, maxLength: 40 }), async (operations) => {
      const records = new MemoryRecords();
      // Each process has a clock of its own.
      const worlds = Array.from({ length: STORES }, () => new ManualWorld());
      const open = (n: number): ReturnType<typeof openRecordStore> =>
        openRecordStore(memorySpace(records), { world: worlds[n] ?? new ManualWorld(), clock: "world" });
      const stores = worlds.map((_, n) => open(n));
      const last = new Map<string, number>();
      const seen = new Set<number>();
      const rises = (key: string, drawn: number): void => {
        expect(drawn).toBeGreaterThan(last.get(key) ?? 0);
        expect(Number.isSafeInteger(drawn)).toBe(true);
        expect(seen).not.toContain(drawn);
        last.set(key, drawn);
        seen.add(drawn);
      };
      for (const [n, op] of operations.entries()) {
        if (op.kind === "jump") worlds[n % STORES]?.jump(op.ms);
        else if (op.kind === "reopen") stores[op.store] = open(op.store);
        else if (op.kind === "forget") {
          const store = stores[op.store] ?? open(op.store);
          for (let sweeps = 0; sweeps < 4; sweeps++) {
            for (const world of worlds) world.advance(3_700_000);
            await store.sweep(0);
          }
        } else {
          const store = stores[op.store] ?? open(op.store);
          const key = KEYS[op.key] ?? KEYS[0];
          await store.accept(entryOf(`m${n}`, { key }));
          const lease = await leaseOf(store, key);
          for (const { order } of lease.inbox) rises(key, order);
          rises(key, lease.fence);
          await store.commit(lease, turnOf(lease, { session: null, outbox: [rowOf(`r${n}`)] }));
          const [row] = await store
            .listOutbox({ limit: 1_000 })
            .then((rows) => rows.filter(({ id }) => id === `r${n}`));
          rises(key, row?.order ?? 0);
        }
      }
    }),
    { numRuns: 100 },
  );
});

test("a session that is gone for long leaves its floor alone", async () => {
  const world = new ManualWorld();
  const records = new MemoryRecords();
  await using store = openRecordStore(memorySpace(records), { world, clock: "world" });
  await store.accept(entryOf("m1"));
  const lease = await leaseOf(store);
  await store.commit(lease, turnOf(lease, { session: null }));
  const heads = (): number => [...records.records.values()].filter(({ sort }) => sort === "head").length;
  expect(heads()).toBe(1);
  for (let n = 0; n < 3; n++) {
    world.advance(3_600_000);
    await store.sweep(world.nowMs());
  }
  expect(heads()).toBe(0);
  world.jump(-30 * 86_400_000);
  await using other = openRecordStore(memorySpace(records), { world, clock: "world" });
  await other.accept(entryOf("m2"));
  expect((await leaseOf(other)).fence).toBeGreaterThan(lease.fence);
});
