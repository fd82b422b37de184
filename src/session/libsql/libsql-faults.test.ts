import { describe } from "vitest";
import { brokenLinkCases } from "../../../conformance/session-store/broken-links.ts";
import { hasPeers } from "../../../test/peers/load-peer.ts";
import { startLibsql } from "../../../test/stand-ins/libsql-server.ts";
import { createMachineWorld } from "../../../test/stand-ins/machine-world.ts";
import { verifies } from "../../../test/verifies.ts";
import { openLibsqlStore } from "../index.ts";
import type { SessionStore } from "../index.ts";

const sdkDir = new URL("../../../test/peers", import.meta.url).pathname;
const world = createMachineWorld();

describe.skipIf(!hasPeers)("between a store and libSQL (skipped where npm run peers has not been run)", () => {
  brokenLinkCases({
    start: async () => {
      const server = await startLibsql();
      const open = (port: number, prefix: string): Promise<SessionStore> =>
        openLibsqlStore({ url: `http://127.0.0.1:${port}`, prefix, sdkDir, world });
      return {
        port: server.port,
        open,
        written: () => Promise.resolve(server.commits),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
    storm: { resetAfterMs: (n) => 60 + (n % 7) * 40, turns: 8, timeoutMs: 120_000 },
    verify: () => verifies("stores.libsql.again"),
  });
});
