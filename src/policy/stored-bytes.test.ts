import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { envId, tenantId } from "../types/index.ts";
import { StoredBytes } from "./stored-bytes.ts";

const ACME = { env: envId("prod"), tenant: tenantId("acme") };

/** A keeper that answers when it is told to. */
function keeper(): {
  readonly asked: () => number;
  readonly answer: (bytes: number | Error) => Promise<void>;
  readonly storedBytes: () => Promise<number>;
} {
  const open: PromiseWithResolvers<number>[] = [];
  let asked = 0;
  return {
    asked: () => asked,
    answer: async (bytes) => {
      for (const { resolve, reject } of open.splice(0)) {
        if (bytes instanceof Error) reject(bytes);
        else resolve(bytes);
      }
      await new Promise((resolve) => setImmediate(resolve));
    },
    storedBytes: () => {
      asked++;
      const one = Promise.withResolvers<number>();
      open.push(one);
      return one.promise;
    },
  };
}

test("what a tenant keeps is measured once for all who ask, and its own changes count in between", async () => {
  verifies("quota.stored-bytes");
  let nowMs = 1_000_000;
  const [sessions, files] = [keeper(), keeper()];
  const stored = new StoredBytes([sessions, files], () => nowMs);
  const first = [stored.measure(ACME), stored.measure(ACME)];
  // Counted or not, it isn't forgotten.
  stored.add(ACME, 7);
  await Promise.all([sessions.answer(100), files.answer(1_000)]);
  await Promise.all(first);
  expect([sessions.asked(), files.asked(), stored.of(ACME)]).toEqual([1, 1, 1_107]);
  stored.add(ACME, 50);
  stored.add(ACME, -30);
  await stored.measure(ACME);
  expect([sessions.asked(), stored.of(ACME)]).toEqual([1, 1_127]);
  expect(stored.of({ ...ACME, tenant: tenantId("globex") })).toBe(0);
  nowMs += 5_000;
  // Nobody waits for a new measure while the last one is of some use.
  await stored.measure(ACME);
  expect([sessions.asked(), stored.of(ACME)]).toEqual([2, 1_127]);
  await Promise.all([sessions.answer(10), files.answer(20)]);
  expect(stored.of(ACME)).toBe(30);
});

test("measuring takes a twentieth of the time at most, and a measure that is too old is waited for", async () => {
  verifies("quota.stored-bytes");
  let nowMs = 1_000_000;
  const sessions = keeper();
  const stored = new StoredBytes([sessions], () => nowMs);
  const slow = stored.measure(ACME);
  nowMs += 2_000;
  await sessions.answer(1);
  await slow;
  nowMs += 39_999;
  await stored.measure(ACME);
  expect(sessions.asked()).toBe(1);
  nowMs += 1;
  await stored.measure(ACME);
  expect(sessions.asked()).toBe(2);
  await sessions.answer(new Error("away"));
  expect(stored.of(ACME)).toBe(1);
  nowMs += 12 * 40_000;
  const waited = expect(stored.measure(ACME)).rejects.toThrow("away");
  await sessions.answer(new Error("away"));
  await waited;
  const again = stored.measure(ACME);
  await sessions.answer(5);
  await again;
  expect(stored.of(ACME)).toBe(5);
  // A clock that was set back.
  nowMs -= 1;
  const back = stored.measure(ACME);
  await sessions.answer(6);
  await back;
  expect(stored.of(ACME)).toBe(6);
});
