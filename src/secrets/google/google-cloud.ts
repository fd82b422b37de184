import type { SdkPlace } from "../load-sdk.ts";
import { loadSdk } from "../load-sdk.ts";
import type { Cloud, CloudFailure } from "../cloud/cloud.ts";
import { fieldOf, judgeStatus } from "../cloud/cloud.ts";
import { googleName, readGoogleName } from "./google-names.ts";

/** Google Secret Manager; who the host is comes from Application Default Credentials (file, workload identity, metadata server). */
export interface GoogleOptions extends SdkPlace {
  readonly project: string;
  readonly prefix: string;
  /** More for the client, where it isn't Google's own endpoint and chain. */
  readonly client?: object | undefined;
}

/** What is used of `@google-cloud/secret-manager`. */
interface GoogleSdk {
  readonly SecretManagerServiceClient: new (options: object) => {
    accessSecretVersion(
      request: { readonly name: string },
      options: object,
    ): Promise<readonly [{ readonly payload?: { readonly data?: string | Uint8Array | null } | null }, ...unknown[]]>;
    listSecretsAsync(
      request: { readonly parent: string },
      options: object,
    ): AsyncIterable<{ readonly name?: string | null }>;
  };
}

/** One try: the client would go on for as long as the time lasts, while what was read last can serve. */
const ONCE = { timeout: 10_000, retry: null };
/** gRPC's numbers, which the client tells over REST too. */
const CODES: Readonly<Record<number, CloudFailure>> = {
  4: "unavailable",
  5: "missing",
  7: "denied",
  8: "unavailable",
  // A version that was disabled or destroyed.
  9: "missing",
  13: "unavailable",
  14: "unavailable",
  16: "denied",
};

/** Opens Google Secret Manager, over REST: that needs no gRPC in memory, and passes proxies. @throws SECRETS_SDK_MISSING */
export async function openGoogle({ project, prefix, sdkDir, client: given }: GoogleOptions): Promise<Cloud> {
  const sdk = (await loadSdk("@google-cloud/secret-manager", { sdkDir })) as GoogleSdk;
  const client = new sdk.SecretManagerServiceClient({ fallback: true, ...given });
  const parent = `projects/${project}`;
  return {
    title: "Google Secret Manager",
    nameOf: (uri) => googleName(uri, prefix),
    uriOf: (name) => readGoogleName(name, prefix),
    async get(name, version = "latest") {
      const [answer] = await client.accessSecretVersion(
        { name: `${parent}/secrets/${name}/versions/${version}` },
        ONCE,
      );
      const data = answer.payload?.data;
      // Over REST the client leaves bytes in base64.
      return typeof data === "string" ? Buffer.from(data, "base64") : data;
    },
    async *names() {
      for await (const { name } of client.listSecretsAsync({ parent }, { ...ONCE, autoPaginate: false }))
        if (typeof name === "string") yield name;
    },
    judge,
  };
}

function judge(error: unknown): CloudFailure {
  const code = fieldOf(error, "code");
  if (typeof code === "number") return CODES[code] ?? judgeStatus(code < 100 ? 400 : code);
  // Application Default Credentials that aren't there are told as a bare error.
  if (/default credentials|invalid_grant|Could not load/.test(String(fieldOf(error, "message")))) return "denied";
  return "unavailable";
}
