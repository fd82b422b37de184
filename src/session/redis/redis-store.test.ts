import { afterAll, beforeAll, describe } from "vitest";
import { sessionStoreContract } from "../../../conformance/session-store.ts";
import { hasRedis, startRedis, startRedisCluster } from "../../../test/stand-ins/redis-server.ts";
import type { RedisCluster, RedisServer } from "../../../test/stand-ins/redis-server.ts";
import type { World } from "../../types/index.ts";
import { openRedisStore } from "../index.ts";
import type { SessionStore } from "../index.ts";

const prefixes = new WeakMap<SessionStore, string>();
let serial = 0;

async function openAt(url: string, prefix: string, world: World): Promise<SessionStore> {
  const store = await openRedisStore({ url, prefix, clock: "world", world });
  prefixes.set(store, prefix);
  return store;
}

describe.skipIf(!hasRedis)("one server (skipped where Redis isn't installed)", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  sessionStoreContract("redis", {
    open: (world) => openAt(server.url, `t${++serial}`, world),
    crash: async (store, world) => {
      await server.kill();
      await server.start();
      return openAt(server.url, prefixes.get(store) ?? "", world);
    },
    holdsOutliveCrash: true,
  });
});

describe.skipIf(!hasRedis)("a cluster of three (skipped where Redis isn't installed)", () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  sessionStoreContract("redis cluster", {
    open: (world) => openAt(cluster.url, `t${++serial}`, world),
  });
});
