import { GreenticError, quote } from "../types/index.ts";
import type { JsonObject, JsonValue } from "../types/index.ts";

/** Which backend keeps conversations. */
export type StoreName = "sqlite" | "memory" | "redis" | "postgres";
/** What a process of the host does. */
export type RoleName = "gateway" | "worker" | "egress";

/** A Redis that processes share as their store. */
export interface RedisConfig {
  /** May hold a password: never printed. */
  readonly url: string;
  /** `strict` refuses a server that may lose what it acknowledged; `relaxed` takes any. */
  readonly durability: "strict" | "relaxed";
}

/** A PostgreSQL database that processes share as their store. Paths are absolute. */
export interface PostgresConfig {
  /** May hold a password: never printed. */
  readonly url: string;
  /** `strict` refuses a server that may lose what it acknowledged; `relaxed` takes any. */
  readonly durability: "strict" | "relaxed";
  /** How many connections a process opens at most. */
  readonly connections?: number;
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
}

/** A NATS that processes share as their bus. Paths are absolute. */
export interface NatsConfig {
  /** May hold a password: never printed. */
  readonly url: string;
  /** A `.creds` file. */
  readonly credentials?: string;
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
}

/** Store, bus and what this process does with them. */
export interface ServicesConfig {
  readonly store: StoreName;
  /** Present where the store is in Redis. */
  readonly redis?: RedisConfig;
  /** Present where the store is in PostgreSQL. */
  readonly postgres?: PostgresConfig;
  readonly nats?: NatsConfig;
  readonly roles: readonly RoleName[];
  /** 32 bytes that sign WebChat's tokens, the same for every gateway; absolute. Default one of the data directory. */
  readonly tokenKeyFile?: string;
  /** The same as a text of the environment, where there are no files to mount: never printed. */
  readonly tokenKey?: string;
}

const STORES = ["sqlite", "memory", "redis", "postgres"] as const;
const ROLES = ["gateway", "worker", "egress"] as const;

type PickValue = <T>(
  key: string,
  read: {
    flag?: T | undefined;
    variable?: string;
    fromText?: (text: string) => T;
    file?: JsonValue | undefined;
    fallback: T;
  },
) => T;

/** Reads store, bus and roles: a Redis or PostgreSQL that is configured is the store unless something says otherwise. @throws CONFIG_VALUE_INVALID, CONFIG_ENV_INVALID */
export function readServices(
  {
    root,
    pick,
    path,
  }: { readonly root: JsonObject; readonly pick: PickValue; readonly path: (file: string) => string },
  flags: {
    readonly store?: StoreName | undefined;
    readonly roles?: readonly RoleName[] | undefined;
    readonly bundleNats?: string | undefined;
  },
): ServicesConfig {
  const redis = (root["redis"] ?? {}) as JsonObject;
  const nats = (root["nats"] ?? {}) as JsonObject;
  const server = (root["server"] ?? {}) as JsonObject;
  const redisUrl = pick<string | undefined>("redis.url", {
    variable: "GREENTIC_REDIS_URL",
    file: redis["url"],
    fallback: undefined,
  });
  const postgres = (root["postgres"] ?? {}) as JsonObject;
  const postgresUrl = pick<string | undefined>("postgres.url", {
    variable: "GREENTIC_POSTGRES_URL",
    file: postgres["url"],
    fallback: undefined,
  });
  const named = [postgresUrl !== undefined && "postgres", redisUrl !== undefined && "redis"] as const;
  const [fallback = "sqlite", another] = named.filter((name) => name !== false);
  const store = pick<StoreName | undefined>("store", {
    flag: flags.store,
    variable: "GREENTIC_STORE",
    fromText: storeNamed,
    file: root["store"],
    fallback: another === undefined ? fallback : undefined,
  });
  if (store === undefined)
    throw new GreenticError(
      "CONFIG_VALUE_INVALID",
      `Read store: expected store = "${fallback}" or "${another}" beside redis.url and postgres.url, got none`,
    );
  if (store === "redis" && redisUrl === undefined)
    throw new GreenticError(
      "CONFIG_VALUE_INVALID",
      'Read store: expected redis.url or GREENTIC_REDIS_URL beside store "redis", got neither',
    );
  if (store === "postgres" && postgresUrl === undefined)
    throw new GreenticError(
      "CONFIG_VALUE_INVALID",
      'Read store: expected postgres.url or GREENTIC_POSTGRES_URL beside store "postgres", got neither',
    );
  const natsUrl = pick<string | undefined>("nats.url", {
    variable: "GREENTIC_NATS_URL",
    file: nats["url"],
    fallback: flags.bundleNats,
  });
  const durability = pick("redis.durability", { file: redis["durability"], fallback: "strict" as const });
  const connections = pick<number | undefined>("postgres.connections", {
    file: postgres["connections"],
    fallback: undefined,
  });
  const tokenKey = pick<string | undefined>("server.token_key_file", {
    variable: "GREENTIC_TOKEN_KEY_FILE",
    file: server["token_key_file"],
    fallback: undefined,
  });
  const tokenKeyText = pick<string | undefined>("server.token_key", {
    variable: "GREENTIC_TOKEN_KEY",
    fallback: undefined,
  });
  return {
    store,
    ...(tokenKeyText !== undefined && { tokenKey: tokenKeyText }),
    ...(store === "redis" && redisUrl !== undefined && { redis: { url: redisUrl, durability } }),
    ...(store === "postgres" &&
      postgresUrl !== undefined && {
        postgres: {
          url: postgresUrl,
          durability: pick("postgres.durability", { file: postgres["durability"], fallback: "strict" as const }),
          ...(connections !== undefined && { connections }),
          ...readTls(postgres, path),
        },
      }),
    ...(natsUrl !== undefined && { nats: { url: natsUrl, ...readLogin(nats, path) } }),
    roles: pick("roles", {
      flag: flags.roles,
      variable: "GREENTIC_ROLE",
      fromText: parseRoles,
      file: root["roles"],
      fallback: ROLES,
    }),
    ...(tokenKey !== undefined && { tokenKeyFile: path(tokenKey) }),
  };
}

/** Reads `gateway,worker`. @throws RangeError */
export function parseRoles(text: string): readonly RoleName[] {
  const names = text.split(",").map((name) => name.trim());
  return [
    ...new Set(
      names.map((name) => {
        const role = ROLES.find((known) => known === name);
        if (role === undefined) throw new RangeError(`expected roles of ${ROLES.join(", ")}, got ${quote(name)}`);
        return role;
      }),
    ),
  ];
}

/** Reads a store's name. @throws RangeError */
export function storeNamed(text: string): StoreName {
  const store = STORES.find((known) => known === text);
  if (store === undefined) throw new RangeError(`expected one of ${STORES.join(", ")}, got ${quote(text)}`);
  return store;
}

/** Takes user and password out of a URL, so that it can be shown. */
export function withoutLogin(url: string): string {
  return url.replaceAll(/(^|,|:\/\/)[^/?#,@]*@/g, "$1***@").replaceAll(/([?&][\w-]*password=)[^&#]*/g, "$1***");
}

function readLogin(nats: JsonObject, path: (file: string) => string): Omit<NatsConfig, "url"> {
  const { credentials } = nats;
  return { ...(typeof credentials === "string" && { credentials: path(credentials) }), ...readTls(nats, path) };
}

function readTls(section: JsonObject, path: (file: string) => string): Pick<NatsConfig, "tls"> {
  const file = (key: string): string | undefined => {
    const value = section[key];
    return typeof value === "string" ? path(value) : undefined;
  };
  const [caFile, certFile, keyFile] = ["ca_file", "cert_file", "key_file"].map(file);
  const tls = { ...(caFile && { caFile }), ...(certFile && { certFile }), ...(keyFile && { keyFile }) };
  return Object.keys(tls).length > 0 ? { tls } : {};
}
