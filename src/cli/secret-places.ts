import { readFile } from "node:fs/promises";
import type { Config, Environment, VaultConfig } from "../config/index.ts";
import { sendHttp } from "../http/index.ts";
import type { Cloud, SecretStore, SecretUri, VaultAuth } from "../secrets/index.ts";
import {
  awsName,
  azureName,
  CachedSecretStore,
  CloudSecretStore,
  EnvSecretStore,
  envSecretName,
  googleName,
  MountedSecretStore,
  openAws,
  openAzure,
  openGoogle,
  VaultSecretStore,
} from "../secrets/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import { localSecrets } from "./local-secrets.ts";

/** One of the places that a host looks for secrets in. */
export interface SecretPlace {
  /** What operators know it by. */
  readonly name: "environment" | "mounted" | "vault" | "aws" | "azure" | "google" | "sealed" | "file";
  readonly store: SecretStore;
  /** What it has, where it tells that. */
  readonly list?: () => Promise<readonly SecretUri[]>;
  /** How a person puts a secret there; the value is in the file `value.txt` or comes after. */
  readonly howToSet: (uri: SecretUri) => string;
}

const TIMEOUT_MS = 10_000;
/** While Vault is away, what it said last counts for this long beyond its time. */
const STALE_MS = 3_600_000;

/** Makes the places in the order in which they are asked: the first that has a secret has the last word. */
export function secretPlaces(config: Config, environment: Environment): readonly SecretPlace[] {
  const { mountedDir, vault, aws, azure, google, sdkDir, cacheSeconds } = config.secrets;
  const { sealed, plain } = localSecrets(config);
  const slow = (store: SecretStore): SecretStore => cached(store, cacheSeconds * 1_000);
  const places: SecretPlace[] = [
    { name: "environment", store: new EnvSecretStore(environment), howToSet: (uri) => `export ${envSecretName(uri)}=` },
  ];
  if (mountedDir !== undefined)
    places.push({
      name: "mounted",
      store: new MountedSecretStore(mountedDir),
      howToSet: (uri) => `a file ${mountedDir}/${partsOf(uri).join("/")}`,
    });
  if (vault !== undefined)
    places.push({
      name: "vault",
      store: slow(openVault(vault, config)),
      howToSet: (uri) =>
        `vault kv put -mount=${vault.mount} ${[vault.prefix, ...partsOf(uri)].join("/")} value=@value.txt`,
    });
  const cloud = (
    name: "aws" | "azure" | "google",
    open: () => Promise<Cloud>,
    howToSet: SecretPlace["howToSet"],
  ): void => {
    const store = new CloudSecretStore(open);
    places.push({ name, store: slow(store), list: () => store.list(), howToSet });
  };
  if (aws !== undefined)
    cloud(
      "aws",
      () => openAws({ ...aws, sdkDir }),
      (uri) => `aws secretsmanager create-secret --name ${awsName(uri, aws.prefix)} --secret-string file://value.txt`,
    );
  if (azure !== undefined)
    cloud(
      "azure",
      () => openAzure({ ...azure, sdkDir }),
      (uri) =>
        `az keyvault secret set --id ${azure.url.replace(/\/$/, "")}/secrets/${azureName(uri, azure.prefix)} --file value.txt`,
    );
  if (google !== undefined)
    cloud(
      "google",
      () => openGoogle({ ...google, sdkDir }),
      (uri) =>
        `gcloud secrets create ${googleName(uri, google.prefix)} --project=${google.project} --data-file=value.txt`,
    );
  const set = ({ tenant, team, category, name }: SecretUri): string =>
    `gtc secrets set ${name} --category ${category} --tenant ${tenant}${team === "_" ? "" : ` --team ${team}`}`;
  return [
    ...places,
    { name: "sealed", store: sealed, list: () => sealed.list(), howToSet: set },
    { name: "file", store: plain, list: () => plain.list(), howToSet: set },
  ];
}

function partsOf({ env, tenant, team, category, name }: SecretUri): readonly string[] {
  return [env, tenant, team, category, name];
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
