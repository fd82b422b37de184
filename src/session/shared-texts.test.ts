import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { MemoryRecords, memorySpace } from "../../conformance/memory-space.ts";
import { sharedTextsContract } from "../../conformance/shared-texts.ts";
import { hasPostgres, startPostgres } from "../../test/stand-ins/postgres-server.ts";
import type { PostgresServer } from "../../test/stand-ins/postgres-server.ts";
import { hasRedis, startRedis } from "../../test/stand-ins/redis-server.ts";
import type { RedisServer } from "../../test/stand-ins/redis-server.ts";
import { verifies } from "../../test/verifies.ts";
import { openFileTexts } from "../files/index.ts";
import { openPostgresTexts, openRecordTexts, openRedisTexts } from "./index.ts";

verifies("store.texts");
const root = mkdtempSync(join(tmpdir(), "greentic-texts-"));
sharedTextsContract("a folder", { open: (scope) => Promise.resolve(openFileTexts(join(root, scope))) });

const records = new MemoryRecords();
sharedTextsContract("records", { open: async (scope) => openRecordTexts(memorySpace(records), scope) });

describe.skipIf(!hasRedis)("skipped where Redis isn't installed", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server[Symbol.asyncDispose]());
  sharedTextsContract("Redis", { open: (scope) => openRedisTexts({ url: server.url, scope }) });
});

describe.skipIf(!hasPostgres)("skipped where PostgreSQL isn't installed", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());
  sharedTextsContract("PostgreSQL", { open: (scope) => openPostgresTexts({ url: server.url, scope }) });
});
