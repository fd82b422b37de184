import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { blobStoreContract, readBlob, sessionOf } from "../../conformance/blob-store.ts";
import { MemoryRecords, memorySpace } from "../../conformance/memory-space.ts";
import { hasPeers } from "../../test/peers/load-peer.ts";
import { AWS_REGION, useAwsKey } from "../../test/stand-ins/aws-key.ts";
import { startDynamo } from "../../test/stand-ins/dynamodb-server.ts";
import type { DynamoServer } from "../../test/stand-ins/dynamodb-server.ts";
import { startLibsql } from "../../test/stand-ins/libsql-server.ts";
import type { LibsqlServer } from "../../test/stand-ins/libsql-server.ts";
import { createMachineWorld } from "../../test/stand-ins/machine-world.ts";
import { verifies } from "../../test/verifies.ts";
import { openDynamoSpace, openLibsqlSpace } from "../session/index.ts";
import { envId, tenantId } from "../types/index.ts";
import { openRecordBlobs } from "./records.ts";
import type { BlobStore } from "./store.ts";

const sdkDir = new URL("../../test/peers", import.meta.url).pathname;
const world = createMachineWorld();
const OPTIONS = { maxBytes: 4 << 20, keepUntilMs: Date.UTC(2100, 0, 1) };
const SCOPE = { env: envId("prod"), tenant: tenantId("acme") };
const places = new WeakMap<BlobStore, string>();
let serial = 0;

async function* once(text: string): AsyncGenerator<Uint8Array, void> {
  yield Buffer.from(text);
}

const shared = new WeakMap<BlobStore, MemoryRecords>();
function openOver(records: MemoryRecords, nowMs = Date.now): BlobStore {
  const store = openRecordBlobs(memorySpace(records, { nowMs }));
  shared.set(store, records);
  return store;
}

blobStoreContract("records", {
  open: async () => openOver(new MemoryRecords()),
  crash: async (store) => openOver(shared.get(store) ?? new MemoryRecords()),
});

describe("files in records", () => {
  test("nothing is left of a file that went", async () => {
    const memory = new MemoryRecords();
    await using store = openOver(memory);
    const { url } = await store.put(sessionOf("acme"), once("x".repeat(600_000)), OPTIONS);
    expect([...memory.records.values()].filter(({ partition }) => partition.startsWith("blob:"))).toHaveLength(3);
    await store.release(sessionOf("acme"), url);
    expect([...memory.records.values()]).toEqual([]);
  });

  test("what a dead process left half written goes after an hour, and what is being written stays", async () => {
    const memory = new MemoryRecords();
    const broken = async function* (): AsyncGenerator<Uint8Array, void> {
      yield Buffer.alloc(300_000);
      // Its process dies: nothing of it is ever heard of again.
      await new Promise(() => undefined);
    };
    let nowMs = Date.now();
    await using store = openOver(memory, () => nowMs);
    void store.put(sessionOf("acme"), broken(), OPTIONS);
    await expect.poll(() => memory.records.size).toBe(2);
    const sweep = (): Promise<number> => store.sweep(nowMs, { isKept: async () => true, extendMs: 1 });
    await sweep();
    expect(memory.records.size).toBe(2);
    nowMs += 3_600_001;
    await sweep();
    expect(memory.records.size).toBe(0);
  });

  test("read() fails where a chunk is gone, so that half a file never looks whole", async () => {
    const memory = new MemoryRecords();
    await using store = openOver(memory);
    const { url } = await store.put(sessionOf("acme"), once("x".repeat(600_000)), OPTIONS);
    const [name = ""] = [...memory.records].find(([, { partition }]) => partition.startsWith("blob:")) ?? [];
    memory.records.delete(name);
    await expect(readBlob(store, SCOPE, url)).rejects.toMatchObject({ code: "BLOB_DAMAGED" });
  });

  test("answers that are lost change nothing of what is kept", async () => {
    verifies("stores.records.files");
    const memory = new MemoryRecords();
    let requests = 0;
    await using store = openRecordBlobs(
      memorySpace(memory, { fault: () => [undefined, "unanswered", "refused"][requests++ % 3] as undefined }),
    );
    const { url } = await store.put(sessionOf("acme"), once("x".repeat(300_000)), OPTIONS);
    await store.claim(sessionOf("acme", "ben"), url, OPTIONS.keepUntilMs);
    expect((await readBlob(store, SCOPE, url))?.byteLength).toBe(300_000);
    await store.release(sessionOf("acme"), url);
    expect(await store.owners(SCOPE, url)).toEqual([sessionOf("acme", "ben")]);
    expect(await store.erase(SCOPE)).toBe(1);
    expect([...memory.records.values()]).toEqual([]);
  });
});

describe.skipIf(!hasPeers)("one server (skipped where npm run peers has not been run)", () => {
  let libsql: LibsqlServer;
  let dynamo: DynamoServer;
  useAwsKey();
  beforeAll(async () => {
    libsql = await startLibsql();
    dynamo = await startDynamo();
  });
  afterAll(async () => {
    await libsql[Symbol.asyncDispose]();
    await dynamo[Symbol.asyncDispose]();
  });

  const openLibsql = async (prefix: string): Promise<BlobStore> => {
    const store = openRecordBlobs(await openLibsqlSpace({ url: libsql.url, prefix, sdkDir, world }));
    places.set(store, prefix);
    return store;
  };
  blobStoreContract("libSQL", {
    open: () => openLibsql(`t${++serial}`),
    crash: async (store) => {
      await libsql.kill();
      await libsql.start();
      return openLibsql(places.get(store) ?? "");
    },
  });

  const openDynamo = async (table: string): Promise<BlobStore> => {
    const place = { table, region: AWS_REGION, endpoint: dynamo.url, sdkDir, world };
    const store = openRecordBlobs(await openDynamoSpace(place));
    places.set(store, table);
    return store;
  };
  blobStoreContract("DynamoDB", {
    open: () => openDynamo(`store-${++serial}`),
    crash: async (store) => {
      dynamo.reset();
      return openDynamo(places.get(store) ?? "");
    },
  });
});
