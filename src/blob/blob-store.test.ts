import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { blobStoreContract, readBlob, sessionOf } from "../../conformance/blob-store.ts";
import { verifies } from "../../test/verifies.ts";
import { hasPostgres, startPostgres } from "../../test/stand-ins/postgres-server.ts";
import type { PostgresServer } from "../../test/stand-ins/postgres-server.ts";
import { hasRedis, startRedis, startRedisCluster } from "../../test/stand-ins/redis-server.ts";
import type { RedisCluster, RedisServer } from "../../test/stand-ins/redis-server.ts";
import { envId, tenantId } from "../types/index.ts";
import { openDirectoryBlobs, openMemoryBlobs, openPostgresBlobs, openRedisBlobs } from "./index.ts";
import type { BlobStore } from "./index.ts";

const OPTIONS = { maxBytes: 64 << 20, keepUntilMs: Date.UTC(2100, 0, 1) };
const scope = { env: envId("prod"), tenant: tenantId("acme") };
const places = new WeakMap<BlobStore, string>();
const dirs: string[] = [];
let serial = 0;

function openAt(dir: string): BlobStore {
  const store = openDirectoryBlobs(dir);
  places.set(store, dir);
  return store;
}

function newDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "greentic-blobs-"));
  dirs.push(dir);
  return dir;
}

afterAll(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
});

async function* once(text: string): AsyncGenerator<Uint8Array, void> {
  yield Buffer.from(text);
}

verifies("attachments.store", "attachments.tenant", "attachments.erase", "attachments.retention");
blobStoreContract("memory", { open: async () => openMemoryBlobs() });
blobStoreContract("directory", {
  open: async () => openAt(newDir()),
  crash: async (store) => openAt(places.get(store) ?? ""),
});

describe.skipIf(!hasPostgres)("one PostgreSQL (skipped where it isn't installed)", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server[Symbol.asyncDispose]());
  const open = async (prefix: string): Promise<BlobStore> => {
    const store = await openPostgresBlobs({ url: server.url, prefix });
    places.set(store, prefix);
    return store;
  };

  blobStoreContract("postgres", {
    open: () => open(`t${++serial}`),
    crash: async (store) => {
      await server.kill();
      await server.start();
      return open(places.get(store) ?? "");
    },
  });

  test("nothing is left of a file that went", async () => {
    await using store = await open("ends");
    const { url } = await store.put(sessionOf("acme"), once("x".repeat(600_000)), OPTIONS);
    const count = async (): Promise<unknown> =>
      (await server.sql("SELECT count(*)::integer AS n FROM ends.blob_chunk"))[0]?.["n"];
    expect(await count()).toBe(3);
    await store.release(sessionOf("acme"), url);
    expect(await count()).toBe(0);
  });
});

describe.skipIf(!hasRedis)("one server (skipped where Redis isn't installed)", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server[Symbol.asyncDispose]());
  const open = async (prefix: string): Promise<BlobStore> => {
    const store = await openRedisBlobs({ url: server.url, prefix });
    places.set(store, prefix);
    return store;
  };

  blobStoreContract("redis", {
    open: () => open(`t${++serial}`),
    crash: async (store) => {
      await server.kill();
      await server.start();
      return open(places.get(store) ?? "");
    },
  });

  test("every key of a file ends by itself, and none is left of one that went", async () => {
    await using store = await open("ends");
    const { url } = await store.put(sessionOf("acme"), once("x".repeat(600_000)), OPTIONS);
    const keys = (await server.cli("--raw", "KEYS", "ends:blob:*")).trim().split("\n");
    expect(keys).toHaveLength(4);
    for (const key of keys) {
      const endsMs = Number((await server.cli("--raw", "PEXPIRETIME", key)).trim());
      expect(endsMs).toBe(OPTIONS.keepUntilMs + 7 * 86_400_000);
    }
    await store.release(sessionOf("acme"), url);
    expect((await server.cli("--raw", "KEYS", "ends:blob:*")).trim()).toBe("");
  });

  test("read() fails where a chunk is gone, so that half a file never looks whole", async () => {
    await using store = await open("gone");
    const { url } = await store.put(sessionOf("acme"), once("x".repeat(600_000)), OPTIONS);
    const [chunk = ""] = (await server.cli("--raw", "KEYS", "gone:blob:*:1")).trim().split("\n");
    await server.cli("DEL", chunk);
    await expect(readBlob(store, scope, url)).rejects.toMatchObject({ code: "BLOB_DAMAGED" });
  });
});

describe.skipIf(!hasRedis)("a cluster of three (skipped where Redis isn't installed)", () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  blobStoreContract("redis cluster", { open: () => openRedisBlobs({ url: cluster.url, prefix: `t${++serial}` }) });
});

describe("openDirectoryBlobs()", () => {
  const filesIn = (dir: string): string[] =>
    readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));

  test("lets nobody else on the machine read a file", async () => {
    const dir = newDir();
    await using store = openDirectoryBlobs(dir);
    await store.put(sessionOf("acme"), once("private"), OPTIONS);
    expect(filesIn(dir)).toHaveLength(2);
    for (const path of filesIn(dir)) expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("read() fails at the end of content that isn't what was kept", async () => {
    const dir = newDir();
    await using store = openDirectoryBlobs(dir);
    const { url } = await store.put(sessionOf("acme"), once("whole"), OPTIONS);
    const path = filesIn(dir).find((name) => name.endsWith(url.slice(5))) ?? "";
    truncateSync(path, 3);
    await expect(readBlob(store, scope, url)).rejects.toMatchObject({ code: "BLOB_DAMAGED" });
    rmSync(path);
    await expect(readBlob(store, scope, url)).rejects.toMatchObject({ code: "BLOB_DAMAGED" });
  });

  test("a sweep takes what a crash left half written, once nobody can be writing it any more", async () => {
    const dir = newDir();
    await using store = openDirectoryBlobs(dir);
    await store.put(sessionOf("acme"), once("whole"), OPTIONS);
    const folder = join(dir, "prod", "acme", "00");
    for (const name of ["old.part", "young.part"]) writeFileSync(join(folder, name), "half");
    utimesSync(join(folder, "old.part"), 1, 1);
    await store.sweep(0, { isKept: async () => true, extendMs: 1 });
    expect(readdirSync(folder).filter((name) => name.endsWith(".part"))).toEqual(["young.part"]);
  });

  test("put() says of a disk that takes nothing what it is", async () => {
    const dir = newDir();
    writeFileSync(join(dir, "prod"), "in the way");
    await using store = openDirectoryBlobs(dir);
    await expect(store.put(sessionOf("acme"), once("x"), OPTIONS)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });
});
