import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import type { Leasable } from "./lease-table.ts";
import { LeaseTable } from "./lease-table.ts";

const tableOf = (...crowds: readonly (readonly [tenant: string, count: number])[]): LeaseTable<Leasable> => {
  const table = new LeaseTable<Leasable>();
  for (const [tenant, count] of crowds)
    for (let i = 0; i < count; i++) table.refresh({ key: `test:${tenant}:t:c:${i}:u`, hold: undefined, hasWork: true });
  return table;
};
const tenants = (picked: readonly Leasable[]): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (const { key } of picked) counts[key.split(":")[1] ?? ""] = (counts[key.split(":")[1] ?? ""] ?? 0) + 1;
  return counts;
};

test("a sweep finds whoever waits behind another tenant's crowd", () => {
  verifies("quota.fair");
  const table = tableOf(["greedy", 3_000], ["quiet", 3], ["calm", 1]);
  expect(tenants(table.pick(1_000, 0))).toEqual({ greedy: 996, quiet: 3, calm: 1 });
  expect(tenants(tableOf(["greedy", 3_000], ["other", 3_000]).pick(1_000, 0))).toEqual({ greedy: 500, other: 500 });
  // Alone it has all the room, in its order.
  const alone = tableOf(["greedy", 3_000]).pick(1_000, 0);
  expect(alone.map(({ key }) => key)).toEqual(Array.from({ length: 1_000 }, (_, i) => `test:greedy:t:c:${i}:u`));
  expect(tenants(table.pick(2, 0))).toEqual({ greedy: 2 });
});
