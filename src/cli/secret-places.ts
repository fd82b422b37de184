import { readFile } from "node:fs/promises";
import type { Config, Environment, VaultConfig } from "../config/index.ts";
import { sendHttp } from "../http/index.ts";
import type { SecretStore, VaultAuth } from "../secrets/index.ts";
import {
  CachedSecretStore,
  EnvSecretStore,
  FileSecretStore,
  MountedSecretStore,
  VaultSecretStore,
} from "../secrets/index.ts";
import { GreenticError, quote } from "../types/index.ts";

/** One of the places that a host looks for secrets in. */
export interface SecretPlace {
  /** What operators know it by. */
  readonly name: "environment" | "mounted" | "vault" | "file";
  readonly store: SecretStore;
}

const TIMEOUT_MS = 10_000;
/** While Vault is away, what it said last counts for this long beyond its time. */
const STALE_MS = 3_600_000;

/** Makes the places in the order in which they are asked: the first that has a secret has the last word. */
export function secretPlaces(config: Config, environment: Environment): readonly SecretPlace[] {
  const { mountedDir, vault, cacheSeconds } = config.secrets;
  return [
    { name: "environment", store: new EnvSecretStore(environment) },
    ...(mountedDir === undefined ? [] : [{ name: "mounted", store: new MountedSecretStore(mountedDir) } as const]),
    ...(vault === undefined
      ? []
      : [{ name: "vault", store: cached(openVault(vault, config), cacheSeconds * 1_000) } as const]),
    { name: "file", store: new FileSecretStore(`${config.dataDir}/secrets.json`) },
  ];
}

function cached(store: SecretStore, ttlMs: number): SecretStore {
  const world = { monotonicMs: () => performance.now() };
  return new CachedSecretStore(store, { world, ttlMs, staleMs: STALE_MS });
}

function openVault(vault: VaultConfig, { network }: Config): SecretStore {
  const { origin } = new URL(vault.url);
  return new VaultSecretStore({
    ...vault,
    auth: authOf(vault.auth),
    monotonicMs: () => performance.now(),
    send: ({ method, url, headers, body }) =>
      sendHttp(
        {
          method,
          url,
          headers,
          ...(body !== undefined && { body }),
          origins: [origin],
          followRedirects: false,
          timeoutMs: TIMEOUT_MS,
        },
        // The operator names the server, and it usually stands in a private network.
        { privateAddresses: [...network.privateAddresses, "0.0.0.0/0", "::/0"] },
      ),
  });
}

function authOf(auth: VaultConfig["auth"]): VaultAuth {
  switch (auth.kind) {
    case "token":
      return { kind: "token", token: () => lineOf(auth.tokenFile) };
    case "approle":
      return { kind: "approle", roleId: () => lineOf(auth.roleIdFile), secretId: () => lineOf(auth.secretIdFile) };
    case "kubernetes":
      break;
  }
  return { kind: "kubernetes", role: auth.role, jwt: () => lineOf(auth.jwtFile) };
}

async function lineOf(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).trim();
  } catch (error) {
    throw new GreenticError("SECRETS_BACKEND_DENIED", `Log in to Vault: ${quote(file)} can't be read`, {
      cause: error,
    });
  }
}
