import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { entryOf, keyOf, leaseOf, rowOf, turnOf } from "../../../conformance/session-store/fixtures.ts";
import { hasPostgres, startPostgres } from "../../../test/stand-ins/postgres-server.ts";
import { createTestWorld } from "../../../test/stand-ins/test-world.ts";
import { verifies } from "../../../test/verifies.ts";
import { isGreenticError } from "../../types/index.ts";
import { conversationOf, openPostgresStore } from "../index.ts";

const world = createTestWorld();
const TALKS = 6;
const KILLS = 3;

/** Asks again where the store says that it can't be reached: what a platform does that got no 2xx. */
async function untilTaken<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isGreenticError(error, "STORE_UNAVAILABLE")) throw error;
      await sleep(10);
    }
  }
}

describe.skipIf(!hasPostgres)("a server that dies (skipped where PostgreSQL isn't installed)", () => {
  test("loses nothing that was acknowledged and does nothing twice, under load", { timeout: 120_000 }, async () => {
    verifies("stores.postgres", "stores.postgres.crash");
    await using server = await startPostgres();
    await using one = await openPostgresStore({ url: server.url, world, connections: 4 });
    await using two = await openPostgresStore({ url: server.url, world, connections: 4 });
    const stores = [one, two] as const;
    let turns = 0;
    const over = new AbortController();
    const counts: number[] = [];
    const talk = async (who: number): Promise<void> => {
      const key = keyOf({ conversation: `c${who}`, channel: `channel-${who % 2}` });
      const store = stores[who % 2] ?? one;
      for (let n = 1; !over.signal.aborted; n++) {
        const entry = entryOf(`${who}-${n}`, { key, log: `in ${n}` });
        const options = { leaseTo: { worker: `w${who}`, ttlMs: 500 } };
        let { lease: held } = await untilTaken(() => store.accept(entry, options));
        // Whoever asked too often is told of a duplicate, and the lease of the first time has to end.
        while (held === undefined) {
          [held] = await untilTaken(() => store.lease(`w${who}`, { limit: 1, keys: [key] }));
        }
        const given = held;
        const sum = Number(given.state.get("flow/sum") ?? 0) + n;
        const state = [{ key: "flow/sum", value: sum }];
        const extra = { state, outbox: [rowOf(`${who}-${n}`)], log: [`out ${n}`] };
        await untilTaken(() => store.commit(given, turnOf(given, extra)));
        counts[who] = n;
        turns++;
      }
    };
    const talks = Promise.all(Array.from({ length: TALKS }, (_, who) => talk(who)));
    for (let kills = 0; kills < KILLS; kills++) {
      const enough = turns + 40;
      await expect.poll(() => turns, { interval: 5, timeout: 30_000 }).toBeGreaterThan(enough);
      await server.kill();
      await server.start();
    }
    over.abort();
    await talks;
    const rows = await one.listOutbox({ limit: 100_000 });
    for (let who = 0; who < TALKS; who++) {
      const key = keyOf({ conversation: `c${who}`, channel: `channel-${who % 2}` });
      const count = counts[who] ?? 0;
      expect((await one.read(key))?.session?.revision).toBe(count);
      const own = rows.filter((row) => row.key === key).map(({ id }) => id);
      expect(own.toReversed()).toEqual(Array.from({ length: count }, (_, n) => `${who}-${n + 1}`));
      const said = (await one.readLog(conversationOf(key), { after: -1, limit: 10_000 })).map((e) => e.activity);
      const all = Array.from({ length: count }, (_, n) => [`in ${n + 1}`, `out ${n + 1}`]).flat();
      expect(said).toEqual(all.slice(-said.length));
      expect(said.length).toBe(Math.min(all.length, 500));
      await one.accept(entryOf("last", { key, dedupeKey: `last-${who}` }));
      expect((await leaseOf(one, key)).state.get("flow/sum")).toBe((count * (count + 1)) / 2);
    }
  });
});
