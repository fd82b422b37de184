import { afterAll, beforeAll, describe } from "vitest";
import { sessionStoreContract } from "../../../conformance/session-store.ts";
import { hasRedis, startRedis } from "../../../test/stand-ins/redis-server.ts";
import type { RedisServer } from "../../../test/stand-ins/redis-server.ts";
import type { World } from "../../types/index.ts";
import { openRedisStore } from "../index.ts";
import type { SessionStore } from "../index.ts";

describe.skipIf(!hasRedis)("a Redis server (skipped where none is installed)", () => {
  let server: RedisServer;
  const prefixes = new WeakMap<SessionStore, string>();
  let serial = 0;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function openAt(prefix: string, world: World): Promise<SessionStore> {
    const store = await openRedisStore({ url: server.url, prefix, clock: "world", world });
    prefixes.set(store, prefix);
    return store;
  }

  sessionStoreContract("redis", {
    open: (world) => openAt(`t${++serial}`, world),
    crash: async (store, world) => {
      await server.kill();
      await server.start();
      return openAt(prefixes.get(store) ?? "", world);
    },
    holdsOutliveCrash: true,
  });
});
