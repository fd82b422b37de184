import { array, assert, constantFrom, integer, property, tuple } from "fast-check";
import { expect, test } from "vitest";
import { TenantQueue } from "./tenant-queue.ts";

test("a tenant waits for at most one item of every other tenant, whatever they queue", () => {
  const tenants = ["a", "b", "c"];
  assert(
    property(array(constantFrom(...tenants), { maxLength: 40 }), (order) => {
      const queue = new TenantQueue<number>({ maxRunning: 100, maxYoung: 100, maxWaiting: 100 });
      for (const [index, tenant] of order.entries()) queue.add(tenant, index);
      const taken = order.map(() => queue.take()?.tenant);
      for (const tenant of new Set(order)) {
        const first = taken.indexOf(tenant);
        expect(first).toBeLessThan(tenants.length);
      }
      expect(queue.take()).toBeUndefined();
    }),
  );
});

test("limits hold, order holds within a tenant, nothing is lost", () => {
  assert(
    property(array(tuple(constantFrom("a", "b"), integer({ min: 0, max: 2 })), { maxLength: 60 }), (steps) => {
      const queue = new TenantQueue<number>({ maxRunning: 2, maxYoung: 2, maxWaiting: 3 });
      const running: Record<string, number> = { a: 0, b: 0 };
      const last: Record<string, number> = { a: -1, b: -1 };
      let added = 0;
      let taken = 0;
      for (const [index, [tenant, step]] of steps.entries()) {
        if (step === 0) added += queue.add(tenant, index) ? 1 : 0;
        else if (step === 1) {
          const next = queue.take();
          if (next === undefined) continue;
          taken++;
          running[next.tenant] = (running[next.tenant] ?? 0) + 1;
          expect(running[next.tenant]).toBeLessThanOrEqual(2);
          expect(next.item).toBeGreaterThan(last[next.tenant] ?? -1);
          last[next.tenant] = next.item;
        } else if ((running[tenant] ?? 0) > 0) {
          running[tenant] = (running[tenant] ?? 0) - 1;
          queue.done(tenant);
        }
      }
      expect(queue.drain().length).toBe(added - taken);
    }),
  );
});

test("take() holds a tenant's next item back while too many of its own have just begun, and nobody else's", () => {
  const queue = new TenantQueue<number>({ maxRunning: 3, maxYoung: 1, maxWaiting: 9 });
  for (const item of [1, 2, 3, 4, 5]) queue.add("storm", item);
  queue.add("other", 6);
  expect([queue.take()?.item, queue.take()?.item, queue.take()]).toEqual([1, 6, undefined]);
  queue.grown("storm");
  expect([queue.take()?.item, queue.take()]).toEqual([2, undefined]);
  queue.grown("storm");
  queue.done("storm");
  expect([queue.take()?.item, queue.take()]).toEqual([3, undefined]);
  queue.grown("storm");
  expect([queue.take()?.item, queue.take()]).toEqual([4, undefined]);
  queue.grown("storm");
  // Three run by now.
  expect(queue.take()).toBeUndefined();
});
