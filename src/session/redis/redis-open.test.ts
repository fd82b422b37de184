import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { entryOf, KEY, keyOf, leaseOf, rowOf, turnOf } from "../../../conformance/session-store/fixtures.ts";
import { hasRedis, startRedis, startRedisCluster } from "../../../test/stand-ins/redis-server.ts";
import type { RedisServer } from "../../../test/stand-ins/redis-server.ts";
import { freePort, hasServer } from "../../../test/stand-ins/server-program.ts";
import { createTestWorld } from "../../../test/stand-ins/test-world.ts";
import { verifies } from "../../../test/verifies.ts";
import { envId, tenantId } from "../../types/index.ts";
import { openRedisStore } from "../index.ts";
import type { SessionStore } from "../index.ts";
import { parseRedisUrl } from "./redis-url.ts";
import { SHARD_TAGS } from "./shards.ts";

// Its clock stands still: whatever time passes in these tests is the server's.
const world = createTestWorld();
const SECRET = "p@ss:wörd/1";
const OPENSSL = "openssl";
const LOG = ["--appendonly", "yes", "--save", ""];

test("parseRedisUrl() reads servers, sentinels and clusters", () => {
  expect(parseRedisUrl("redis://localhost")).toMatchObject({
    kind: "single",
    hosts: [{ host: "localhost", port: 6379 }],
    db: 0,
    isTls: false,
    password: undefined,
  });
  const secret = encodeURIComponent(SECRET);
  expect(parseRedisUrl(`rediss://app:${secret}@redis.example.com:6380/3`)).toMatchObject({
    kind: "single",
    hosts: [{ host: "redis.example.com", port: 6380 }],
    db: 3,
    isTls: true,
    username: "app",
    password: SECRET,
  });
  expect(parseRedisUrl(`redis-sentinel://:${secret}@s1,s2:26380/main?db=2&sentinel-password=x`)).toMatchObject({
    kind: "sentinel",
    hosts: [
      { host: "s1", port: 26379 },
      { host: "s2", port: 26380 },
    ],
    master: "main",
    db: 2,
    username: undefined,
    password: SECRET,
    sentinelPassword: "x",
  });
  expect(parseRedisUrl("rediss-cluster://[::1]:7000,n2:7001")).toMatchObject({
    kind: "cluster",
    hosts: [
      { host: "::1", port: 7000 },
      { host: "n2", port: 7001 },
    ],
    isTls: true,
  });
});

test("parseRedisUrl() refuses what it can't mean, without repeating it", () => {
  const wrong = [
    "",
    "localhost:6379",
    "http://hunter2@localhost",
    "redis://",
    "redis://:hunter2@a,b",
    "redis://:hunter2@a/x",
    "redis://:hunter2@a:70000",
    "redis://:hunter2%@a",
    "redis-sentinel://:hunter2@a:26379",
    "redis-cluster://:hunter2@a/1",
    "redis-other://:hunter2@a",
    "redis://:hunter2@a b",
  ];
  for (const url of wrong) {
    expect(() => parseRedisUrl(url)).toThrow(
      expect.objectContaining({ code: "STORE_URL_INVALID", message: expect.not.stringContaining("hunter2") }),
    );
  }
});

describe.skipIf(!hasRedis)("openRedisStore() (skipped where Redis isn't installed)", () => {
  test("refuses a server that may lose what it acknowledged, unless it is told to take it", async () => {
    verifies("session.redis.strict");
    for (const [args, state] of [
      [["--appendonly", "no", "--save", ""], 'expected appendonly "yes", got "no"'],
      [[...LOG, "--appendfsync", "everysec"], 'expected appendfsync "always", got "everysec"'],
      // No settings to be read, and a Redis of before WAITAOF; with it the server would be asked after each write.
      [[...LOG, "--appendfsync", "everysec", "--rename-command", "CONFIG", ""], "its settings can't be read"],
    ] as const) {
      await using server = await startRedis(args);
      await expect(openRedisStore({ url: server.url, world })).rejects.toMatchObject({
        code: "STORE_DURABILITY_WEAK",
        message: expect.stringContaining(state),
        help: expect.stringContaining("relaxed"),
      });
      await using store = await openRedisStore({ url: server.url, world, durability: "relaxed" });
      expect((await store.accept(entryOf("m1"))).kind).toBe("accepted");
    }
  });

  test("refuses a server that evicts keys, and one without the replicas that are asked for", async () => {
    await using evicting = await startRedis([...LOG, "--appendfsync", "always", "--maxmemory-policy", "allkeys-lru"]);
    const unfit = { code: "STORE_SERVER_UNFIT", message: expect.stringContaining('"allkeys-lru"') };
    await expect(openRedisStore({ url: evicting.url, world })).rejects.toMatchObject(unfit);
    await expect(openRedisStore({ url: evicting.url, world, durability: "relaxed" })).rejects.toMatchObject(unfit);
    await using alone = await startRedis();
    await expect(openRedisStore({ url: alone.url, world, replicas: 1 })).rejects.toMatchObject({
      code: "STORE_DURABILITY_WEAK",
      message: expect.stringContaining("expected 1 replica(s) that keep up, got 0"),
    });
  });

  test("says that a server can't be reached or refuses the user, and never what the user or a message said", async () => {
    await using server = await startRedis();
    await server.cli("config", "set", "requirepass", SECRET);
    const of = (password: string): string => `redis://:${encodeURIComponent(password)}@127.0.0.1:${server.port}`;
    const failures = [
      await openRedisStore({ url: of("wrong-hunter2"), world }).catch((error: unknown) => error),
      await openRedisStore({ url: "redis://:hunter2@127.0.0.1:1", world }).catch((error: unknown) => error),
    ];
    const options = { url: of(SECRET), world, prefix: "texts" };
    await using store = await openRedisStore(options);
    // A key of another program in the way makes the server quote what it was asked.
    await server.cli("-a", SECRET, "set", `texts:{${SHARD_TAGS[0]}}:i:${KEY}`, "x");
    failures.push(await store.accept(entryOf("hunter2")).catch((error: unknown) => error));
    const codes = ["STORE_UNAVAILABLE", "STORE_UNAVAILABLE", "STORE_DATA_CORRUPT"];
    for (const [n, failure] of failures.entries()) {
      expect(failure).toMatchObject({ code: codes[n] });
      expect(inspect(failure, { depth: 9, showHidden: true })).not.toMatch(/hunter2|ss:w/);
    }
  });

  test("a full server is read-only until there is room again", async () => {
    await using server = await startRedis([...LOG, "--appendfsync", "always"]);
    await using store = await openRedisStore({ url: server.url, world });
    await store.accept(entryOf("m1"));
    await server.cli("config", "set", "maxmemory", "1mb");
    await expect(store.accept(entryOf("m2"))).rejects.toMatchObject({ code: "STORE_READ_ONLY" });
    expect((await store.read(KEY))?.unread).toBe(1);
    await server.cli("config", "set", "maxmemory", "0");
    expect((await store.accept(entryOf("m2"))).kind).toBe("accepted");
  });

  test("loads its functions again where they were flushed", async () => {
    await using server = await startRedis();
    await using store = await openRedisStore({ url: server.url, world });
    await store.accept(entryOf("m1"));
    await server.cli("function", "flush");
    expect((await store.accept(entryOf("m1"))).kind).toBe("duplicate");
  });
});

describe.skipIf(!hasRedis)("stores over one server (skipped where Redis isn't installed)", () => {
  let server: RedisServer;
  let serial = 0;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function openTwo(): Promise<AsyncDisposable & { readonly a: SessionStore; readonly b: SessionStore }> {
    const options = { url: server.url, prefix: `p${++serial}`, world };
    const [a, b] = await Promise.all([openRedisStore(options), openRedisStore(options)]);
    return {
      a,
      b,
      async [Symbol.asyncDispose]() {
        await Promise.all([a[Symbol.asyncDispose](), b[Symbol.asyncDispose]()]);
      },
    };
  }

  test("share messages, leases, sends, letters and paces", async () => {
    await using stores = await openTwo();
    const { a, b } = stores;
    const kinds = (await Promise.all([a, b, a, b].map((store) => store.accept(entryOf("m1"))))).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === "accepted")).toHaveLength(1);
    const leases = await Promise.all([a.lease("a", { limit: 1 }), b.lease("b", { limit: 1 })]);
    expect(leases.flat()).toHaveLength(1);
    const [lease] = leases.flat();
    if (lease === undefined) throw new Error("expected a lease");
    // Whoever holds the lease may commit wherever it is connected.
    await b.commit(lease, turnOf(lease, { outbox: [rowOf("r1")], state: [{ key: "flow/a", value: 1 }] }));
    const rows = await Promise.all([a.claimSends("a", { limit: 1 }), b.claimSends("b", { limit: 1 })]);
    expect(rows.flat()).toHaveLength(1);
    const rate = { capacity: 3, perSecond: 0.001 };
    const waits = await Promise.all([a, b, a, b, a].map((store) => store.takeTokens("bot 1", rate)));
    expect(waits.filter((wait) => wait === 0)).toHaveLength(3);
    expect(await b.stats()).toEqual(await a.stats());
  });

  test("see leases and claims end by the server's clock, whatever their own clocks say", async () => {
    await using stores = await openTwo();
    const { a, b } = stores;
    const beforeMs = Date.now();
    await a.accept(entryOf("m1", { receivedAtMs: beforeMs + 86_400_000 }));
    const [old] = await a.lease("a", { limit: 1, ttlMs: 60 });
    if (old === undefined) throw new Error("expected a lease");
    const arrivedMs = old.inbox[0]?.receivedAtMs ?? 0;
    expect([arrivedMs >= beforeMs - 1, arrivedMs <= Date.now() + 1]).toEqual([true, true]);
    const takenOver = await untilSome(() => b.lease("b", { limit: 1, ttlMs: 60_000 }));
    expect(takenOver).toMatchObject({ worker: "b", attempt: 1 });
    expect(takenOver.fence).toBeGreaterThan(old.fence);
    await expect(a.commit(old, turnOf(old))).rejects.toMatchObject({ code: "STORE_FENCE_STALE" });
    await b.commit(takenOver, turnOf(takenOver, { outbox: [rowOf("r1")] }));
    const [row] = await a.claimSends("a", { limit: 1, ttlMs: 60 });
    if (row === undefined) throw new Error("expected a row");
    await a.beginSend(row, "a");
    expect(await untilSome(() => b.claimSends("b", { limit: 1 }))).toMatchObject({
      status: "unknown",
      wasUnknown: true,
    });
    await expect(a.endSend(row, "a", { kind: "sent" })).rejects.toMatchObject({ code: "STORE_CLAIM_LOST" });
    const timersNew = [{ onceKey: "t", dueAtMs: Date.now() + 50, payload: 1 }];
    await b.accept(entryOf("m2"));
    const lease = await leaseOf(b);
    await b.commit(lease, turnOf(lease, { timersNew }));
    expect((await untilSome(() => a.lease("a", { limit: 1 }))).timers).toEqual(timersNew);
  });

  test("don't wait for a lease or claim of a time that the server's clock was set back from", async () => {
    await using stores = await openTwo();
    const { a, b } = stores;
    await a.accept(entryOf("m1"));
    const first = await leaseOf(a);
    await a.commit(first, turnOf(first, { outbox: [rowOf("r1")] }));
    await a.accept(entryOf("m2"));
    const old = await leaseOf(a);
    const [row] = await a.claimSends("a", { limit: 1 });
    if (row === undefined) throw new Error("expected a row");
    await a.beginSend(row, "a");
    expect(await b.lease("b", { limit: 1 })).toEqual([]);
    expect(await b.claimSends("b", { limit: 1 })).toEqual([]);
    // Nobody can set a test server's clock; what it wrote is moved into the future instead.
    const base = `p${serial}:{${SHARD_TAGS[0]}}`;
    const laterMs = Date.now() + 86_400_000;
    await server.cli("set", base, String(laterMs * 125));
    await server.cli("hset", `${base}:s:${KEY}`, "u", String(laterMs + 30_000), "h", String(laterMs));
    await server.cli("zadd", `${base}:held`, String(laterMs + 30_000), KEY);
    const conversation = KEY.slice(0, KEY.lastIndexOf(":"));
    await server.cli("hset", `${base}:c:${conversation}`, "h", String(laterMs));
    await server.cli("zadd", `${base}:claimed`, String(laterMs + 60_000), conversation);
    const [lease] = await b.lease("b", { limit: 1 });
    expect(lease?.fence).toBeGreaterThan(old.fence);
    await expect(a.commit(old, turnOf(old))).rejects.toMatchObject({ code: "STORE_FENCE_STALE" });
    expect(await b.claimSends("b", { limit: 1 })).toMatchObject([{ id: "r1", status: "unknown" }]);
  });

  test("list more sessions than one request brings, in order and of one tenant where asked", async () => {
    await using stores = await openTwo();
    const { a } = stores;
    const keys = Array.from({ length: 900 }, (_, n) =>
      keyOf({ env: n % 2 === 0 ? "dev" : "prod", tenant: n % 3 === 0 ? "globex" : "acme", conversation: `c${n}` }),
    );
    await Promise.all(keys.map((key, n) => a.accept(entryOf(`m${n}`, { key }))));
    const listed = async (filter: Parameters<typeof a.list>[0]): Promise<string[]> =>
      (await a.list(filter)).map(({ key }) => key);
    expect(await listed({ limit: 2_000 })).toEqual(keys.toSorted());
    const acme = keys.filter((key) => key.includes(":acme:")).sort();
    expect(await listed({ limit: 2_000, tenant: tenantId("acme") })).toEqual(acme);
    expect(await listed({ limit: 500, tenant: tenantId("acme") })).toEqual(acme.slice(0, 500));
  });

  test("keep prefixes apart, and fill paces again with the server's time", async () => {
    await using one = await openTwo();
    await using other = await openTwo();
    await one.a.accept(entryOf("m1"));
    expect((await other.a.accept(entryOf("m1"))).kind).toBe("accepted");
    const rate = { capacity: 1, perSecond: 20 };
    expect(await one.a.takeTokens("b", rate)).toBe(0);
    const wait = await one.b.takeTokens("b", rate);
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(50);
    expect(await other.a.takeTokens("b", rate)).toBe(0);
    await sleep(wait);
    await expect.poll(() => one.b.takeTokens("b", rate)).toBe(0);
    await expect(one.a.takeTokens("b", rate, 2)).rejects.toThrow(RangeError);
  });

  async function untilSome<T>(ask: () => Promise<readonly T[]>): Promise<T> {
    for (;;) {
      const [first] = await ask();
      if (first !== undefined) return first;
      await sleep(10);
    }
  }
});

describe.skipIf(!hasRedis)("what a store leaves in the server (skipped where Redis isn't installed)", () => {
  test("all keys of a channel lie in its shard, and shards in sixteen even parts of the slots", async () => {
    verifies("session.redis.slots");
    await using cluster = await startRedisCluster();
    await using store = await openRedisStore({ url: cluster.url, world });
    const tenants = Array.from({ length: 40 }, (_, n) => keyOf({ tenant: `tenant-${n}`, user: "ü{1}" }));
    for (const key of tenants) {
      await store.accept(entryOf("m{1}", { key, log: "hello" }));
      const lease = await leaseOf(store, key);
      await store.record(lease, { turn: 1, seq: 0, node: "n", inputHash: "h", outcome: 1 });
      const changes = { outbox: [rowOf(key)], state: [{ key: "flow/a", value: 1 }], journal: 1 };
      await store.commit(lease, turnOf(lease, { ...changes, timersNew: [{ onceKey: "t", dueAtMs: 1, payload: 1 }] }));
    }
    const kept = await Promise.all(cluster.nodes.map((node) => node.cli("keys", "*")));
    const keys = kept.flatMap((text) => text.trim().split("\n"));
    // Each node holds its share, a third of the shards.
    expect(kept.every((text) => text.includes("tenant-"))).toBe(true);
    const shards = new Set<string>();
    for (const tenant of tenants.map((key) => key.split(":")[1] ?? "")) {
      const own = keys.filter((key) => key.includes(`:${tenant}:`));
      expect(own.length).toBeGreaterThanOrEqual(5);
      const tags = new Set(own.map((key) => key.slice(0, key.indexOf("}"))));
      expect(tags.size).toBe(1);
      for (const tag of tags) shards.add(tag);
    }
    expect(shards.size).toBeGreaterThan(12);
    for (const [n, tag] of SHARD_TAGS.entries()) {
      const slot = Number(await cluster.nodes[0]?.cli("cluster", "keyslot", `greentic:{${tag}}`));
      expect(Math.floor(slot / 1_024)).toBe(n);
      expect(slot % 1_024).toBeGreaterThan(256);
      expect(slot % 1_024).toBeLessThan(768);
    }
  });

  test("a user with the documented rights can do all of it, and no other key can be reached", async () => {
    await using server = await startRedis();
    const page = readFileSync(new URL("../../../docs/scale-out.md", import.meta.url), "utf8");
    const line = /^ACL SETUSER greentic .*$/m.exec(page)?.[0] ?? "";
    expect(await server.cli(...line.split(" "))).toContain("OK");
    const url = `redis://greentic:password@127.0.0.1:${server.port}`;
    await using store = await openRedisStore({ url, world });
    await store.accept(entryOf("m1", { log: 1 }));
    const lease = await leaseOf(store);
    await store.commit(lease, turnOf(lease, { outbox: [rowOf("r1")] }));
    await store.sweep(world.nowMs());
    expect(await store.takeTokens("b", { capacity: 1, perSecond: 1 })).toBe(0);
    expect(await store.stats()).toMatchObject({ queued: 1, sessions: 1 });
    const whose = { env: envId("prod"), tenant: tenantId("acme") };
    expect(await store.erase(whose)).toEqual({ sessions: 1, deadLetters: 0, rows: 1, logs: 1 });
    await expect(
      openRedisStore({ url, world, prefix: "other" }).then((other) => other.accept(entryOf("m1"))),
    ).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
  });

  test.skipIf(!hasServer(OPENSSL))("rediss:// speaks TLS with a server that the machine trusts", async () => {
    const dir = mkdtempSync(join(tmpdir(), "greentic-tls-"));
    const [key, certificate] = [join(dir, "key.pem"), join(dir, "certificate.pem")];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    const made = [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "2",
      ...subject,
    ];
    expect(spawnSync(OPENSSL, [...made, "-keyout", key, "-out", certificate]).status).toBe(0);
    const port = await freePort();
    const tls = [
      "--tls-port",
      String(port),
      "--tls-cert-file",
      certificate,
      "--tls-key-file",
      key,
      "--tls-auth-clients",
      "no",
    ];
    await using _server = await startRedis([...LOG, "--appendfsync", "always", ...tls]);
    const program = `
      import { openRedisStore } from ${JSON.stringify(new URL("../index.ts", import.meta.url).href)};
      const world = { nowMs: Date.now, monotonicMs: () => performance.now() };
      const store = await openRedisStore({ url: "rediss://localhost:${port}", world });
      console.log(JSON.stringify(await store.stats()));
      await store[Symbol.asyncDispose]();`;
    const run = (trusted: Record<string, string>): string =>
      spawnSync(process.execPath, ["--input-type=module", "-e", program], {
        env: { PATH: process.env["PATH"], ...trusted },
        encoding: "utf8",
      }).stdout;
    expect(run({ NODE_EXTRA_CA_CERTS: certificate })).toContain('"unread":0');
    expect(run({})).toBe("");
    rmSync(dir, { recursive: true });
  });
});
