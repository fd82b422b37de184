import { GreenticError, quote } from "../types/index.ts";
import type { JsonObject, JsonValue } from "../types/index.ts";

/** Which backend keeps conversations. */
export type StoreName = "sqlite" | "memory" | "redis" | "postgres" | "libsql" | "dynamodb";
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

/** A libSQL database, Turso's or of a server of one's own, that processes share as their store. Paths are absolute. */
export interface LibsqlConfig {
  readonly url: string;
  /** What the server knows the host by: never printed. */
  readonly token?: string;
  /** Where `@libsql/client` is installed, if not beside the host. */
  readonly sdkDir?: string;
}

/** A table of DynamoDB that processes share as their store. Paths are absolute. */
export interface DynamoConfig {
  readonly table: string;
  /** Without it, the SDK's own. */
  readonly region?: string;
  readonly endpoint?: string;
  /** Whether the table is made where it is missing. */
  readonly create: boolean;
  /** Where `@aws-sdk/client-dynamodb` is installed, if not beside the host. */
  readonly sdkDir?: string;
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
  /** Present where the store is in libSQL. */
  readonly libsql?: LibsqlConfig;
  /** Present where the store is in DynamoDB. */
  readonly dynamodb?: DynamoConfig;
  readonly nats?: NatsConfig;
  readonly roles: readonly RoleName[];
  /** 32 bytes that sign WebChat's tokens, the same for every gateway; absolute. Default one of the data directory. */
  readonly tokenKeyFile?: string;
  /** The same as a text of the environment, where there are no files to mount: never printed. */
  readonly tokenKey?: string;
}

const STORES = ["sqlite", "memory", "redis", "postgres", "libsql", "dynamodb"] as const;
/** What names the place of a store that processes share: a key of the file, and a variable. */
const SHARED = {
  postgres: { key: "url", variable: "GREENTIC_POSTGRES_URL" },
  redis: { key: "url", variable: "GREENTIC_REDIS_URL" },
  libsql: { key: "url", variable: "GREENTIC_LIBSQL_URL" },
  dynamodb: { key: "table", variable: "GREENTIC_DYNAMODB_TABLE" },
} as const;
type SharedName = keyof typeof SHARED;
const SHARED_NAMES = Object.keys(SHARED) as readonly SharedName[];
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

/** Reads store, bus and roles: a place that processes can share is the store unless something says otherwise. @throws CONFIG_VALUE_INVALID, CONFIG_ENV_INVALID */
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
  const section = (name: string): JsonObject => (root[name] ?? {}) as JsonObject;
  const nats = section("nats");
  const server = section("server");
  const places = new Map<StoreName, string>();
  for (const name of SHARED_NAMES) {
    const { key, variable } = SHARED[name];
    const file = section(name)[key];
    const place = pick<string | undefined>(`${name}.${key}`, { variable, file, fallback: undefined });
    if (place !== undefined) places.set(name, place);
  }
  const [fallback = "sqlite", another] = places.keys();
  const store = pick<StoreName | undefined>("store", {
    flag: flags.store,
    variable: "GREENTIC_STORE",
    fromText: storeNamed,
    file: root["store"],
    fallback: another === undefined ? fallback : undefined,
  });
  if (store === undefined) {
    const named = SHARED_NAMES.filter((name) => places.has(name));
    const keys = named.map((name) => `${name}.${SHARED[name].key}`).join(" and ");
    throw new GreenticError(
      "CONFIG_VALUE_INVALID",
      `Read store: expected store = ${named.map((name) => `"${name}"`).join(" or ")} beside ${keys}, got none`,
    );
  }
  const shared = SHARED_NAMES.find((name) => name === store);
  const place = places.get(store);
  if (shared !== undefined && place === undefined)
    throw new GreenticError(
      "CONFIG_VALUE_INVALID",
      `Read store: expected ${shared}.${SHARED[shared].key} or ${SHARED[shared].variable} beside store "${shared}", got neither`,
    );
  const natsUrl = pick<string | undefined>("nats.url", {
    variable: "GREENTIC_NATS_URL",
    file: nats["url"],
    fallback: flags.bundleNats,
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
    ...(shared !== undefined &&
      place !== undefined &&
      readShared(shared, { place, section: section(shared), pick, path })),
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

/** Reads what there is to know of the shared store beside its place. */
function readShared(
  store: SharedName,
  {
    place,
    section,
    pick,
    path,
  }: {
    readonly place: string;
    readonly section: JsonObject;
    readonly pick: PickValue;
    readonly path: (file: string) => string;
  },
): Pick<ServicesConfig, SharedName> {
  const text = (key: string, variable?: string): string | undefined =>
    pick<string | undefined>(`${store}.${key}`, {
      ...(variable !== undefined && { variable }),
      file: section[key],
      fallback: undefined,
    });
  const durability = (): "strict" | "relaxed" =>
    pick(`${store}.durability`, { file: section["durability"], fallback: "strict" as const });
  const sdk = (): { readonly sdkDir?: string } => {
    const sdkDir = text("sdk_dir");
    return { ...(sdkDir !== undefined && { sdkDir: path(sdkDir) }) };
  };
  switch (store) {
    case "redis":
      return { redis: { url: place, durability: durability() } };
    case "postgres": {
      const connections = pick<number | undefined>("postgres.connections", {
        file: section["connections"],
        fallback: undefined,
      });
      const limits = { ...(connections !== undefined && { connections }) };
      return { postgres: { url: place, durability: durability(), ...limits, ...readTls(section, path) } };
    }
    case "libsql": {
      const token = text("token", "GREENTIC_LIBSQL_TOKEN");
      return { libsql: { url: place, ...(token !== undefined && { token }), ...sdk() } };
    }
    case "dynamodb":
    default: {
      const region = text("region");
      const endpoint = text("endpoint");
      const where = { ...(region !== undefined && { region }), ...(endpoint !== undefined && { endpoint }) };
      const create = pick("dynamodb.create", { file: section["create"], fallback: true });
      return { dynamodb: { table: place, ...where, create, ...sdk() } };
    }
  }
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
