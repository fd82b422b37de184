import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import type { Config, ConfigFlags, Environment } from "./index.ts";
import { loadConfig, parseBundle, readYaml, withoutLogin } from "./index.ts";

function load(toml: string, environment: Environment = {}, flags: ConfigFlags = {}): Config {
  const cwd = mkdtempSync(join(tmpdir(), "greentic-services-"));
  writeFileSync(join(cwd, "greentic.toml"), toml);
  return loadConfig({ cwd, environment, flags });
}

const REDIS = "redis://:s3cret@redis.example.com:6379";

test("loadConfig() keeps sessions in the Redis that is configured, unless something says otherwise", () => {
  verifies("config.services");
  expect(load("")).toMatchObject({ store: "sqlite", roles: ["gateway", "worker", "egress"] });
  expect(load("").redis).toBeUndefined();
  const redis = `[redis]\nurl = "${REDIS}"\n`;
  expect(load(redis)).toMatchObject({ store: "redis", redis: { url: REDIS, durability: "strict" } });
  expect(load(`${redis}durability = "relaxed"\n`).redis).toEqual({ url: REDIS, durability: "relaxed" });
  expect(load("", { GREENTIC_REDIS_URL: REDIS })).toMatchObject({ store: "redis", redis: { url: REDIS } });
  expect(load(redis, {}, { store: "sqlite" })).toMatchObject({ store: "sqlite" });
  expect(load(redis, {}, { store: "sqlite" }).redis).toBeUndefined();
  expect(load(redis, { GREENTIC_STORE: "memory" })).toMatchObject({ store: "memory" });
  expect(() => load('store = "redis"\n')).toThrow(/redis\.url or GREENTIC_REDIS_URL/);
  expect(() => load("", { GREENTIC_STORE: "mysql" })).toThrow(/sqlite, memory, redis, postgres, libsql, dynamodb/);
  expect(() => load('[redis]\nurl = "x"\ndurability = "mostly"\n')).toThrow(/redis\.durability/);
});

test("loadConfig() keeps sessions in the PostgreSQL that is configured, and asks which where there are two", () => {
  const url = "postgres://app:s3cret@db.example.com/main";
  const postgres = `[postgres]\nurl = "${url}"\n`;
  expect(load(postgres)).toMatchObject({ store: "postgres", postgres: { url, durability: "strict" } });
  expect(load(postgres).redis).toBeUndefined();
  const more = load(`${postgres}durability = "relaxed"\nconnections = 3\nca_file = "ca.pem"\n`);
  expect(more.postgres).toMatchObject({ durability: "relaxed", connections: 3 });
  expect(more.postgres?.tls?.caFile).toMatch(/^\/.*\/ca\.pem$/);
  expect(load("", { GREENTIC_POSTGRES_URL: url })).toMatchObject({ store: "postgres", postgres: { url } });
  expect(load(postgres, {}, { store: "sqlite" }).postgres).toBeUndefined();
  expect(() => load('store = "postgres"\n')).toThrow(/postgres\.url or GREENTIC_POSTGRES_URL/);
  expect(() => load(postgres, { GREENTIC_REDIS_URL: REDIS })).toThrow(/store = "postgres" or "redis"/);
  expect(load(postgres, { GREENTIC_REDIS_URL: REDIS, GREENTIC_STORE: "redis" }).store).toBe("redis");
  expect(() => load(`${postgres}connections = 0\n`)).toThrow(/postgres\.connections/);
});

test("loadConfig() keeps sessions in the libSQL or the DynamoDB that is configured", () => {
  verifies("config.services.records");
  const url = "libsql://db-org.turso.io";
  const libsql = `[libsql]\nurl = "${url}"\n`;
  expect(load(libsql)).toMatchObject({ store: "libsql", libsql: { url } });
  expect(load(`${libsql}token = "s3cret"\nsdk_dir = "sdk"\n`).libsql).toMatchObject({ url, token: "s3cret" });
  expect(load(`${libsql}sdk_dir = "sdk"\n`).libsql?.sdkDir).toMatch(/^\/.*\/sdk$/);
  expect(load("", { GREENTIC_LIBSQL_URL: url, GREENTIC_LIBSQL_TOKEN: "s3cret" })).toMatchObject({
    store: "libsql",
    libsql: { url, token: "s3cret" },
  });
  expect(load(libsql, {}, { store: "sqlite" }).libsql).toBeUndefined();
  expect(() => load('store = "libsql"\n')).toThrow(/libsql\.url or GREENTIC_LIBSQL_URL/);

  const dynamodb = '[dynamodb]\ntable = "greentic"\n';
  expect(load(dynamodb)).toMatchObject({ store: "dynamodb", dynamodb: { table: "greentic", create: true } });
  expect(
    load(`${dynamodb}region = "eu-central-1"\nendpoint = "http://localhost:1"\ncreate = false\n`).dynamodb,
  ).toEqual({
    table: "greentic",
    region: "eu-central-1",
    endpoint: "http://localhost:1",
    create: false,
  });
  expect(load("", { GREENTIC_DYNAMODB_TABLE: "greentic" })).toMatchObject({ store: "dynamodb" });
  expect(() => load('store = "dynamodb"\n')).toThrow(/dynamodb\.table or GREENTIC_DYNAMODB_TABLE/);
  expect(() => load('[dynamodb]\ntable = "a b"\n')).toThrow(/dynamodb\.table/);
  expect(() => load(`${libsql}${dynamodb}`)).toThrow(
    /store = "libsql" or "dynamodb" beside libsql\.url and dynamodb\.table/,
  );
});

test("loadConfig() reads the bus with its credentials, beside the file that names them", () => {
  expect(load("").nats).toBeUndefined();
  const config = load(
    '[nats]\nurl = "tls://nats.example.com"\ncredentials = "bus.creds"\nca_file = "/etc/ca.pem"\ncert_file = "me.pem"\nkey_file = "me.key"\n',
  );
  const { dir } = { dir: config.file?.slice(0, config.file.lastIndexOf("/")) ?? "" };
  expect(config.nats).toEqual({
    url: "tls://nats.example.com",
    credentials: join(dir, "bus.creds"),
    tls: { caFile: "/etc/ca.pem", certFile: join(dir, "me.pem"), keyFile: join(dir, "me.key") },
  });
  expect(load("", { GREENTIC_NATS_URL: "nats://a,nats://b" }).nats).toEqual({ url: "nats://a,nats://b" });
});

test("parseBundle() names the NATS server of a bundle, which counts where nothing else names one", () => {
  const natsOf = (yaml: string): string | undefined => parseBundle(readYaml(yaml, "/b/greentic.demo.yaml")).natsUrl;
  expect(natsOf("services: { nats: { enabled: true, url: nats://bundle:4222 } }")).toBe("nats://bundle:4222");
  expect(natsOf("services: { nats: { enabled: false, url: nats://bundle:4222 } }")).toBeUndefined();
  expect(natsOf("services: { nats: { spawn: { enabled: true } } }")).toBeUndefined();
  expect(natsOf("tenant: demo")).toBeUndefined();
  const flags = { bundleNats: "nats://bundle:4222" };
  expect(load("", {}, flags).nats?.url).toBe("nats://bundle:4222");
  expect(load('[nats]\nurl = "nats://mine"\n', {}, flags).nats?.url).toBe("nats://mine");
});

test("loadConfig() reads what a process does of a host's work", () => {
  expect(load('roles = ["egress"]\n').roles).toEqual(["egress"]);
  expect(load("", { GREENTIC_ROLE: "gateway, worker" }).roles).toEqual(["gateway", "worker"]);
  expect(load("", { GREENTIC_ROLE: "worker" }, { roles: ["gateway"] }).roles).toEqual(["gateway"]);
  expect(() => load("", { GREENTIC_ROLE: "runner" })).toThrow(/gateway, worker, egress/);
  expect(() => load("roles = []\n")).toThrow(/roles/);
});

test("withoutLogin() shows where a server is and not who may use it", () => {
  for (const url of [
    REDIS,
    "redis://user:s3cret@a:1/0",
    "nats://user:s3cret@a:4222,nats://user:s3cret@b:4222",
    "nats://s3cret@a",
    "user:s3cret@a:4222",
    "redis-sentinel://:s3cret@a:1,b:2/main?sentinel-password=s3cret&db=1",
  ]) {
    expect(withoutLogin(url)).not.toContain("s3cret");
    expect(withoutLogin(url)).toMatch(/\*\*\*/);
  }
  expect(withoutLogin("redis://redis.example.com:6379/0")).toBe("redis://redis.example.com:6379/0");
});
