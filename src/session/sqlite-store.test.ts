import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, expect, test } from "vitest";
import { sessionStoreContract } from "../../conformance/session-store.ts";
import { entryOf, KEY, keyOf, leaseOf, ManualWorld, rowOf, runTurn } from "../../conformance/session-store/fixtures.ts";
import { verifies } from "../../test/verifies.ts";
import { openSqliteStore } from "./index.ts";
import type { SessionStore } from "./index.ts";

// In memory where there is such a place: these tests are about what is written, and the flushes of some hundred stores take minutes.
const root = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "greentic-store-"));
afterAll(() => rmSync(root, { recursive: true }));
const newDir = (): string => mkdtempSync(join(root, "store-"));
const dirs = new WeakMap<SessionStore, string>();
const world = new ManualWorld();

async function openIn(dir: string, world: ManualWorld, damage: unknown[] = []): Promise<SessionStore> {
  const onDamage = (error: unknown): void => void damage.push(error);
  const store = await openSqliteStore({ dir, world, reserveBytes: 0, onDamage });
  dirs.set(store, dir);
  return store;
}

sessionStoreContract("sqlite", {
  open: (world) => openIn(newDir(), world as ManualWorld),
  // A copy of the files while the store is open is what a process that was killed leaves behind.
  crash: (store, world) => {
    const dir = newDir();
    cpSync(dirs.get(store) ?? "", dir, { recursive: true });
    return openIn(dir, world as ManualWorld);
  },
});

test("openSqliteStore() finds what was there when it was closed, and keeps its directory to its owner", async () => {
  verifies("session.durable", "session.cursor", "state.flow-data", "response.persist");
  const dir = join(newDir(), "deep", "er");
  {
    await using store = await openIn(dir, world);
    await runTurn(store, { state: [{ key: "flow/a", value: 1 }], outbox: [rowOf("r1")] });
    expect(store.isDurable).toBe(true);
  }
  expect(statSync(dir).mode & 0o777).toBe(0o700);
  await using store = await openIn(dir, world);
  await store.accept(entryOf("m1"));
  const lease = await leaseOf(store);
  expect(lease.session).toMatchObject({ revision: 1, cursor: { flow: "main", node: "ask" }, waitReason: "reply" });
  expect(lease.state).toEqual(new Map([["flow/a", 1]]));
  expect((await store.claimSends("s1", { limit: 9 })).map(({ id }) => id)).toEqual(["r1"]);
});

test("openSqliteStore() refuses a second opener while the first is alive", async () => {
  const dir = newDir();
  const first = await openIn(dir, world);
  await expect(openIn(dir, world)).rejects.toMatchObject({
    code: "STORE_UNAVAILABLE",
    message: expect.stringMatching(/^Open session store ".*sessions\.db": another process has it open$/),
    help: expect.stringContaining("no other process"),
  });
  expect((await first.accept(entryOf("m1"))).kind).toBe("accepted");
  await first[Symbol.asyncDispose]();
  await using second = await openIn(dir, world);
  expect((await second.read(KEY))?.unread).toBe(1);
});

test("openSqliteStore() refuses the schema of a newer version and leaves it alone", async () => {
  const dir = newDir();
  await (await openIn(dir, world))[Symbol.asyncDispose]();
  const file = join(dir, "sessions.db");
  const db = new DatabaseSync(file);
  db.exec("PRAGMA user_version=99");
  db.close();
  const before = readFileSync(file);
  await expect(openIn(dir, world)).rejects.toMatchObject({
    code: "STORE_SCHEMA_NEWER",
    message: expect.stringMatching(/expected schema version 3 or older, got 99$/),
  });
  expect(readFileSync(file).equals(before)).toBe(true);
});

test("openSqliteStore() refuses files that are not its own", async () => {
  const garbage = newDir();
  writeFileSync(join(garbage, "sessions.db"), "this is no database, whatever its name says\n".repeat(200));
  await expect(openIn(garbage, world)).rejects.toMatchObject({ code: "STORE_DATA_CORRUPT" });
  const foreign = newDir();
  const db = new DatabaseSync(join(foreign, "sessions.db"));
  db.exec("CREATE TABLE session (id)");
  db.close();
  await expect(openIn(foreign, world)).rejects.toMatchObject({ code: "STORE_DATA_CORRUPT" });
});

test("openSqliteStore() names the table that a file of its own version lacks", async () => {
  const dir = newDir();
  await (await openIn(dir, world))[Symbol.asyncDispose]();
  const db = new DatabaseSync(join(dir, "sessions.db"));
  db.exec("DROP TABLE answer");
  db.close();
  await expect(openIn(dir, world)).rejects.toMatchObject({
    code: "STORE_DATA_CORRUPT",
    message: expect.stringContaining('table "answer" is missing'),
  });
});

test("openSqliteStore() says what is wrong with a place that can't be written", async () => {
  const file = join(newDir(), "file");
  writeFileSync(file, "");
  await expect(openIn(join(file, "dir"), world)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
});

test.skipIf(process.getuid?.() === 0)("openSqliteStore() refuses a read-only directory", async () => {
  const dir = newDir();
  mkdirSync(join(dir, "sub"));
  chmodSync(join(dir, "sub"), 0o500);
  await expect(openIn(join(dir, "sub"), world)).rejects.toMatchObject({ kind: "unavailable" });
});

test("a torn write-ahead log loses its torn end and nothing else without a word", { timeout: 120_000 }, async () => {
  const dir = newDir();
  const torn = newDir();
  const count = 30;
  {
    await using store = await openIn(dir, world);
    for (let n = 1; n <= count; n++) await runTurn(store, { log: [n], state: [{ key: "flow/n", value: n }] });
    cpSync(dir, torn, { recursive: true });
  }
  const wal = readFileSync(join(torn, "sessions.db-wal"));
  const revisions: number[] = [];
  const silent: string[] = [];
  const cuts = [
    0,
    100,
    4_120,
    20_000,
    100_000,
    ...Array.from({ length: 8 }, (_, n) => Math.floor((wal.length * (n + 1)) / 9)),
  ];
  for (const cut of cuts) {
    for (const damage of ["cut", "zero", "flip"] as const) {
      const copy = newDir();
      cpSync(torn, copy, { recursive: true });
      const at = Math.max(0, wal.length - cut - 1);
      const bytes = Buffer.from(damage === "cut" ? wal.subarray(0, at) : wal);
      if (damage === "zero") bytes.fill(0, at);
      if (damage === "flip") bytes[at] = (bytes[at] ?? 0) ^ 0x10;
      writeFileSync(join(copy, "sessions.db-wal"), bytes);
      const told: unknown[] = [];
      await using store = await openIn(copy, world, told);
      const revision = (await store.read(KEY))?.session?.revision ?? 0;
      // A whole prefix of the turns: record, log and outbox agree.
      const log = await store.readLog(KEY.slice(0, KEY.lastIndexOf(":")), { after: -1, limit: 99 });
      expect(log.map(({ activity }) => activity)).toEqual(Array.from({ length: revision }, (_, n) => n + 1));
      revisions.push(revision);
      // More than the one transaction at the end went with a bit in the middle: not without a word.
      if (damage === "flip" && revision < count - 1 && told.length === 0) silent.push(`${cut}: ${revision}`);
      if (damage !== "flip") expect(told).toEqual([]);
      // And it goes on from there.
      await runTurn(store, {}, keyOf({ conversation: "next" }));
    }
  }
  expect(silent).toEqual([]);
  expect(Math.max(...revisions)).toBeGreaterThanOrEqual(count - 1);
  expect(Math.min(...revisions)).toBeLessThan(count - 1);
});
