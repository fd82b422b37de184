import { resolve } from "node:path";
import { GreenticError } from "../types/index.ts";
import type { JsonObject } from "../types/index.ts";

/** Where secrets come from beside the environment and the file of the data directory. */
export interface SecretsConfig {
  /** A folder that something else fills: Kubernetes, a container's runtime. */
  readonly mountedDir?: string;
  readonly vault?: VaultConfig;
  /** Where packages that only some operators need are looked for first; absolute. */
  readonly sdkDir?: string;
  /** How long what Vault said counts. */
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

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/** Reads `[secrets]`. @throws CONFIG_VALUE_INVALID where a login lacks something */
export function readSecretsConfig(table: JsonObject, base: string): SecretsConfig {
  const {
    mounted_dir: dir,
    vault,
    cache_seconds: cacheSeconds = 30,
    sdk_dir: sdkDir,
  } = table as unknown as SecretsTable;
  return {
    ...(dir !== undefined && { mountedDir: resolve(base, dir) }),
    ...(vault !== undefined && { vault: readVault(vault, base) }),
    ...(sdkDir !== undefined && { sdkDir: resolve(base, sdkDir) }),
    cacheSeconds,
  };
}

interface SecretsTable {
  readonly mounted_dir?: string;
  readonly cache_seconds?: number;
  readonly sdk_dir?: string;
  readonly vault?: VaultTable;
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
