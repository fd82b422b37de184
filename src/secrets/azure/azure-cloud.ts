import type { SdkPlace } from "../load-sdk.ts";
import { loadSdk } from "../load-sdk.ts";
import type { Cloud, CloudFailure } from "../cloud/cloud.ts";
import { fieldOf, judgeStatus } from "../cloud/cloud.ts";
import { azureName, readAzureName } from "./azure-names.ts";

/** Azure Key Vault; who the host is comes from `DefaultAzureCredential` (environment, workload identity, managed identity, `az login`). */
export interface AzureOptions extends SdkPlace {
  /** `https://NAME.vault.azure.net` */
  readonly url: string;
  readonly prefix: string;
  /** More for the client, and who the host is, where that isn't the chain's to say. */
  readonly client?: { readonly credential: unknown; readonly options: object } | undefined;
}

/** What is used of `@azure/keyvault-secrets` and `@azure/identity`. */
interface AzureSdk {
  readonly SecretClient: new (
    url: string,
    credential: unknown,
    options: object,
  ) => {
    getSecret(name: string, options: { readonly version?: string }): Promise<{ readonly value?: string }>;
    listPropertiesOfSecrets(): AsyncIterable<{ readonly name: string; readonly enabled?: boolean }>;
  };
}
interface AzureIdentity {
  readonly DefaultAzureCredential: new () => unknown;
}

/** The client's own would make a turn wait for a minute, while what was read last can serve. */
const RETRIES = { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 2_000 };
const DENIED = new Set([
  "AuthenticationError",
  "AuthenticationRequiredError",
  "CredentialUnavailableError",
  "AggregateAuthenticationError",
]);

/** Opens Azure Key Vault. @throws SECRETS_SDK_MISSING */
export async function openAzure({ url, prefix, sdkDir, client: given }: AzureOptions): Promise<Cloud> {
  const sdk = (await loadSdk("@azure/keyvault-secrets", { sdkDir })) as AzureSdk;
  const credential = given?.credential ?? (await defaultCredential({ sdkDir }));
  const client = new sdk.SecretClient(url, credential, { retryOptions: RETRIES, ...given?.options });
  return {
    title: "Azure Key Vault",
    nameOf: (uri) => azureName(uri, prefix),
    uriOf: (name) => readAzureName(name, prefix),
    get: async (name, version) => (await client.getSecret(name, version === undefined ? {} : { version })).value,
    async *names() {
      for await (const { name, enabled } of client.listPropertiesOfSecrets()) if (enabled !== false) yield name;
    },
    judge,
  };
}

async function defaultCredential(place: SdkPlace): Promise<unknown> {
  const { DefaultAzureCredential } = (await loadSdk("@azure/identity", place)) as AzureIdentity;
  return new DefaultAzureCredential();
}

function judge(error: unknown): CloudFailure {
  const name = String(fieldOf(error, "name"));
  if (DENIED.has(name)) return "denied";
  const status = fieldOf(error, "statusCode");
  return judgeStatus(typeof status === "number" ? status : undefined);
}
