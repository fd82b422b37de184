import { afterAll, beforeAll, describe } from "vitest";
import { sessionStoreContract } from "../../../conformance/session-store.ts";
import { hasPeers } from "../../../test/peers/load-peer.ts";
import { startLibsql } from "../../../test/stand-ins/libsql-server.ts";
import type { LibsqlServer } from "../../../test/stand-ins/libsql-server.ts";
import { createMachineWorld } from "../../../test/stand-ins/machine-world.ts";
import type { World } from "../../types/index.ts";
import { openRecordStore } from "../records/record-store.ts";
import type { SessionStore } from "../store.ts";
import { openLibsqlSpace } from "./libsql-space.ts";

const sdkDir = new URL("../../../test/peers", import.meta.url).pathname;
const machine = createMachineWorld();
const prefixes = new WeakMap<SessionStore, string>();
let serial = 0;

describe.skipIf(!hasPeers)("one server (skipped where npm run peers has not been run)", () => {
  let server: LibsqlServer;
  beforeAll(async () => {
    server = await startLibsql();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function openAt(prefix: string, world: World): Promise<SessionStore> {
    const space = await openLibsqlSpace({ url: server.url, prefix, sdkDir, world: machine });
    const store = openRecordStore(space, { world, clock: "world" });
    prefixes.set(store, prefix);
    return store;
  }

  sessionStoreContract("libSQL", {
    open: (world) => openAt(`t${++serial}`, world),
    crash: async (store, world) => {
      await server.kill();
      await server.start();
      return openAt(prefixes.get(store) ?? "", world);
    },
    holdsOutliveCrash: true,
  });
});
