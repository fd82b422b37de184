import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { entryOf, keyOf, leaseOf, turnOf } from "../../../conformance/session-store/fixtures.ts";
import { hasRedis, startRedisCluster, startRedisSentinel } from "../../../test/stand-ins/redis-server.ts";
import { createTestWorld } from "../../../test/stand-ins/test-world.ts";
import { verifies } from "../../../test/verifies.ts";
import type { SessionKeyText } from "../../types/index.ts";
import { openRedisStore } from "../index.ts";
import type { SessionStore } from "../index.ts";

const world = createTestWorld();
const KEYS = Array.from({ length: 8 }, (_, n) => keyOf({ channel: `channel-${n}`, conversation: `c${n}` }));

/** Runs turns of every session until told to stop; a platform's part: what got no answer is delivered again under its name. */
async function talk(store: SessionStore, isOver: () => boolean): Promise<Map<SessionKeyText, number>> {
  const accepted = new Map<SessionKeyText, number>(KEYS.map((key) => [key, 0]));
  const one = async (key: SessionKeyText): Promise<void> => {
    for (let n = 1; !isOver(); n++) {
      await untilTaken(() => store.accept(entryOf(`${n}`, { key })));
      accepted.set(key, n);
      if (n % 3 === 0) await untilTaken(() => turn(store, key));
    }
  };
  await Promise.all(KEYS.map(one));
  return accepted;
}

async function turn(store: SessionStore, key: SessionKeyText): Promise<void> {
  const [lease] = await store.lease("w1", { limit: 1, keys: [key], ttlMs: 200 });
  if (lease === undefined) return;
  try {
    await store.commit(lease, turnOf(lease, { log: lease.inbox.map(({ dedupeKey }) => Number(dedupeKey)) }));
  } catch (error) {
    // Another turn consumed them, or this one did and could not be told so.
    if ((error as { readonly code?: string }).code !== "STORE_FENCE_STALE") throw error;
  }
}

async function untilTaken<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      expect(error).toMatchObject({ kind: expect.stringMatching(/unavailable|conflict/) });
      await sleep(20);
    }
  }
}

/** Every message that was accepted is in the log of a turn or unread; none twice, all in order. */
async function check(store: SessionStore, accepted: ReadonlyMap<SessionKeyText, number>): Promise<void> {
  for (const [key, count] of accepted) {
    const expected = Array.from({ length: count }, (_, n) => n + 1);
    await expect
      .poll(
        async () => {
          await turn(store, key);
          const log = await store.readLog(key.slice(0, key.lastIndexOf(":")), { after: -1, limit: 1_000 });
          return log.map(({ activity }) => activity);
        },
        { timeout: 10_000 },
      )
      .toEqual(expected.slice(-500));
    expect((await store.read(key))?.unread).toBe(0);
    for (const n of [1, count]) expect((await store.accept(entryOf(`${n}`, { key }))).kind).toBe("duplicate");
  }
}

describe.skipIf(!hasRedis)("when a master dies (skipped where Redis isn't installed)", () => {
  test("what was acknowledged is on the replica that sentinels put in its place", { timeout: 90_000 }, async () => {
    verifies("session.redis.failover");
    await using group = await startRedisSentinel();
    await using store = await openRedisStore({ url: group.url, world });
    let isOver = false;
    const talked = talk(store, () => isOver);
    await sleep(300);
    await group.master.kill();
    const next = keyOf({ channel: "after" });
    await untilTaken(() => store.accept(entryOf("after", { key: next })));
    isOver = true;
    await check(store, await talked);
    expect((await leaseOf(store, next)).inbox).toHaveLength(1);
  });

  test(
    "a cluster goes on as soon as its master is back, and the other masters meanwhile",
    { timeout: 90_000 },
    async () => {
      await using cluster = await startRedisCluster();
      await using store = await openRedisStore({ url: cluster.url, world });
      let isOver = false;
      const talked = talk(store, () => isOver);
      for (const node of cluster.nodes) {
        await sleep(200);
        await node.kill();
        await sleep(200);
        await node.start();
      }
      for (const key of KEYS)
        await untilTaken(() =>
          store.accept(entryOf("after", { key: keyOf({ channel: key.split(":")[3] ?? "", conversation: "after" }) })),
        );
      isOver = true;
      await check(store, await talked);
    },
  );

  // An election of the servers' own takes as long as it takes on a busy machine: a run that it never came in is no verdict.
  const election = { timeout: 90_000, retry: 2 };
  test("what was acknowledged is on the replica that its cluster puts in its place", election, async () => {
    verifies("session.redis.failover");
    await using cluster = await startRedisCluster({ replicas: 1 });
    await using store = await openRedisStore({ url: cluster.url, world });
    let isOver = false;
    const talked = talk(store, () => isOver);
    await sleep(300);
    await cluster.nodes[0]?.kill();
    const rolesOfReplicas = async (): Promise<string> =>
      (await Promise.all(cluster.nodes.slice(3).map((node) => node.cli("role")))).join(" ");
    await expect.poll(rolesOfReplicas, { timeout: 30_000 }).toContain("master");
    // The new master has no replica of its own: nothing more is acknowledged in its slots until there is a second disk again.
    await cluster.nodes[0]?.start();
    for (const key of KEYS) {
      await untilTaken(() =>
        store.accept(entryOf("after", { key: keyOf({ channel: key.split(":")[3] ?? "", conversation: "after" }) })),
      );
    }
    isOver = true;
    await check(store, await talked);
    expect((await cluster.nodes[0]?.cli("role"))?.startsWith("slave")).toBe(true);
  });
});
