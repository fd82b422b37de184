import { resolve } from "node:path";
import { GreenticError } from "../types/index.ts";
import type { JsonObject } from "../types/index.ts";

/** Where secrets come from beside the environment and the file of the data directory. */
export interface SecretsConfig {
  /** A folder that something else fills: Kubernetes, a container's runtime. */
  readonly mountedDir?: string;
  readonly vault?: VaultConfig;
  readonly aws?: { readonly region?: string; readonly endpoint?: string; readonly prefix: string };
  readonly azure?: { readonly url: string; readonly prefix: string };
  readonly google?: { readonly project: string; readonly prefix: string };
  /** Where packages that only some operators need are looked for first; absolute. */
  readonly sdkDir?: string;
  /** The master key of sealed secrets, where it isn't the keyring's or beside them; absolute. */
  readonly keyFile?: string;
  /** How many versions of a secret `gtc secrets set` keeps. */
  readonly keepVersions: number;
  /** How long what Vault or a cloud said counts. */
  readonly cacheSeconds: number;
}

/** A Vault or OpenBao. Paths are absolute; what is in the files is read when it is needed. */
export interface VaultConfig {
  readonly url: string;
  readonly mount: string;
  readonly prefix: string;
  readonly namespace?: string;
  /** Where the login method is mounted, where that isn't its name. */
  readonly authMount?: string;
  readonly auth:
    | { readonly kind: "token"; readonly tokenFile: string }
    | { readonly kind: "approle"; readonly roleIdFile: string; readonly secretIdFile: string }
    | { readonly kind: "kubernetes"; readonly role: string; readonly jwtFile: string };
}

/** What the public tools write before names in clouds. @see upstream reference §5.3 */
const PREFIX = "gtsec";
const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/**
 * Reads `[secrets]`; a key file that the environment names goes before the table's.
 * @throws CONFIG_VALUE_INVALID where a login lacks something
 */
export function readSecretsConfig(table: JsonObject, base: string, keyVariable?: string): SecretsConfig {
  const {
    mounted_dir: dir,
    vault,
    cache_seconds: cacheSeconds = 30,
    sdk_dir: sdkDir,
    keep_versions: keepVersions = 3,
    key_file,
    aws,
    azure,
    google,
  } = table as unknown as SecretsTable;
  const keyFile = keyVariable ?? key_file;
  return {
    ...(dir !== undefined && { mountedDir: resolve(base, dir) }),
    ...(vault !== undefined && { vault: readVault(vault, base) }),
    ...(aws !== undefined && { aws: { prefix: PREFIX, ...aws } }),
    ...(azure !== undefined && { azure: { prefix: PREFIX, ...azure } }),
    ...(google !== undefined && { google: { prefix: PREFIX, ...google } }),
    ...(sdkDir !== undefined && { sdkDir: resolve(base, sdkDir) }),
    ...(keyFile !== undefined && { keyFile: resolve(base, keyFile) }),
    keepVersions,
    cacheSeconds,
  };
}

interface SecretsTable {
  readonly mounted_dir?: string;
  readonly cache_seconds?: number;
  readonly sdk_dir?: string;
  readonly key_file?: string;
  readonly keep_versions?: number;
  readonly vault?: VaultTable;
  readonly aws?: { readonly region?: string; readonly endpoint?: string; readonly prefix?: string };
  readonly azure?: { readonly url: string; readonly prefix?: string };
  readonly google?: { readonly project: string; readonly prefix?: string };
}

interface VaultTable {
  readonly url: string;
  readonly mount?: string;
  readonly prefix?: string;
  readonly namespace?: string;
  readonly auth?: "token" | "approle" | "kubernetes";
  readonly auth_mount?: string;
  readonly role?: string;
  readonly token_file?: string;
  readonly role_id_file?: string;
  readonly secret_id_file?: string;
  readonly jwt_file?: string;
}

function readVault(table: VaultTable, base: string): VaultConfig {
  const { url, mount = "secret", prefix = "greentic", namespace, auth_mount: authMount } = table;
  return {
    url,
    mount,
    prefix,
    ...(namespace !== undefined && { namespace }),
    ...(authMount !== undefined && { authMount }),
    auth: readAuth(table, base),
  };
}

function readAuth(table: VaultTable, base: string): VaultConfig["auth"] {
  const { auth = "token", role, token_file, role_id_file, secret_id_file, jwt_file = SERVICE_ACCOUNT } = table;
  const need = (name: string, value: string | undefined): string => {
    if (value !== undefined) return value;
    throw new GreenticError(
      "CONFIG_VALUE_INVALID",
      `Read secrets.vault: expected ${name} beside auth "${auth}", got nothing`,
    );
  };
  switch (auth) {
    case "token":
      return { kind: "token", tokenFile: resolve(base, need("token_file", token_file)) };
    case "approle":
      return {
        kind: "approle",
        roleIdFile: resolve(base, need("role_id_file", role_id_file)),
        secretIdFile: resolve(base, need("secret_id_file", secret_id_file)),
      };
    case "kubernetes":
      break;
  }
  return { kind: "kubernetes", role: need("role", role), jwtFile: resolve(base, jwt_file) };
}
