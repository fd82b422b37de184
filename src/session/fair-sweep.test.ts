import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { entryOf, keyOf, ManualWorld } from "../../conformance/session-store/fixtures.ts";
import { hasPostgres, startPostgres } from "../../test/stand-ins/postgres-server.ts";
import type { PostgresServer } from "../../test/stand-ins/postgres-server.ts";
import { hasRedis, startRedis, startRedisCluster } from "../../test/stand-ins/redis-server.ts";
import type { RedisCluster, RedisServer } from "../../test/stand-ins/redis-server.ts";
import { verifies } from "../../test/verifies.ts";
import { openPostgresStore, openRedisStore } from "./index.ts";
import type { SessionStore } from "./index.ts";

/** Sessions that wait, a tenant's all before the next one's. */
async function crowd(store: SessionStore, tenants: Readonly<Record<string, number>>): Promise<void> {
  for (const [tenant, count] of Object.entries(tenants))
    await Promise.all(
      Array.from({ length: count }, (_, n) => {
        const key = keyOf({ tenant, conversation: `c${n}` });
        return store.accept(entryOf(`${tenant}-${n}`, { key }));
      }),
    );
}

async function foundBy(store: SessionStore): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const key of (await store.sweep(new ManualWorld().nowMs())).sessions) {
    const tenant = key.split(":")[1] ?? "";
    counts[tenant] = (counts[tenant] ?? 0) + 1;
  }
  return counts;
}

function finds(open: () => Promise<SessionStore>): void {
  test("sweep() finds whoever waits behind another tenant's crowd", { timeout: 60_000 }, async () => {
    verifies("quota.fair");
    await using store = await open();
    await crowd(store, { greedy: 1_600, quiet: 3 });
    expect(await foundBy(store)).toEqual({ greedy: 997, quiet: 3 });
    await crowd(store, { other: 700 });
    // A store may look at another part of what is behind each time.
    await expect
      .poll(() => foundBy(store), { interval: 7, timeout: 20_000 })
      .toMatchObject({ quiet: 3, other: expect.any(Number) as number });
  });
}

describe.skipIf(!hasRedis)("skipped where Redis isn't installed", () => {
  let server: RedisServer;
  let cluster: RedisCluster;
  beforeAll(async () => {
    server = await startRedis();
    cluster = await startRedisCluster();
  }, 60_000);
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
  });
  describe("Redis", () => finds(() => openRedisStore({ url: server.url, world: new ManualWorld() })));

  test("a crowd in one shard hides nobody in another", { timeout: 60_000 }, async () => {
    verifies("quota.fair");
    await using store = await openRedisStore({ url: cluster.url, world: new ManualWorld() });
    await crowd(store, { greedy: 4_000, quiet: 12 });
    await expect.poll(async () => (await foundBy(store))["quiet"], { interval: 7, timeout: 20_000 }).toBe(12);
  });
});

describe.skipIf(!hasPostgres)("skipped where PostgreSQL isn't installed", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());
  describe("PostgreSQL", () => finds(() => openPostgresStore({ url: server.url, world: new ManualWorld() })));
});
