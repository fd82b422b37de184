import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { recordSpaceContract } from "../../../conformance/record-space.ts";
import { hasPeers } from "../../../test/peers/load-peer.ts";
import { AWS_REGION, useAwsKey } from "../../../test/stand-ins/aws-key.ts";
import { startDynamo } from "../../../test/stand-ins/dynamodb-server.ts";
import type { DynamoServer } from "../../../test/stand-ins/dynamodb-server.ts";
import { createMachineWorld } from "../../../test/stand-ins/machine-world.ts";
import { verifies } from "../../../test/verifies.ts";
import type { RecordSpace } from "../records/space.ts";
import { openDynamoSpace } from "./dynamodb-space.ts";

const sdkDir = new URL("../../../test/peers", import.meta.url).pathname;
const world = createMachineWorld();
const tables = new WeakMap<RecordSpace, string>();
let serial = 0;

describe.skipIf(!hasPeers)("DynamoDB (skipped where npm run peers has not been run)", () => {
  let server: DynamoServer;
  useAwsKey();
  beforeAll(async () => {
    server = await startDynamo();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function openAt(table: string): Promise<RecordSpace> {
    const space = await openDynamoSpace({ table, region: AWS_REGION, endpoint: server.url, sdkDir, world });
    tables.set(space, table);
    return space;
  }

  test("keeps what another process finds", async () => {
    verifies("stores.records.space", "stores.dynamodb");
    await using space = await openAt(`store-${++serial}`);
    expect(await space.write([{ partition: "p", sort: "a", body: "1" }], "another")).toBe(true);
    await using another = await openAt(tables.get(space) ?? "");
    expect((await another.get([{ partition: "p", sort: "a" }]))[0]).toMatchObject({ version: "another", body: "1" });
  });

  recordSpaceContract("DynamoDB", {
    open: () => openAt(`store-${++serial}`),
    again: (space) => openAt(tables.get(space) ?? ""),
    clockMs: 1_000,
  });
});
