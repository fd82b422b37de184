import { describe } from "vitest";
import { brokenLinkCases } from "../../../conformance/session-store/broken-links.ts";
import { hasRedis, startRedis } from "../../../test/stand-ins/redis-server.ts";
import { createTestWorld } from "../../../test/stand-ins/test-world.ts";
import { verifies } from "../../../test/verifies.ts";
import { openRedisStore } from "../index.ts";

const world = createTestWorld();

describe.skipIf(!hasRedis)("between a store and its server (skipped where Redis isn't installed)", () => {
  brokenLinkCases({
    start: async () => {
      const server = await startRedis();
      return {
        port: server.port,
        open: (port, prefix) => openRedisStore({ url: `redis://127.0.0.1:${port}`, prefix, world }),
        written: async () => /cmdstat_fcall:calls=(\d+)/.exec(await server.cli("info", "commandstats"))?.[1],
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
    storm: { resetAfterMs: (n) => 15 + (n % 7) * 10, turns: 25, timeoutMs: 60_000 },
    verify: () => verifies("session.redis"),
  });
});
