import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasRedis, startRedis } from "../../test/stand-ins/redis-server.ts";
import { verifies } from "../../test/verifies.ts";
import { openMemoryStore, openRedisStore, openSqliteStore } from "../session/index.ts";
import type { SessionStore } from "../session/index.ts";
import { envId } from "../types/index.ts";
import { MovedWorld, TENANT } from "./broker-fixture.ts";
import { BrokerKeys } from "./broker-keys.ts";
import { PENDING_TTL_MS, PendingStore } from "./pending-store.ts";

const keys = new BrokerKeys(new Uint8Array(32).fill(5));

const STORES: Readonly<Record<string, (world: MovedWorld) => Promise<SessionStore>>> = {
  memory: async (world) => openMemoryStore(world),
  sqlite: (world) => openSqliteStore({ dir: mkdtempSync(join(tmpdir(), "greentic-pending-")), world, reserveBytes: 0 }),
};

async function taken(world: MovedWorld, store: SessionStore): Promise<void> {
  const options = { env: envId("test"), world, store, keys };
  const one = new PendingStore(options);
  const two = new PendingStore(options);
  const id = await one.put(TENANT, { hello: "there" });
  expect(await two.peek(id)).toEqual({ hello: "there" });
  expect(JSON.stringify(await store.list({}))).not.toMatch(/hello|there/);
  const takes = await Promise.all(Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? one : two).take(id)));
  expect(takes.filter((value) => value !== undefined)).toEqual([{ hello: "there" }]);
  expect(await two.peek(id)).toBeUndefined();
  expect(await two.take(id)).toBeUndefined();
  // Nothing is left that a worker would find.
  expect(await store.list({})).toEqual([]);
  const late = await one.put(TENANT, {});
  world.aheadMs += PENDING_TTL_MS;
  expect(await one.take(late)).toBeUndefined();
}

describe("a pending consent is taken once, by whichever process", () => {
  test.each(Object.entries(STORES))("over %s", async (_name, open) => {
    verifies("oauth.state");
    const world = new MovedWorld();
    await using store = await open(world);
    await taken(world, store);
  });

  test.skipIf(!hasRedis)("over redis", async () => {
    verifies("oauth.state");
    const world = new MovedWorld();
    await using server = await startRedis();
    await using store = await openRedisStore({ url: server.url, world, clock: "world" });
    await taken(world, store);
  });
});
