import { expect, test } from "vitest";
import { openVaultStandIn, VAULT_JWT, VAULT_ROLE, VAULT_TOKEN } from "../../../test/stand-ins/vault.ts";
import type { VaultStandIn } from "../../../test/stand-ins/vault.ts";
import { verifies } from "../../../test/verifies.ts";
import { CachedSecretStore } from "../cached-secret-store.ts";
import { parseSecretUri } from "../secret-uri.ts";
import type { SendToVault } from "./vault-api.ts";
import type { VaultAuth } from "./vault-login.ts";
import { VaultSecretStore } from "./vault-secret-store.ts";

const URI = parseSecretUri("secrets://prod/acme/_/slack/slack_bot_token");
const PATH = "greentic/prod/acme/_/slack/slack_bot_token";
const send: SendToVault = async ({ url, method, headers, body }) => {
  const sent = body === undefined ? {} : { body: Buffer.from(body) };
  const answer = await fetch(url, {
    method,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
    ...sent,
  });
  return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
};
const text = (value: string) => (): Promise<string> => Promise.resolve(value);
const TOKEN: VaultAuth = { kind: "token", token: text(VAULT_TOKEN) };
const APPROLE: VaultAuth = { kind: "approle", roleId: text(VAULT_ROLE.role_id), secretId: text(VAULT_ROLE.secret_id) };
const KUBERNETES: VaultAuth = { kind: "kubernetes", role: "greentic", jwt: text(VAULT_JWT) };

function openStore(vault: VaultStandIn, auth: VaultAuth = TOKEN) {
  const clock = { ms: 0 };
  return { clock, store: new VaultSecretStore({ url: vault.url, auth, send, monotonicMs: () => clock.ms }) };
}

test.each([
  ["a token", TOKEN],
  ["an app role", APPROLE],
  ["a service account", KUBERNETES],
] as const)("VaultSecretStore reads by %s what is there, and tells what isn't", async (_what, auth) => {
  verifies("secrets.vault");
  await using vault = await openVaultStandIn();
  const { store } = openStore(vault, auth);
  expect(await store.read(URI)).toBeUndefined();
  vault.secrets.set(PATH, { value: "xoxb-1" });
  expect(await store.read(URI)).toBe("xoxb-1");
  vault.secrets.set(PATH, { value: "xoxb-2" });
  expect(await store.read(URI)).toBe("xoxb-2");
  vault.secrets.set(PATH, null);
  expect(await store.read(URI)).toBeUndefined();
  vault.secrets.set(PATH, { other: "xoxb-3" });
  await expect(store.read(URI)).rejects.toMatchObject({ code: "SECRETS_VALUE_INVALID" });
});

test("VaultSecretStore renews its token in good time, and logs in again where it is refused", async () => {
  await using vault = await openVaultStandIn();
  const { clock, store } = openStore(vault, APPROLE);
  await Promise.all([store.read(URI), store.read(URI), store.read(URI)]);
  const logins = (): number => vault.asked.filter((asked) => asked.endsWith("/login")).length;
  const renewals = (): number => vault.asked.filter((asked) => asked.endsWith("/renew-self")).length;
  expect([logins(), renewals()]).toEqual([1, 0]);
  clock.ms += 401_000;
  await store.read(URI);
  expect([logins(), renewals()]).toEqual([1, 1]);
  clock.ms += 601_000;
  await store.read(URI);
  expect([logins(), renewals()]).toEqual([2, 1]);
  vault.tokens.clear();
  expect(await store.read(URI)).toBeUndefined();
  expect(logins()).toBe(3);
});

test("VaultSecretStore says that it may not, or that the service is away, and nothing of what it was told", async () => {
  await using vault = await openVaultStandIn();
  const { store } = openStore(vault, { ...APPROLE, secretId: text("wrong-secret-id") });
  const denied: unknown = await store.read(URI).catch((error: unknown) => error);
  expect(denied).toMatchObject({ code: "SECRETS_BACKEND_DENIED" });
  expect(String(denied)).not.toMatch(/wrong-secret-id|invalid role/);
  vault.isSealed = true;
  await expect(openStore(vault).store.read(URI)).rejects.toMatchObject({ code: "SECRETS_BACKEND_UNAVAILABLE" });
});

test("CachedSecretStore asks once for many, again after its time, and serves what was said last while the service is away", async () => {
  verifies("secrets.cache");
  await using vault = await openVaultStandIn();
  vault.secrets.set(PATH, { value: "xoxb-1" });
  const { clock, store } = openStore(vault);
  const cached = new CachedSecretStore(store, {
    world: { monotonicMs: () => clock.ms },
    ttlMs: 30_000,
    staleMs: 600_000,
  });
  const reads = (): number => vault.asked.filter((asked) => asked.includes("/data/")).length;
  expect(await Promise.all([cached.read(URI), cached.read(URI)])).toEqual(["xoxb-1", "xoxb-1"]);
  expect(reads()).toBe(1);
  vault.secrets.set(PATH, { value: "xoxb-2" });
  clock.ms += 29_000;
  expect(await cached.read(URI)).toBe("xoxb-1");
  clock.ms += 2_000;
  expect(await cached.read(URI)).toBe("xoxb-2");
  vault.isSealed = true;
  clock.ms += 500_000;
  expect(await cached.read(URI)).toBe("xoxb-2");
  clock.ms += 200_000;
  await expect(cached.read(URI)).rejects.toMatchObject({ code: "SECRETS_BACKEND_UNAVAILABLE" });
});
