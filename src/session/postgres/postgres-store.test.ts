import { afterAll, beforeAll, describe } from "vitest";
import { sessionStoreContract } from "../../../conformance/session-store.ts";
import { hasPostgres, startPostgres } from "../../../test/stand-ins/postgres-server.ts";
import type { PostgresServer } from "../../../test/stand-ins/postgres-server.ts";
import type { World } from "../../types/index.ts";
import { openPostgresStore } from "../index.ts";
import type { SessionStore } from "../index.ts";

const prefixes = new WeakMap<SessionStore, string>();
let serial = 0;
/** The first crashes kill the server; the many others break its connections, as the death of a host does. */
const KILLS = 4;
let kills = 0;

describe.skipIf(!hasPostgres)("one server (skipped where PostgreSQL isn't installed)", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function openAt(prefix: string, world: World): Promise<SessionStore> {
    const store = await openPostgresStore({ url: server.url, prefix, clock: "world", world, connections: 3 });
    prefixes.set(store, prefix);
    return store;
  }

  sessionStoreContract("postgres", {
    open: (world) => openAt(`t${++serial}`, world),
    crash: async (store, world) => {
      if (kills++ < KILLS) {
        await server.kill();
        await server.start();
      } else {
        await server.sql(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL",
        );
      }
      return openAt(prefixes.get(store) ?? "", world);
    },
    holdsOutliveCrash: true,
  });
});
