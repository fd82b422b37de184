import { afterAll, beforeAll, describe } from "vitest";
import { sessionStoreContract } from "../../../conformance/session-store.ts";
import { hasPeers } from "../../../test/peers/load-peer.ts";
import { AWS_REGION, useAwsKey } from "../../../test/stand-ins/aws-key.ts";
import { startDynamo } from "../../../test/stand-ins/dynamodb-server.ts";
import type { DynamoServer } from "../../../test/stand-ins/dynamodb-server.ts";
import { createMachineWorld } from "../../../test/stand-ins/machine-world.ts";
import type { World } from "../../types/index.ts";
import { openRecordStore } from "../records/record-store.ts";
import type { SessionStore } from "../store.ts";
import { openDynamoSpace } from "./dynamodb-space.ts";

const sdkDir = new URL("../../../test/peers", import.meta.url).pathname;
const machine = createMachineWorld();
const tables = new WeakMap<SessionStore, string>();
let serial = 0;

// Dynalite takes milliseconds for each record.
describe.skipIf(!hasPeers)("one service (skipped where npm run peers has not been run)", { timeout: 180_000 }, () => {
  let server: DynamoServer;
  useAwsKey();
  beforeAll(async () => {
    server = await startDynamo();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function openAt(table: string, world: World): Promise<SessionStore> {
    const place = { table, region: AWS_REGION, endpoint: server.url, sdkDir, world: machine };
    const store = openRecordStore(await openDynamoSpace(place), { world, clock: "world" });
    tables.set(store, table);
    return store;
  }

  sessionStoreContract("DynamoDB", {
    open: (world) => openAt(`store-${++serial}`, world),
    // The service doesn't die with a host: a host's death ends its connections.
    crash: (store, world) => {
      server.reset();
      return openAt(tables.get(store) ?? "", world);
    },
    holdsOutliveCrash: true,
  });
});
