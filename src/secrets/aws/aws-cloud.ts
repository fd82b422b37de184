import type { SdkPlace } from "../load-sdk.ts";
import { loadSdk } from "../load-sdk.ts";
import type { Cloud, CloudFailure } from "../cloud/cloud.ts";
import { fieldOf, judgeStatus } from "../cloud/cloud.ts";
import { awsName, readAwsName } from "./aws-names.ts";

/** AWS Secrets Manager; who the host is comes from the SDK's own chain (environment, profile, container, instance, web identity). */
export interface AwsOptions extends SdkPlace {
  /** Without it, the SDK's own: `AWS_REGION`, the profile. */
  readonly region?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly prefix: string;
}

/** What is used of `@aws-sdk/client-secrets-manager`. */
interface AwsSdk {
  readonly SecretsManagerClient: new (options: object) => {
    send(command: object): Promise<Readonly<Record<string, unknown>>>;
  };
  readonly GetSecretValueCommand: new (input: object) => object;
  readonly ListSecretsCommand: new (input: object) => object;
}

const SDK = "@aws-sdk/client-secrets-manager";
const TIMEOUT = { connectionTimeout: 5_000, requestTimeout: 10_000 };
const MISSING = new Set(["ResourceNotFoundException", "InvalidRequestException"]);
const DENIED = new Set([
  "AccessDeniedException",
  "UnrecognizedClientException",
  "InvalidSignatureException",
  "InvalidClientTokenId",
  "ExpiredTokenException",
  "ExpiredToken",
  "CredentialsProviderError",
  "DecryptionFailure",
]);

/** Opens AWS Secrets Manager. @throws SECRETS_SDK_MISSING */
export async function openAws({ region, endpoint, prefix, sdkDir }: AwsOptions): Promise<Cloud> {
  const sdk = (await loadSdk(SDK, { sdkDir })) as AwsSdk;
  const client = new sdk.SecretsManagerClient({
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    requestHandler: TIMEOUT,
  });
  return {
    title: "AWS Secrets Manager",
    nameOf: (uri) => awsName(uri, prefix),
    uriOf: (name) => readAwsName(name, prefix),
    async get(name, version) {
      const answer = await client.send(
        new sdk.GetSecretValueCommand({ SecretId: name, ...(version !== undefined && { VersionId: version }) }),
      );
      return (answer["SecretString"] ?? answer["SecretBinary"]) as string | Uint8Array | undefined;
    },
    async *names() {
      let NextToken: unknown;
      do {
        const filter = { Filters: [{ Key: "name", Values: [`${prefix}/`] }] };
        const page = await client.send(new sdk.ListSecretsCommand({ ...filter, NextToken }));
        for (const entry of (page["SecretList"] ?? []) as readonly { readonly Name?: string }[])
          if (entry.Name !== undefined) yield entry.Name;
        NextToken = page["NextToken"];
      } while (NextToken !== undefined);
    },
    judge,
  };
}

function judge(error: unknown): CloudFailure {
  const name = String(fieldOf(error, "name"));
  // A secret that is to be deleted is told as a request that makes no sense.
  if (MISSING.has(name)) return "missing";
  if (DENIED.has(name)) return "denied";
  if (name === "ThrottlingException" || name === "TimeoutError") return "unavailable";
  const status = fieldOf(fieldOf(error, "$metadata"), "httpStatusCode");
  return judgeStatus(typeof status === "number" ? status : undefined);
}
