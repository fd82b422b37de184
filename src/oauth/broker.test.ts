import { createHash, randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { startOidcStandIn } from "../../test/stand-ins/oidc-server.ts";
import { verifies } from "../../test/verifies.ts";
import { openMemoryStore } from "../session/index.ts";
import { tenantId } from "../types/index.ts";
import { BASE, Browser, declare, MemorySecrets, MovedWorld, openBroker, ownerAt } from "./broker-fixture.ts";
import { PENDING_TTL_MS } from "./pending-store.ts";

test("arrive() keeps what a consent gave: PKCE with S256 is sent, and the code is worth nothing without its verifier", async () => {
  verifies("oauth.broker", "oauth.pkce");
  await using provider = await startOidcStandIn();
  const { broker, notes } = openBroker({ providers: [declare("drive", provider.issuer)] });
  const browser = new Browser();
  const { url } = await broker.ask({ owner: ownerAt("drive") });
  const page = await browser.leave(broker, url);
  const verifierHash = page.searchParams.get("code_challenge") ?? "";
  expect(page.searchParams.get("code_challenge_method")).toBe("S256");
  expect(verifierHash).toMatch(/^[\w-]{43}$/);
  expect(await browser.arrive(broker, await browser.consent(page))).toEqual({ outcome: "connected" });
  const [form] = provider.requests;
  expect(
    createHash("sha256")
      .update(form?.get("code_verifier") ?? "")
      .digest("base64url"),
  ).toBe(verifierHash);
  const token = await broker.grants.token(ownerAt("drive"), { scopes: ["files"] });
  expect(provider.tokens).toContain(token.accessToken);
  expect(notes.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
    "oauth.consent allowed",
    "oauth.token allowed",
  ]);
});

test("arrive() takes a state once, from the browser that left, for 15 minutes, by whichever gateway", async () => {
  verifies("oauth.state");
  await using provider = await startOidcStandIn();
  const config = { providers: [declare("drive", provider.issuer)] };
  const world = new MovedWorld();
  const shared = { world, store: openMemoryStore(world), secrets: new MemorySecrets() };
  const { broker } = openBroker(config, shared);
  const { broker: other } = openBroker(config, shared);
  const begin = async (browser: Browser): Promise<URL> =>
    browser.consent(await browser.leave(broker, (await broker.ask({ owner: ownerAt("drive") })).url));

  // Replayed, at both gateways at the same time.
  const browser = new Browser();
  const back = await begin(browser);
  const ends = await Promise.allSettled([
    browser.arrive(broker, back),
    browser.arrive(other, back),
    browser.arrive(other, back),
  ]);
  expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  await expect(browser.arrive(broker, back)).rejects.toMatchObject({ code: "OAUTH_STATE_INVALID" });
  expect(provider.requests).toHaveLength(1);

  // Another person's browser is made to finish what an attacker began: login CSRF.
  const attacker = new Browser();
  const stolen = await begin(attacker);
  await expect(new Browser().arrive(broker, stolen)).rejects.toMatchObject({ code: "OAUTH_STATE_INVALID" });
  await expect(attacker.arrive(broker, stolen)).rejects.toMatchObject({ code: "OAUTH_STATE_INVALID" });

  // Too late, made up, twice in one answer.
  const slow = new Browser();
  const late = await begin(slow);
  world.aheadMs += PENDING_TTL_MS + 1;
  await expect(slow.arrive(broker, late)).rejects.toMatchObject({ code: "OAUTH_STATE_INVALID" });
  const twice = await begin(browser);
  twice.searchParams.append("state", "acme.x");
  await expect(browser.arrive(broker, twice)).rejects.toMatchObject({ code: "OAUTH_STATE_INVALID" });
  for (const state of ["", "acme", `acme.${"A".repeat(43)}`, `../../x.${"A".repeat(43)}`, "x".repeat(10_000)]) {
    const made = new URL(`${BASE}/oauth/callback/drive?code=x`);
    made.searchParams.set("state", state);
    await expect(browser.arrive(broker, made)).rejects.toMatchObject({ code: "OAUTH_STATE_INVALID" });
  }
  expect(provider.requests).toHaveLength(1);
});

test("leave() opens a link once, and asks first where a program may look at it", async () => {
  verifies("oauth.state");
  await using provider = await startOidcStandIn();
  const { broker } = openBroker({ providers: [declare("drive", provider.issuer)] });
  const { url } = await broker.ask({ owner: ownerAt("drive"), asksFirst: true });
  const id = url.slice(`${BASE}/authorize/`.length);
  expect(await broker.leave(id, { isSure: false })).toEqual({ kind: "ask", provider: "drive" });
  expect(await broker.leave(id, { isSure: false })).toEqual({ kind: "ask", provider: "drive" });
  expect(await broker.leave(id, { isSure: true })).toMatchObject({ kind: "leave" });
  for (const isSure of [true, false])
    await expect(broker.leave(id, { isSure })).rejects.toMatchObject({ code: "OAUTH_STATE_INVALID" });
});

test("arrive() refuses an answer of another provider than the one that was asked: mix-up", async () => {
  verifies("oauth.mix-up");
  await using honest = await startOidcStandIn();
  await using evil = await startOidcStandIn();
  const { broker, secrets, notes } = openBroker({
    providers: [declare("honest", honest.issuer), declare("evil", evil.issuer)],
  });
  const browser = new Browser();
  // The person chose the evil one, which sends them on to the honest one with the broker's state.
  const asked = await browser.leave(broker, (await broker.ask({ owner: ownerAt("evil") })).url);
  const relayed = new URL(`${honest.issuer}/authorize${asked.search}`);
  const back = await browser.consent(relayed);
  expect(back.searchParams.get("iss")).toBe(honest.issuer);
  expect(await browser.arrive(broker, back)).toMatchObject({ outcome: "denied" });
  expect(notes.at(-1)).toMatchObject({ outcome: "denied", code: "OAUTH_RESPONSE_INVALID" });
  // The honest one's code never reached the evil one's token endpoint, and nothing was kept.
  expect(evil.requests).toEqual([]);
  expect(honest.requests).toEqual([]);
  expect(secrets.kept.size).toBe(0);
  // Where a provider says nothing of itself, its own path tells it from others.
  honest.behavior.hidesIssuer = true;
  evil.behavior.hidesIssuer = true;
  const quiet = openBroker({ providers: [declare("honest", honest.issuer), declare("evil", evil.issuer)] }).broker;
  const again = await browser.leave(quiet, (await quiet.ask({ owner: ownerAt("evil") })).url);
  again.searchParams.set("redirect_uri", `${BASE}/oauth/callback/honest`);
  const swapped = await browser.consent(new URL(`${honest.issuer}/authorize${again.search}`));
  await expect(browser.arrive(quiet, swapped)).rejects.toMatchObject({ code: "OAUTH_STATE_INVALID" });
  expect([...evil.requests, ...honest.requests]).toEqual([]);
  // One that leaves its name out though it says it has one is refused, too.
  honest.behavior.hidesIssuer = false;
  const { broker: third } = openBroker({ providers: [declare("honest", honest.issuer)] });
  const bare = await browser.consent(await browser.leave(third, (await third.ask({ owner: ownerAt("honest") })).url));
  bare.searchParams.delete("iss");
  expect(await browser.arrive(third, bare)).toMatchObject({ outcome: "denied" });
});

test("arrive() refuses a code that the provider gave for another request: code injection, with PKCE and without", async () => {
  verifies("oauth.code-injection");
  await using provider = await startOidcStandIn();
  const { broker, secrets, notes } = openBroker({ providers: [declare("drive", provider.issuer)] });
  const victim = new Browser();
  for (const ignoresPkce of [false, true]) {
    provider.behavior.ignoresPkce = ignoresPkce;
    const theirs = await victim.consent(
      await victim.leave(broker, (await broker.ask({ owner: ownerAt("drive", "chat:vic") })).url),
    );
    const attacker = new Browser();
    const back = await attacker.consent(
      await attacker.leave(broker, (await broker.ask({ owner: ownerAt("drive", "chat:eve") })).url),
    );
    back.searchParams.set("code", theirs.searchParams.get("code") ?? "");
    expect(await attacker.arrive(broker, back), String(ignoresPkce)).toMatchObject({ outcome: "denied" });
    expect(notes.at(-1)).toMatchObject({ outcome: "denied", code: "OAUTH_RESPONSE_INVALID" });
    expect(secrets.kept.size).toBe(0);
  }
});

test("arrive() tells a waiting flow how it ended, and the person's no is a no", async () => {
  await using provider = await startOidcStandIn();
  const { broker } = openBroker({ providers: [declare("drive", provider.issuer)] });
  const browser = new Browser();
  const waiting = { session: "test:acme:default:chat:a:b", code: "one" };
  const page = await browser.leave(broker, (await broker.ask({ owner: ownerAt("drive"), waiting })).url);
  const back = new URL(page.searchParams.get("redirect_uri") ?? "");
  back.searchParams.set("state", page.searchParams.get("state") ?? "");
  back.searchParams.set("error", "access_denied");
  back.searchParams.set("error_description", "<script>alert(1)</script>");
  back.searchParams.set("iss", provider.issuer);
  const end = { waiting, outcome: "denied", error: "OAUTH_CONSENT_DENIED" };
  expect(await browser.arrive(broker, back)).toEqual({ outcome: "denied", end });
  expect(await browser.connect(broker, { owner: ownerAt("drive"), waiting })).toMatchObject({
    end: { waiting, outcome: "connected" },
  });
});

test("confirm() gives tokens only to whoever can repeat what the browser shows", async () => {
  verifies("oauth.bound");
  await using provider = await startOidcStandIn();
  const { broker } = openBroker({ providers: [declare("drive", provider.issuer)] });
  const owner = ownerAt("drive");
  const ask = { owner, waiting: { session: "s", code: "one" }, needsConfirmation: true };
  // Somebody else opened the link that the owner handed on: the digits stand in that other browser.
  const { code: digits = "" } = await new Browser().connect(broker, ask);
  expect(digits).toMatch(/^\d{6}$/);
  await expect(broker.grants.token(owner)).rejects.toMatchObject({ code: "OAUTH_CONSENT_MISSING" });
  const wrong = digits === "000000" ? "000001" : "000000";
  expect(await broker.grants.confirm(owner, { asked: "two", digits })).toBe("lost");
  for (let tries = 0; tries < 4; tries++)
    expect(await broker.grants.confirm(owner, { asked: "one", digits: wrong })).toBe("wrong");
  expect(await broker.grants.confirm(owner, { asked: "one", digits: wrong })).toBe("lost");
  expect(await broker.grants.read(owner)).toBeUndefined();
  expect(provider.revoked).toHaveLength(1);
  const good = await new Browser().connect(broker, ask);
  expect(await broker.grants.confirm(owner, { asked: "one", digits: good.code ?? "" })).toBe("confirmed");
  expect(provider.tokens).toContain((await broker.grants.token(owner)).accessToken);
});

test("ask() stays within what the operator declared: providers by tenant, scopes, pages to return to", async () => {
  await using provider = await startOidcStandIn();
  const { broker } = openBroker({
    providers: [declare("drive", provider.issuer, { tenants: ["acme"] })],
    returnUrls: ["https://acme.example/done"],
  });
  const owner = ownerAt("drive");
  const code = async (asked: Parameters<typeof broker.ask>[0]): Promise<unknown> =>
    broker.ask(asked).then(
      () => "ok",
      (error: { readonly code: string }) => error.code,
    );
  expect(await code({ owner: { ...owner, tenant: tenantId("other") } })).toBe("OAUTH_PROVIDER_UNKNOWN");
  expect(await code({ owner: { ...owner, provider: "none" } })).toBe("OAUTH_PROVIDER_UNKNOWN");
  expect(await code({ owner, scopes: ["files", "mail"] })).toBe("OAUTH_SCOPE_DENIED");
  expect(await code({ owner, returnUrl: "https://acme.example/done" })).toBe("ok");
  expect(await code({ owner, returnUrl: "/chat" })).toBe("ok");
  for (const returnUrl of [
    "https://acme.example/done/",
    "https://acme.example.evil/",
    "//evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
  ])
    expect(await code({ owner, returnUrl }), returnUrl).toBe("OAUTH_REQUEST_INVALID");
});

test("leave() refuses an issuer whose metadata names another one", async () => {
  verifies("oauth.mix-up");
  await using provider = await startOidcStandIn({ claimsIssuer: "https://accounts.google.com" });
  const { broker } = openBroker({ providers: [declare("drive", provider.issuer)] });
  const { url } = await broker.ask({ owner: ownerAt("drive") });
  await expect(new Browser().leave(broker, url)).rejects.toMatchObject({ code: "OAUTH_PROVIDER_INVALID" });
});

test("Microsoft's issuer of several tenants takes id tokens of the tenant that they name, and of no other issuer", async () => {
  verifies("oauth.broker", "oauth.mix-up");
  const tid = "9188040d-6c67-4c5b-b112-36a304b66dad";
  await using provider = await startOidcStandIn({ hidesIssuer: true });
  const { behavior } = provider;
  behavior.claimsIssuer = `${provider.issuer}/{tenantid}/v2.0`;
  const declared = declare("microsoft", `${provider.issuer}/organizations/v2.0`, { preset: "microsoft" });
  const connect = async (): Promise<string> => {
    const { broker } = openBroker({ providers: [declared] });
    return (await new Browser().connect(broker, { owner: ownerAt("microsoft") })).outcome;
  };
  behavior.tokenClaims = { tid, iss: `${provider.issuer}/${tid}/v2.0` };
  expect(await connect()).toBe("connected");
  for (const claims of [
    { tid, iss: `${provider.issuer}/00000000-0000-0000-0000-000000000000/v2.0` },
    { iss: `${provider.issuer}/${tid}/v2.0` },
    { tid: "../evil", iss: `${provider.issuer}/../evil/v2.0` },
  ] as readonly Readonly<Record<string, string>>[]) {
    behavior.tokenClaims = claims;
    expect(await connect(), JSON.stringify(claims)).toBe("denied");
  }
  // The gap is Microsoft's own: another's metadata may not have one.
  behavior.claimsIssuer = "https://evil.example/{tenantid}/v2.0";
  await expect(connect()).rejects.toMatchObject({ code: "OAUTH_PROVIDER_INVALID" });
});

test("no code, state, verifier or token is in what is kept, noted or said", async () => {
  verifies("oauth.secrecy");
  await using provider = await startOidcStandIn();
  const clientSecret = `client-secret-${randomUUID()}`;
  const { broker, secrets, store, notes } = openBroker({
    providers: [declare("drive", provider.issuer, { clientSecret: "drive_secret" })],
  });
  secrets.kept.set("secrets://test/acme/_/oauth/drive_secret", clientSecret);
  const said: unknown[] = [];
  const hear = async (work: Promise<unknown>): Promise<void> => {
    await work.catch((error: unknown) => said.push(error));
  };
  const browser = new Browser();
  await browser.connect(broker, { owner: ownerAt("drive") });
  provider.behavior.failsWith = 502;
  await hear(broker.grants.token(ownerAt("drive"), { isForced: true }));
  delete provider.behavior.failsWith;
  const { url } = await broker.ask({ owner: ownerAt("drive") });
  const page = await browser.leave(broker, url);
  const back = await browser.consent(page);
  const kept = JSON.stringify([await store.list({}), ...secrets.kept.values()]);
  back.searchParams.set("code", `${back.searchParams.get("code")}x`);
  await hear(browser.arrive(broker, back).then((arrival) => said.push(arrival)));
  await hear(browser.arrive(broker, back));
  await hear(broker.grants.token(ownerAt("drive", "nobody")));
  const texts = JSON.stringify([kept.replace(clientSecret, ""), notes, said.map(everything)]);
  const hidden = [
    ...provider.secrets,
    clientSecret,
    ...browser.cookies.values(),
    page.searchParams.get("state") ?? "?",
    ...provider.requests.flatMap((form) => form.get("code_verifier") ?? []),
  ];
  expect(said.length).toBeGreaterThan(2);
  expect(hidden.length).toBeGreaterThan(8);
  expect(hidden.filter((secret) => texts.includes(secret))).toEqual([]);
});

/** All that a log could show of an error: its own fields and its causes'. */
function everything(thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return thrown;
  return {
    fields: Object.entries(thrown),
    message: thrown.message,
    stack: thrown.stack,
    cause: everything(thrown.cause),
  };
}
