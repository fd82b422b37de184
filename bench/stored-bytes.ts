// What it takes to know how much a tenant keeps: a measure of its sessions beside a turn of one of them, of each store in one run.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KEY, keyOf, leaseOf, recordOf, turnOf, entryOf } from "../conformance/session-store/fixtures.ts";
import { openMemoryStore, openPostgresStore, openRedisStore, openSqliteStore } from "../src/session/index.ts";
import type { SessionStore } from "../src/session/index.ts";
import { createMachineWorld } from "../src/runner/index.ts";
import { parseSessionKey } from "../src/types/index.ts";
import { hasPostgres, startPostgres } from "../test/stand-ins/postgres-server.ts";
import { hasRedis, startRedis } from "../test/stand-ins/redis-server.ts";
import type { Row } from "./table.ts";
import { printTable } from "./table.ts";

const SESSIONS = 5_000;
const AT_ONCE = 200;
const MEASURES = 5;
const world = createMachineWorld();
const rows: Row[] = [];

/** One turn that leaves a record of 600 bytes and 1 KiB of state. */
async function turn(store: SessionStore, n: number): Promise<void> {
  const key = keyOf({ conversation: `c${n}` });
  await store.accept(entryOf(`m${n}-${world.monotonicMs()}`, { key }));
  const lease = await leaseOf(store, key);
  const state = [{ key: "flow/kept", value: "x".repeat(1_024) }];
  await store.commit(lease, turnOf(lease, { session: recordOf(1, { snapshot: "y".repeat(400) }), state }));
}

async function best(work: () => Promise<unknown>): Promise<number> {
  let bestMs = Number.POSITIVE_INFINITY;
  for (let n = 0; n < MEASURES; n++) {
    const startedMs = performance.now();
    await work();
    bestMs = Math.min(bestMs, performance.now() - startedMs);
  }
  return bestMs;
}

async function measure(name: string, store: SessionStore): Promise<void> {
  const { env, tenant } = parseSessionKey(KEY);
  for (let n = 0; n < SESSIONS; n += AT_ONCE)
    await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => turn(store, n + i)));
  const turnMs = await best(() => turn(store, 0));
  let bytes = 0;
  const measureMs = await best(async () => {
    bytes = await store.storedBytes({ env, tenant });
  });
  rows.push({
    store: name,
    sessions: SESSIONS,
    MB: Math.round(bytes / 10_000) / 100,
    "measure ms": Math.round(measureMs * 10) / 10,
    "µs a session": Math.round((measureMs * 10_000) / SESSIONS) / 10,
    "of one turn": Math.round((measureMs / turnMs) * 10) / 10,
  });
}

{
  await using store = openMemoryStore(world);
  await measure("memory", store);
}
const dir = mkdtempSync(join(tmpdir(), "greentic-bench-"));
try {
  await using store = await openSqliteStore({ dir, world });
  await measure("SQLite", store);
} finally {
  rmSync(dir, { recursive: true });
}
if (hasRedis) {
  await using server = await startRedis();
  await using store = await openRedisStore({ url: server.url, world });
  await measure("Redis", store);
}
if (hasPostgres) {
  await using server = await startPostgres({ shared_buffers: "128MB" }, { isOnDisk: true });
  await using store = await openPostgresStore({ url: server.url, world });
  await measure("PostgreSQL", store);
}
printTable("How much a tenant keeps", rows);
