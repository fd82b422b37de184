import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { recordSpaceContract } from "../../../conformance/record-space.ts";
import { hasPeers } from "../../../test/peers/load-peer.ts";
import { startLibsql } from "../../../test/stand-ins/libsql-server.ts";
import type { LibsqlServer } from "../../../test/stand-ins/libsql-server.ts";
import { createMachineWorld } from "../../../test/stand-ins/machine-world.ts";
import { verifies } from "../../../test/verifies.ts";
import type { RecordSpace } from "../records/space.ts";
import { openLibsqlSpace } from "./libsql-space.ts";

const sdkDir = new URL("../../../test/peers", import.meta.url).pathname;
const world = createMachineWorld();
const token = "a-token-that-nobody-reads";
const prefixes = new WeakMap<RecordSpace, string>();
let serial = 0;

describe.skipIf(!hasPeers)("libSQL (skipped where npm run peers has not been run)", () => {
  let server: LibsqlServer;
  beforeAll(async () => {
    server = await startLibsql({ token });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function openAt(prefix: string): Promise<RecordSpace> {
    const space = await openLibsqlSpace({ url: server.url, token, prefix, sdkDir, world });
    prefixes.set(space, prefix);
    return space;
  }

  test("keeps what another process finds", async () => {
    verifies("stores.records.space", "stores.turso");
    await using space = await openAt(`t${++serial}`);
    expect(await space.write([{ partition: "p", sort: "a", body: "1" }], "first")).toBe(true);
    await using another = await openAt(prefixes.get(space) ?? "");
    expect((await another.get([{ partition: "p", sort: "a" }]))[0]).toMatchObject({ version: "first", body: "1" });
  });

  recordSpaceContract("libSQL", {
    open: () => openAt(`t${++serial}`),
    again: (space) => openAt(prefixes.get(space) ?? ""),
    clockMs: 50,
  });
});
