import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { entryOf, KEY, leaseOf, runTurn } from "../../../conformance/session-store/fixtures.ts";
import { makeCertificates } from "../../../test/stand-ins/certificates.ts";
import { hasPostgres, startPostgres } from "../../../test/stand-ins/postgres-server.ts";
import type { PostgresServer } from "../../../test/stand-ins/postgres-server.ts";
import { createTestWorld } from "../../../test/stand-ins/test-world.ts";
import { verifies } from "../../../test/verifies.ts";
import { conversationOf, openPostgresStore } from "../index.ts";
import { postgresFailure, remedyFor } from "./failure.ts";
import { UPGRADES } from "./library.ts";
import { parsePostgresUrl } from "./postgres-url.ts";

const world = createTestWorld();

test("parsePostgresUrl() reads place and login, and TLS always checks", () => {
  expect(parsePostgresUrl("postgres://app:p%40ss@db.example.com:6432/main")).toEqual({
    host: "db.example.com",
    port: 6432,
    database: "main",
    user: "app",
    password: "p@ss",
    tls: undefined,
  });
  expect(parsePostgresUrl("postgresql://[::1]/main")).toMatchObject({ host: "::1", port: 5432, user: "postgres" });
  for (const mode of ["require", "verify-ca", "verify-full"]) {
    expect(parsePostgresUrl(`postgres://db/main?sslmode=${mode}`).tls).toEqual({});
  }
});

test("parsePostgresUrl() refuses other forms without repeating the password", () => {
  for (const [url, why] of [
    ["redis://db/main", "another form"],
    ["postgres://app:hunter2@db", "one database"],
    ["postgres://app:hunter2@db/a/b", "one database"],
    ["postgres://app:hunter2@db/a?sslmode=prefer", "sslmode of"],
    ["postgres://app:hunter2@db/a?sslrootcert=x", "sslrootcert"],
    ["postgres://app:hunter%zz@db/a", "two hex digits"],
  ] as const) {
    expect(() => parsePostgresUrl(url)).toThrow(
      expect.objectContaining({ code: "STORE_URL_INVALID", message: expect.stringContaining(why) as string }),
    );
    expect(() => parsePostgresUrl(url)).not.toThrow(/hunter/);
  }
});

test("failures of the server are told apart by their state, and its words stay behind", () => {
  const said = (code: string): Error => Object.assign(new Error("key (id)=(secret text)"), { severity: "ERROR", code });
  for (const [code, remedy, becomes] of [
    ["40P01", "again", "STORE_UNAVAILABLE"],
    ["57P01", "reconnect", "STORE_UNAVAILABLE"],
    ["25006", "reconnect", "STORE_UNAVAILABLE"],
    ["42883", "install", "STORE_UNAVAILABLE"],
    ["53100", "none", "STORE_READ_ONLY"],
    ["28P01", "none", "STORE_UNAVAILABLE"],
    ["XX001", "none", "STORE_DATA_CORRUPT"],
  ] as const) {
    expect(remedyFor(said(code))).toBe(remedy);
    const failure = postgresFailure(said(code), "Test");
    expect(failure).toMatchObject({ code: becomes });
    expect(`${failure.message} ${String(failure.cause)}`).not.toContain("secret");
  }
  expect(remedyFor(new Error("Connection terminated unexpectedly"))).toBe("reconnect");
});

describe.skipIf(!hasPostgres)("opening a store (skipped where PostgreSQL isn't installed)", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres({ max_connections: "80" });
  });
  afterAll(() => server[Symbol.asyncDispose]());
  const open = (prefix: string, more: object = {}): ReturnType<typeof openPostgresStore> =>
    openPostgresStore({ url: server.url, prefix, world, connections: 2, ...more });

  test("several hosts may make one store at once", async () => {
    verifies("stores.postgres.schema");
    const stores = await Promise.all(Array.from({ length: 6 }, () => open("together")));
    await Promise.all(stores.map((store, n) => store.accept(entryOf(`m${n}`))));
    expect((await stores[0]?.read(KEY))?.unread).toBe(6);
    for (const store of stores) await store[Symbol.asyncDispose]();
  });

  test("stores of different prefixes share nothing", async () => {
    await using one = await open("one");
    await using two = await open("two");
    await one.accept(entryOf("m1"));
    expect(await two.read(KEY)).toBeUndefined();
    await expect(open("No_")).rejects.toThrow(RangeError);
  });

  test("a store of a newer version is refused, and functions that are gone are put back", async () => {
    await using store = await open("versions");
    await runTurn(store);
    const found = await server.sql("SELECT name FROM versions.library");
    await server.sql(`DROP SCHEMA ${String(found[0]?.["name"])} CASCADE`);
    await using again = await open("versions");
    expect((await again.read(KEY))?.session?.revision).toBe(1);
    // And under the feet of a store that is open.
    expect((await store.read(KEY))?.session?.revision).toBe(1);
    await server.sql("UPDATE versions.meta SET version = 99");
    await expect(open("versions")).rejects.toMatchObject({ code: "STORE_SCHEMA_NEWER" });
  });

  test("a store of version 1 is upgraded with the logs that are in it", async () => {
    verifies("stores.postgres.schema");
    const conversation = conversationOf(KEY);
    await server.sql(`CREATE SCHEMA first; SET search_path = first; ${UPGRADES[0]}
      CREATE TABLE meta (version integer NOT NULL); INSERT INTO meta VALUES (1); CREATE TABLE library (name text PRIMARY KEY);
      INSERT INTO conversation (key, log_next, log_ms, touched_hour) VALUES ('${conversation}', 1, ${world.nowMs()}, 0);
      INSERT INTO log VALUES ('${conversation}', 0, '"said"'); RESET search_path`);
    await using store = await open("first", { clock: "world" });
    const indexes = async (): Promise<readonly number[]> =>
      (await store.readLog(conversation, { after: -1, limit: 9 })).map(({ index }) => index);
    expect(await indexes()).toEqual([0]);
    world.advance(1_000);
    await runTurn(store, { log: ["next"], logKeepMs: 2_000 });
    expect(await indexes()).toEqual([0, 1]);
    world.advance(1_000);
    expect(await indexes()).toEqual([1]);
  });

  test("a server that may lose what it acknowledged is refused, unless the operator takes it", async () => {
    verifies("stores.postgres.strict");
    await using weak = await startPostgres({ fsync: "off" });
    const at = { url: weak.url, world, connections: 1 };
    await expect(openPostgresStore(at)).rejects.toMatchObject({
      code: "STORE_DURABILITY_WEAK",
      message: expect.stringContaining('expected fsync "on", got "off"') as string,
    });
    await using taken = await openPostgresStore({ ...at, durability: "relaxed" });
    expect((await taken.accept(entryOf("m1"))).kind).toBe("accepted");
    await server.sql("CREATE ROLE hasty LOGIN SUPERUSER; ALTER ROLE hasty SET synchronous_commit = off");
    await expect(
      open("weak", { url: server.url.replace("postgres:", "x:").replace("x://postgres", "postgres://hasty") }),
    ).rejects.toMatchObject({
      code: "STORE_DURABILITY_WEAK",
      message: expect.stringContaining('synchronous_commit "on" or "remote_apply", got "off"') as string,
    });
  });

  test("a database in another encoding is refused, and one that isn't there is named as such", async () => {
    await server.sql("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
    const at = (database: string): object => ({ url: server.url.replace(/\/postgres$/, `/${database}`) });
    await expect(open("x", at("latin"))).rejects.toMatchObject({ code: "STORE_SERVER_UNFIT" });
    const missing = await open("x", at("missing")).catch(String);
    expect(missing).toContain("there is no such database");
    expect(missing).not.toContain("s3cret");
  });

  test("TLS checks the certificate and its name, and a server that wants it takes nothing else", async () => {
    const { caFile, certFile, keyFile } = makeCertificates();
    await using secure = await startPostgres({}, { tls: { certFile, keyFile } });
    const at = (host: string): object => ({ url: `postgres://${host}:${secure.port}/postgres`, tls: { caFile } });
    await using store = await open("tls", at("localhost"));
    expect((await store.accept(entryOf("m1"))).kind).toBe("accepted");
    const unavailable = { code: "STORE_UNAVAILABLE" };
    await expect(open("tls", at("127.0.0.1"))).rejects.toMatchObject(unavailable);
    const url = `postgres://localhost:${secure.port}/postgres`;
    await expect(open("tls", { url: `${url}?sslmode=require` })).rejects.toMatchObject(unavailable);
    await expect(open("tls", { url })).rejects.toMatchObject(unavailable);
  });

  test("names that hold U+0000 are refused, and change nothing", async () => {
    await using store = await open("nul");
    await store.accept(entryOf("a\u0000b"));
    const lease = await leaseOf(store);
    expect(lease.inbox[0]?.dedupeKey).toBe("a\u0000b");
    const turn = { session: null, consumed: [], timersDone: [], timersNew: [], outbox: [], log: [] };
    const bad = { ...turn, state: [], timersDone: ["a\u0000"] };
    await expect(store.commit(lease, bad)).rejects.toThrow(RangeError);
    expect((await store.read(KEY))?.unread).toBe(1);
  });

  test("numbers rise though the server lost its last ones", async () => {
    await using store = await open("rising");
    await store.accept(entryOf("m1"));
    const before = await leaseOf(store);
    await store.release(before);
    await server.sql("SELECT setval('rising.orders', 1)");
    await using later = await open("rising");
    expect((await leaseOf(later)).fence).toBeGreaterThan(before.fence);
  });
});
