import { describe } from "vitest";
import { brokenLinkCases } from "../../../conformance/session-store/broken-links.ts";
import { hasPostgres, startPostgres } from "../../../test/stand-ins/postgres-server.ts";
import { createTestWorld } from "../../../test/stand-ins/test-world.ts";
import { verifies } from "../../../test/verifies.ts";
import { openPostgresStore } from "../index.ts";

const world = createTestWorld();

describe.skipIf(!hasPostgres)("between a store and its server (skipped where PostgreSQL isn't installed)", () => {
  brokenLinkCases({
    start: async () => {
      // What it writes is written by what it is asked.
      const server = await startPostgres({ autovacuum: "off", checkpoint_timeout: "1h", bgwriter_delay: "10s" });
      const open = (port: number, prefix: string): ReturnType<typeof openPostgresStore> =>
        openPostgresStore({ url: `postgres://127.0.0.1:${port}/postgres`, prefix, world, connections: 3 });
      return {
        port: server.port,
        open,
        written: async () => (await server.sql("SELECT pg_current_wal_flush_lsn()::text AS at"))[0]?.["at"],
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
    storm: { resetAfterMs: (n) => 40 + (n % 7) * 20, turns: 12, timeoutMs: 120_000 },
    verify: () => verifies("stores.postgres.again"),
  });
});
