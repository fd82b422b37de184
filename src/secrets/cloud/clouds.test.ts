import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasPeers, loadPeer } from "../../../test/peers/load-peer.ts";
import { AWS_REGION, useAwsKey } from "../../../test/stand-ins/aws-key.ts";
import { AWS_KEY, openAwsStandIn } from "../../../test/stand-ins/aws-secrets.ts";
import { AZURE_TOKEN, openAzureStandIn } from "../../../test/stand-ins/azure-key-vault.ts";
import type { CloudStandIn } from "../../../test/stand-ins/cloud-secrets.ts";
import { GOOGLE_PROJECT, GOOGLE_TOKEN, openGoogleStandIn } from "../../../test/stand-ins/google-secrets.ts";
import { verifies } from "../../../test/verifies.ts";
import { openAws } from "../aws/aws-cloud.ts";
import { awsName, readAwsName } from "../aws/aws-names.ts";
import { openAzure } from "../azure/azure-cloud.ts";
import { azureName, readAzureName } from "../azure/azure-names.ts";
import { CachedSecretStore } from "../cached-secret-store.ts";
import { openGoogle } from "../google/google-cloud.ts";
import { googleName, readGoogleName } from "../google/google-names.ts";
import { formatSecretUri, parseSecretUri } from "../secret-uri.ts";
import type { SecretUri } from "../secret-uri.ts";
import { CloudSecretStore } from "./cloud-secret-store.ts";

const sdkDir = new URL("../../../test/peers", import.meta.url).pathname;
const prefix = "gtsec";
const URI = parseSecretUri("secrets://prod/acme-2/_/slack.eu/slack_bot_token");

interface World {
  readonly cloud: CloudStandIn;
  readonly store: CloudSecretStore;
  readonly nameOf: (uri: SecretUri) => string;
  /** The version of the n-th value, as the service spells it. */
  readonly version: (n: number) => string;
}

async function openAwsWorld(): Promise<World> {
  const cloud = await openAwsStandIn();
  return {
    cloud,
    store: new CloudSecretStore(() => openAws({ region: AWS_REGION, endpoint: cloud.url, prefix, sdkDir })),
    nameOf: (uri) => awsName(uri, prefix),
    version: (n) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`,
  };
}

async function openAzureWorld(): Promise<World> {
  const cloud = await openAzureStandIn();
  const client = {
    credential: { getToken: () => Promise.resolve({ token: AZURE_TOKEN, expiresOnTimestamp: Date.now() + 3_600_000 }) },
    options: {
      disableChallengeResourceVerification: true,
      tlsOptions: { ca: cloud.ca },
      retryOptions: { maxRetries: 0 },
    },
  };
  return {
    cloud,
    store: new CloudSecretStore(() => openAzure({ url: cloud.url, prefix, sdkDir, client })),
    nameOf: (uri) => azureName(uri, prefix),
    version: (n) => n.toString(16).padStart(32, "0"),
  };
}

async function openGoogleWorld(): Promise<World> {
  const cloud = await openGoogleStandIn();
  const { OAuth2Client } = loadPeer("google-auth-library") as {
    readonly OAuth2Client: new () => { setCredentials(credentials: object): void };
  };
  const authClient = new OAuth2Client();
  authClient.setCredentials({ access_token: GOOGLE_TOKEN, expiry_date: Date.now() + 3_600_000 });
  const { hostname, port } = new URL(cloud.url);
  const client = { apiEndpoint: hostname, port: Number(port), protocol: "http", authClient };
  return {
    cloud,
    store: new CloudSecretStore(() => openGoogle({ project: GOOGLE_PROJECT, prefix, sdkDir, client })),
    nameOf: (uri) => googleName(uri, prefix),
    version: String,
  };
}

describe.runIf(hasPeers).each([
  ["AWS Secrets Manager", openAwsWorld],
  ["Azure Key Vault", openAzureWorld],
  ["Google Secret Manager", openGoogleWorld],
] as const)("%s, by its official client", (title, openWorld) => {
  let world: World;
  useAwsKey();
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world.cloud[Symbol.asyncDispose]());

  test("reads what is there, the newest or a version, and tells what isn't", async () => {
    verifies("secrets.clouds", "secrets.providers", "secrets.versions");
    const { cloud, store, nameOf, version } = world;
    expect(await store.read(URI)).toBeUndefined();
    cloud.secrets.set(nameOf(URI), ["one", "zwei ü"]);
    expect(await store.read(URI)).toBe("zwei ü");
    expect(await store.read({ ...URI, version: version(1) })).toBe("one");
    expect(await store.read({ ...URI, version: version(9) })).toBeUndefined();
  });

  test("says that it may not, or that the service is away, and nothing of what it was told", async () => {
    verifies("secrets.clouds");
    const { cloud, store, nameOf } = world;
    const secret = { ...URI, name: "forbidden" };
    cloud.denied.add(nameOf(secret));
    const denied: unknown = await store.read(secret).catch((error: unknown) => error);
    expect(denied).toMatchObject({ code: "SECRETS_BACKEND_DENIED", kind: "permission_denied" });
    expect(String(denied)).toContain(title);
    expect(String(denied)).not.toContain("stand-in");
    cloud.failing = 503;
    await expect(store.read(URI)).rejects.toMatchObject({ code: "SECRETS_BACKEND_UNAVAILABLE", kind: "unavailable" });
    cloud.failing = undefined;
  });

  test("lists names over all pages, ours alone", async () => {
    verifies("secrets.clouds");
    const { cloud, store, nameOf } = world;
    cloud.secrets.clear();
    cloud.secrets.set("somebody-elses", ["x"]);
    const uris = ["a", "b", "c", "d", "e"].map((name) => ({ ...URI, name }));
    for (const uri of uris) cloud.secrets.set(nameOf(uri), ["x"]);
    const before = cloud.asked.length;
    expect((await store.list()).map(formatSecretUri)).toEqual(uris.map(formatSecretUri));
    expect(cloud.asked.length - before).toBeGreaterThanOrEqual(3);
  });

  test("a rotated secret is seen after the cache's time, and the last one serves while the service is away", async () => {
    verifies("secrets.clouds", "secrets.cache");
    const { cloud, store, nameOf } = world;
    const clock = { ms: 0 };
    const cached = new CachedSecretStore(store, {
      world: { monotonicMs: () => clock.ms },
      ttlMs: 30_000,
      staleMs: 60_000,
    });
    cloud.secrets.set(nameOf(URI), ["one"]);
    expect(await cached.read(URI)).toBe("one");
    cloud.secrets.get(nameOf(URI))?.push("two");
    clock.ms = 29_999;
    expect(await cached.read(URI)).toBe("one");
    clock.ms = 30_001;
    expect(await cached.read(URI)).toBe("two");
    cloud.failing = 503;
    clock.ms = 80_000;
    expect(await cached.read(URI)).toBe("two");
    clock.ms = 130_000;
    await expect(cached.read(URI)).rejects.toMatchObject({ code: "SECRETS_BACKEND_UNAVAILABLE" });
    cloud.failing = undefined;
  });
});

test.runIf(hasPeers)("AWS' own chain finds no credentials: that is a denial, not an outage", async () => {
  const cloud = await openAwsStandIn();
  await using _ = cloud;
  const store = new CloudSecretStore(() => openAws({ region: AWS_REGION, endpoint: cloud.url, prefix, sdkDir }));
  const before = { ...process.env };
  process.env["AWS_ACCESS_KEY_ID"] = "AKIAIOSFODNN7OTHERS";
  process.env["AWS_SECRET_ACCESS_KEY"] = AWS_KEY.secret;
  await expect(store.read(URI)).rejects.toMatchObject({ code: "SECRETS_BACKEND_DENIED" });
  for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) {
    if (before[name] === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = before[name];
  }
});

test("a cloud whose package isn't installed says how to install it, and is asked again once it is", async () => {
  verifies("secrets.clouds", "secrets.sdk");
  const store = new CloudSecretStore(() => openAws({ prefix, sdkDir: "/nowhere/sdk" }));
  await expect(store.read(URI)).rejects.toMatchObject({
    code: "SECRETS_SDK_MISSING",
    message: expect.stringContaining("npm install --prefix /nowhere/sdk @aws-sdk/client-secrets-manager") as string,
  });
});

const part = fc.stringMatching(/^[a-z0-9._-]{1,12}$/).filter((text) => !/^\.{1,2}$/.test(text));
const uri = fc.tuple(part, part, part, part, part).map((parts) => parseSecretUri(`secrets://${parts.join("/")}`));

test.each([
  ["AWS", awsName, readAwsName, /^[\w/+=.@-]{1,512}$/],
  ["Azure", azureName, readAzureName, /^[0-9a-zA-Z-]{1,127}$/],
  ["Google", googleName, readGoogleName, /^[\w-]{1,255}$/],
] as const)("names for %s are allowed there, and each is one secret's", (_cloud, write, read, allowed) => {
  verifies("secrets.clouds");
  fc.assert(
    fc.property(uri, (uri) => {
      let name: string;
      try {
        name = write(uri, prefix);
      } catch (error) {
        expect(error).toMatchObject({ code: "SECRETS_URI_INVALID" });
        return;
      }
      expect(name).toMatch(allowed);
      expect(read(name, prefix)).toEqual(uri);
    }),
  );
  expect(read("somebody--elses--name", prefix)).toBeUndefined();
});
