import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { hasPeers } from "../../../test/peers/load-peer.ts";
import { AWS_REGION, useAwsKey } from "../../../test/stand-ins/aws-key.ts";
import { startDynamo } from "../../../test/stand-ins/dynamodb-server.ts";
import type { DynamoServer } from "../../../test/stand-ins/dynamodb-server.ts";
import { openFaultProxy } from "../../../test/stand-ins/fault-proxy.ts";
import { createMachineWorld } from "../../../test/stand-ins/machine-world.ts";
import { verifies } from "../../../test/verifies.ts";
import { ServerClock } from "../server-clock.ts";
import { isUnavailable } from "../records/records.ts";
import type { RecordSpace } from "../records/space.ts";
import { createDynamoClient } from "./client.ts";
import type { Fields } from "./client.ts";
import { openDynamoSpace } from "./dynamodb-space.ts";

const sdkDir = new URL("../../../test/peers", import.meta.url).pathname;
const world = createMachineWorld();
const UNAVAILABLE = { code: "STORE_UNAVAILABLE" };
const KEY = { partition: "p", sort: "a" };

describe.skipIf(!hasPeers)("DynamoDB (skipped where npm run peers has not been run)", () => {
  let server: DynamoServer;
  useAwsKey();
  beforeAll(async () => {
    server = await startDynamo();
  });
  afterEach(() => {
    Object.assign(server, { throttled: 0, failing: undefined, batchKeys: 100 });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const place = (): { readonly region: string; readonly endpoint: string; readonly sdkDir: string } => {
    return { region: AWS_REGION, endpoint: server.url, sdkDir };
  };
  const open = (table: string, options: object = {}): Promise<RecordSpace> =>
    openDynamoSpace({ ...place(), table, world, ...options });
  /** Asks the service as any other client may. */
  const ask = async (command: "CreateTable" | "DescribeTable", input: Fields): Promise<Fields> => {
    const client = await createDynamoClient({ ...place(), world }, new ServerClock(world));
    return client.send(command, input, AbortSignal.timeout(5_000)).finally(() => client.close());
  };

  /** What a table is tagged with; the client that hosts load isn't asked for this. */
  const tagsOf = async (ResourceArn: string): Promise<unknown> => {
    const response = await fetch(server.url, {
      method: "POST",
      headers: {
        "x-amz-target": "DynamoDB_20120810.ListTagsOfResource",
        "x-amz-date": "20260101T000000Z",
        authorization: "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=f",
      },
      body: JSON.stringify({ ResourceArn }),
    });
    return ((await response.json()) as Fields)["Tags"];
  };

  test("hosts that start at once make one table, billed by use", async () => {
    verifies("stores.dynamodb.table");
    const before = server.asked.length;
    const spaces = await Promise.all(
      Array.from({ length: 4 }, () => open("together", { tags: { "greentic-env": "prod" } })),
    );
    expect(server.asked.slice(before)).toContain("CreateTable");
    const { Table } = await ask("DescribeTable", { TableName: "together" });
    expect(Table).toMatchObject({ BillingModeSummary: { BillingMode: "PAY_PER_REQUEST" } });
    expect(await tagsOf(String((Table as Fields)["TableArn"]))).toEqual([{ Key: "greentic-env", Value: "prod" }]);
    const won = await Promise.all(
      spaces.map((space, n) => space.write([{ ...KEY, body: `${n}`, expected: null }], `first-${n}`)),
    );
    expect(won.filter(Boolean)).toHaveLength(1);
    for (const space of spaces) await space[Symbol.asyncDispose]();
    await expect(spaces[0]?.get([KEY])).rejects.toMatchObject(UNAVAILABLE);
  });

  test("a table that is missing is left to who may make it, and one of other keys is refused", async () => {
    verifies("stores.dynamodb.table");
    const before = server.asked.length;
    await expect(open("missing", { create: false })).rejects.toMatchObject(UNAVAILABLE);
    expect(server.asked.slice(before)).not.toContain("CreateTable");
    await ask("CreateTable", {
      TableName: "foreign",
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
      KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
      BillingMode: "PAY_PER_REQUEST",
    });
    await expect(open("foreign")).rejects.toMatchObject({ code: "STORE_SERVER_UNFIT" });
  });

  test("what is throttled or left unprocessed is asked for again", async () => {
    verifies("stores.dynamodb.busy");
    await using space = await open("busy");
    const sorts = Array.from({ length: 25 }, (_, n) => `s${n}`);
    server.throttled = 2;
    expect(
      await space.write(
        sorts.map((sort) => ({ partition: "p", sort, body: sort })),
        "many",
      ),
    ).toBe(true);
    server.throttled = 2;
    server.batchKeys = 7;
    const found = await space.get([...sorts, "s1", "none"].map((sort) => ({ partition: "p", sort })));
    expect(found.map((record) => record?.body)).toEqual([...sorts, "s1", undefined]);
    server.throttled = 2;
    expect(await space.scan({ partition: "p", limit: 99 })).toHaveLength(25);
    expect(server.throttled).toBe(0);
  });

  test(
    "a service that has no time for long is told as away, and so is one that fails",
    { timeout: 30_000 },
    async () => {
      await using space = await open("failing");
      server.throttled = Number.MAX_SAFE_INTEGER;
      await expect(space.get([KEY])).rejects.toMatchObject(UNAVAILABLE);
      server.throttled = 0;
      server.failing = 500;
      await expect(space.write([{ ...KEY, body: "1" }], "w")).rejects.toMatchObject(UNAVAILABLE);
      server.failing = undefined;
      expect(await space.get([KEY])).toEqual([undefined]);
    },
  );

  test("transactions that meet at a record are both done, one after the other", async () => {
    verifies("stores.dynamodb.busy");
    await using space = await open("meeting");
    const before = server.asked.filter((action) => action === "TransactWriteItems").length;
    const writes = Array.from({ length: 5 }, (_, n) =>
      space.write(
        [
          { ...KEY, body: `${n}` },
          { partition: "p", sort: `own${n}`, body: "x" },
        ],
        `meet-${n}`,
      ),
    );
    expect(await Promise.all(writes)).toEqual([true, true, true, true, true]);
    expect(await space.scan({ partition: "p", after: "own", limit: 9 })).toHaveLength(5);
    // Some were told of a conflict and came again.
    expect(server.asked.filter((action) => action === "TransactWriteItems").length).toBeGreaterThan(before + 5);
  });

  test("a write whose answer was lost is done once", async () => {
    verifies("stores.dynamodb.again");
    await using proxy = await openFaultProxy(server);
    await using near = await open("lost");
    await using far = await open("lost", { endpoint: `http://127.0.0.1:${proxy.port}` });
    const changes = [{ ...KEY, body: "mine", expected: null }];
    const before = server.writes;
    proxy.set({ kind: "unanswered" });
    const asked = far.write(changes, "lost-1").catch((error: unknown) => error);
    await expect.poll(() => server.writes).toBe(before + 1);
    proxy.set({ kind: "none" });
    expect(await asked).toSatisfy((answer) => answer === true || isUnavailable(answer));
    expect(await near.write([{ ...KEY, body: null }], "other")).toBe(true);
    // Its condition would hold again.
    expect(await far.write(changes, "lost-1")).toBe(true);
    expect(await near.get([KEY])).toEqual([undefined]);
  });

  test("names that the service takes for none are refused before they are sent", async () => {
    await using space = await open("names");
    for (const key of [
      { partition: "", sort: "a" },
      { partition: "p", sort: "" },
      { partition: "p", sort: "x".repeat(1_025) },
      { partition: "x".repeat(2_049), sort: "a" },
    ])
      await expect(space.write([{ ...key, body: "1" }], "w")).rejects.toThrow(RangeError);
    const longest = { partition: "x".repeat(2_048), sort: "x".repeat(1_024) };
    expect(await space.write([{ ...longest, body: "1" }], "longest")).toBe(true);
    expect((await space.get([longest]))[0]?.body).toBe("1");
  });

  test("no message tells the key, whoever refuses it", async () => {
    server.failing = 403;
    const refused: unknown = await open("secret").catch((error: unknown) => error);
    expect(refused).toMatchObject(UNAVAILABLE);
    expect(String(refused)).not.toContain(process.env["AWS_SECRET_ACCESS_KEY"]);
  });
});
