import { expect, test } from "vitest";
import { startOidcStandIn } from "../../test/stand-ins/oidc-server.ts";
import type { OidcStandIn } from "../../test/stand-ins/oidc-server.ts";
import { verifies } from "../../test/verifies.ts";
import { openMemoryStore } from "../session/index.ts";
import type { BrokerFixture } from "./broker-fixture.ts";
import { Browser, declare, MemorySecrets, MovedWorld, openBroker, ownerAt, TENANT } from "./broker-fixture.ts";
import { BrokerKeys } from "./broker-keys.ts";
import { TokenVault } from "./token-vault.ts";

const OWNER = ownerAt("drive");
const HOUR_MS = 3_600_000;

/** Two brokers over the same store and secrets, as two processes are, and a grant that is over. */
async function connected(provider: OidcStandIn): Promise<readonly [BrokerFixture, BrokerFixture]> {
  const config = { providers: [declare("drive", provider.issuer)] };
  const world = new MovedWorld();
  const shared = { world, store: openMemoryStore(world), secrets: new MemorySecrets() };
  const one = openBroker(config, shared);
  await new Browser().connect(one.broker, { owner: OWNER });
  provider.requests.length = 0;
  world.aheadMs += HOUR_MS;
  return [one, openBroker(config, shared)];
}

test("token() asked for 100 times at once renews once, in one process and in two", async () => {
  verifies("oauth.refresh.once");
  await using provider = await startOidcStandIn({ delayMs: 20 });
  const [one, two] = await connected(provider);
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? one : two).broker.grants.token(OWNER)),
  );
  expect(provider.requests.map((form) => form.get("grant_type"))).toEqual(["refresh_token"]);
  const tokens = new Set(answers.map(({ accessToken }) => accessToken));
  expect(tokens.size).toBe(1);
  expect(provider.tokens).toContain([...tokens][0]);
  // The next generation is renewed with the token that came with this one.
  one.world.aheadMs += HOUR_MS;
  await Promise.all(Array.from({ length: 100 }, () => two.broker.grants.token(OWNER)));
  expect(provider.requests).toHaveLength(2);
  expect(provider.requests[1]?.get("refresh_token")).not.toBe(provider.requests[0]?.get("refresh_token"));
});

test("token() keeps what came before anybody gets it: where it can't be kept it is kept the next time", async () => {
  verifies("oauth.refresh.once");
  await using provider = await startOidcStandIn();
  const [{ broker, secrets, world }] = await connected(provider);
  secrets.failsOnce = true;
  await expect(broker.grants.token(OWNER)).rejects.toThrow("no space left");
  const { accessToken } = await broker.grants.token(OWNER);
  expect(provider.tokens).toContain(accessToken);
  expect(provider.requests).toHaveLength(1);
  world.aheadMs += HOUR_MS;
  await broker.grants.token(OWNER);
  expect(provider.requests).toHaveLength(2);
});

test("token() breaks a grant whose rotated token somebody else has used, and a new consent mends it", async () => {
  verifies("oauth.refresh.reuse");
  await using provider = await startOidcStandIn();
  const [{ broker, world, notes, secrets }] = await connected(provider);
  await broker.grants.token(OWNER);
  // Somebody stole the newest refresh token and was faster.
  const stolen = (await broker.grants.read(OWNER))?.refreshToken ?? "";
  await fetch(`${provider.issuer}/token`, {
    method: "POST",
    body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: stolen }),
  });
  world.aheadMs += HOUR_MS;
  await expect(broker.grants.token(OWNER)).rejects.toMatchObject({ code: "OAUTH_GRANT_BROKEN" });
  expect(await broker.grants.read(OWNER)).toMatchObject({ broken: "reused", accessToken: "" });
  expect(notes.filter(({ action }) => action === "oauth.refresh").at(-1)).toMatchObject({
    outcome: "denied",
    rule: "reused",
  });
  // Nothing more goes out with what is dead.
  const asked = provider.requests.length;
  await expect(broker.grants.token(OWNER)).rejects.toMatchObject({ code: "OAUTH_GRANT_BROKEN" });
  expect(provider.requests).toHaveLength(asked);
  expect(JSON.stringify([...secrets.kept.values()])).not.toContain(stolen);
  await new Browser().connect(broker, { owner: OWNER });
  expect(provider.tokens).toContain((await broker.grants.token(OWNER)).accessToken);
});

test("token() keeps the old token while the provider is down, and says so once it is over", async () => {
  verifies("oauth.refresh.reuse");
  await using provider = await startOidcStandIn();
  const [{ broker, world }] = await connected(provider);
  const before = await broker.grants.read(OWNER);
  provider.behavior.failsWith = 503;
  for (let times = 0; times < 20; times++)
    await expect(broker.grants.token(OWNER)).rejects.toMatchObject({ code: "OAUTH_PROVIDER_UNAVAILABLE" });
  // What is down isn't asked by every call.
  expect(provider.requests.length).toBeLessThan(3);
  expect(await broker.grants.read(OWNER)).toEqual(before);
  // A token that still lives for a moment serves until then.
  world.aheadMs -= 30_000;
  expect((await broker.grants.token(OWNER)).accessToken).toBe(before?.accessToken);
  delete provider.behavior.failsWith;
  world.aheadMs += 60_000;
  expect((await broker.grants.token(OWNER)).accessToken).not.toBe(before?.accessToken);
});

test("a process that died while it renewed doesn't stop the others", async () => {
  await using provider = await startOidcStandIn();
  const [one, two] = await connected(provider);
  // It took the lease and was never heard of again.
  const take = one.store.takeTokens.bind(one.store);
  let leases = 0;
  one.store.takeTokens = async (name, rate, tokens) => {
    if (name.startsWith("oauth-refresh:") && leases++ === 0) await take(name, rate, tokens);
    return take(name, rate, tokens);
  };
  const waiting = two.broker.grants.token(OWNER);
  const moved = setInterval(() => (one.world.aheadMs += 1_000), 5);
  await expect(waiting).rejects.toMatchObject({ code: "OAUTH_PROVIDER_UNAVAILABLE" });
  clearInterval(moved);
  one.world.aheadMs += 15_000;
  expect(provider.tokens).toContain((await two.broker.grants.token(OWNER)).accessToken);
});

test("a grant that is copied to another owner, damaged, or sealed with another key opens nothing", async () => {
  verifies("oauth.secrecy");
  await using provider = await startOidcStandIn();
  const [{ broker, secrets }] = await connected(provider);
  const [[place, sealed] = ["", ""]] = [...secrets.kept];
  const thief = ownerAt("drive", "chat:eve");
  const other = openBroker({}).broker;
  expect(await other.grants.read(OWNER)).toBeUndefined();
  await new Browser().connect(broker, { owner: thief });
  const [theirs = ""] = [...secrets.kept.keys()].filter((key) => key !== place);
  secrets.kept.set(theirs, sealed);
  await expect(broker.grants.token(thief)).rejects.toMatchObject({ code: "OAUTH_RECORD_INVALID" });
  secrets.kept.set(place, `${sealed.slice(0, -2)}${sealed.endsWith("AA") ? "BB" : "AA"}`);
  await expect(broker.grants.token(OWNER)).rejects.toMatchObject({ code: "OAUTH_RECORD_INVALID" });
  const stranger = new TokenVault(secrets, new BrokerKeys(new Uint8Array(32).fill(8)));
  secrets.kept.set(place, sealed);
  await expect(stranger.read(OWNER)).rejects.toMatchObject({ code: "OAUTH_RECORD_INVALID" });
  expect(await stranger.list(OWNER.env, TENANT)).toEqual([]);
});

test("handles name a grant to this broker and this tenant alone", async () => {
  await using provider = await startOidcStandIn();
  const [{ broker }] = await connected(provider);
  const handle = await broker.grants.handle(OWNER);
  expect(await broker.grants.ownerOf(handle, OWNER)).toEqual(OWNER);
  const [header = "", payload = "", signature = ""] = handle.split(".");
  const forged = Buffer.from(JSON.stringify({ ...OWNER, owner_id: "chat:eve" })).toString("base64url");
  const none = Buffer.from(JSON.stringify({ alg: "none", typ: "greentic-token-handle+jwt" })).toString("base64url");
  for (const bad of [
    `${header}.${forged}.${signature}`,
    `${none}.${payload}.`,
    "",
    "x".repeat(9_999),
    provider.secrets[0] ?? "",
  ])
    await expect(broker.grants.ownerOf(bad, OWNER)).rejects.toMatchObject({ code: "OAUTH_HANDLE_INVALID" });
  await expect(broker.grants.ownerOf(handle, { env: OWNER.env, tenant: "other" })).rejects.toMatchObject({
    code: "OAUTH_HANDLE_INVALID",
  });
});

test("signedFetch() sends tokens to the provider's declared origins alone", async () => {
  await using provider = await startOidcStandIn();
  await using elsewhere = await startOidcStandIn();
  const [{ broker }] = await connected(provider);
  const ask = { method: "GET", url: `${provider.issuer}/files/1`, headers: [{ name: "accept", value: "*/*" }] };
  const answer = await broker.grants.signedFetch(OWNER, ask);
  expect([answer.status, JSON.parse(Buffer.from(answer.body).toString())]).toMatchObject([200, { path: "/files/1" }]);
  await expect(broker.grants.signedFetch(OWNER, { ...ask, url: `${elsewhere.issuer}/files/1` })).rejects.toMatchObject({
    code: "HTTP_ORIGIN_DENIED",
  });
  await expect(
    broker.grants.signedFetch(OWNER, { ...ask, headers: [{ name: "Authorization", value: "Bearer mine" }] }),
  ).rejects.toMatchObject({ code: "OAUTH_REQUEST_INVALID" });
});

test("resourceToken() asks once for a token of the tenant's own, within the declared scopes", async () => {
  await using provider = await startOidcStandIn({ delayMs: 10 });
  const { broker, secrets } = openBroker({
    providers: [declare("drive", provider.issuer, { clientSecret: "drive_secret", resource: "https://api.example" })],
  });
  secrets.kept.set("secrets://test/acme/_/oauth/drive_secret", "hush");
  const scope = { env: OWNER.env, tenant: TENANT };
  const tokens = await Promise.all(
    Array.from({ length: 20 }, () => broker.grants.resourceToken(scope, { provider: "drive", scopes: ["files"] })),
  );
  expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(1);
  expect(provider.requests.map((form) => [form.get("grant_type"), form.get("scope"), form.get("resource")])).toEqual([
    ["client_credentials", "files", "https://api.example"],
  ]);
  await expect(broker.grants.resourceToken(scope, { provider: "drive", scopes: ["mail"] })).rejects.toMatchObject({
    code: "OAUTH_SCOPE_DENIED",
  });
});
