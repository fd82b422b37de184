import { expect, test } from "vitest";
import { verifies } from "../test/verifies.ts";
import { planOf } from "./plan.ts";
import { simulate } from "./simulation.ts";

test("simulate() keeps every promise where records are what a store's server keeps", { timeout: 120_000 }, async () => {
  verifies("stores.records");
  const from = Math.floor(Math.random() * 1_000_000_000);
  const seeds = [...Array.from({ length: 100 }, (_, n) => n + 1), ...Array.from({ length: 40 }, (_, n) => from + n)];
  const plans = seeds.map(planOf).filter(({ backing }) => backing === "memory");
  expect(plans.length).toBeGreaterThan(30);
  for (const plan of plans) {
    const { seed, violations } = await simulate({ ...plan, backing: "records" });
    expect({ seed, violations }).toEqual({ seed, violations: [] });
  }
});
