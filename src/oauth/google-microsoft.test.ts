import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { OidcBehavior, OidcStandIn } from "../../test/stand-ins/oidc-server.ts";
import { startOidcStandIn } from "../../test/stand-ins/oidc-server.ts";
import { verifies } from "../../test/verifies.ts";
import { loadConfig } from "../config/index.ts";
import type { OAuthProviderConfig } from "../config/index.ts";
import { Browser, openBroker, ownerAt } from "./broker-fixture.ts";
import type { BrokerFixture } from "./broker-fixture.ts";
import { loginByCode } from "./login.ts";

const HOUR_MS = 3_600_000;
const TID = "0f3f6b5c-1d7e-4a8b-9c2d-3e4f5a6b7c8d";
const PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad";

/** A provider as greentic.toml declares it, at the stand-in's address in the place of its own. */
function presetOf(name: "google" | "microsoft", issuer: string, scopes: readonly string[]): OAuthProviderConfig {
  const dir = mkdtempSync(join(tmpdir(), "greentic-presets-"));
  const toml = `[oauth.${name}]\nclient_id = "ours"\nissuer = "${issuer}"\nscopes = ${JSON.stringify(scopes)}\n`;
  writeFileSync(join(dir, "greentic.toml"), toml);
  const [declared] = loadConfig({ cwd: dir, environment: {}, flags: {} }).oauth.providers;
  rmSync(dir, { recursive: true });
  if (declared === undefined) throw new TypeError("Nothing is declared");
  return { ...declared, origins: [issuer] };
}

const CALENDAR = "https://www.googleapis.com/auth/calendar.readonly";

async function google(): Promise<{ readonly provider: OidcStandIn; readonly fixture: BrokerFixture }> {
  const provider = await startOidcStandIn({ like: "google" });
  return {
    provider,
    fixture: openBroker({ providers: [presetOf("google", provider.issuer, ["openid", "email", CALENDAR])] }),
  };
}

const GOOGLE = ownerAt("google");

test("Google is asked for offline access with consent each time, or a second consent brought nothing to renew", async () => {
  verifies("oauth.google");
  const { provider, fixture } = await google();
  await using _provider = provider;
  const { broker, world } = fixture;
  for (const prompt of [undefined, "select_account"]) {
    const browser = new Browser();
    const { url } = await broker.ask({ owner: GOOGLE, ...(prompt !== undefined && { prompt }) });
    const page = await browser.leave(broker, url);
    expect([page.searchParams.get("access_type"), page.searchParams.get("prompt")]).toEqual([
      "offline",
      prompt === undefined ? "consent" : "consent select_account",
    ]);
    await browser.arrive(broker, await browser.consent(page));
    expect((await broker.grants.read(GOOGLE))?.refreshToken).toMatch(/^refresh-/);
  }
  // Scopes come back by their long names, and renewals without a refresh token: the one that is there stays.
  const before = await broker.grants.read(GOOGLE);
  expect(before?.scopes).toContain("https://www.googleapis.com/auth/userinfo.email");
  for (let renewals = 1; renewals <= 2; renewals++) {
    world.aheadMs += HOUR_MS;
    await broker.grants.token(GOOGLE, { scopes: ["email", CALENDAR, "calendar.readonly"] });
    expect(await broker.grants.read(GOOGLE)).toMatchObject({
      generation: renewals,
      refreshToken: before?.refreshToken,
    });
  }
  // What a person unticks isn't granted.
  await expect(broker.grants.token(GOOGLE, { scopes: [`${CALENDAR}.events`] })).rejects.toMatchObject({
    code: "OAUTH_SCOPE_DENIED",
  });
});

test("Google's refusal of a refresh token means that it was revoked, however often it was renewed with it", async () => {
  verifies("oauth.google", "oauth.refresh.reuse");
  const { provider, fixture } = await google();
  await using _provider = provider;
  const { broker, world } = fixture;
  await new Browser().connect(broker, { owner: GOOGLE });
  for (const refusesRenewals of [undefined, "invalid_grant"]) {
    world.aheadMs += HOUR_MS;
    if (refusesRenewals === undefined) await broker.grants.token(GOOGLE);
    else provider.behavior.refusesRenewals = refusesRenewals;
  }
  await expect(broker.grants.token(GOOGLE)).rejects.toMatchObject({ code: "OAUTH_GRANT_BROKEN" });
  expect(await broker.grants.read(GOOGLE)).toMatchObject({ broken: "revoked", generation: 1 });
});

test("Google's id tokens may name it without the scheme, and nobody else; a code that waits at a device is 428", async () => {
  verifies("oauth.google", "oauth.mix-up");
  const { provider, fixture } = await google();
  await using _provider = provider;
  const { broker, world } = fixture;
  for (const [iss, outcome] of [
    [new URL(provider.issuer).host, "connected"],
    ["accounts.evil.example", "denied"],
    [`${new URL(provider.issuer).host}.evil.example`, "denied"],
  ] as const) {
    provider.behavior.tokenClaims = { iss };
    expect((await new Browser().connect(broker, { owner: GOOGLE })).outcome, iss).toBe(outcome);
  }
  delete provider.behavior.tokenClaims;
  provider.behavior.devicePolls = 2;
  const owner = { ...GOOGLE, kind: "service", id: "default" } as const;
  await loginByCode(broker, { owner, world, scopes: ["email"], tell: () => undefined });
  expect(await broker.grants.read(owner)).toMatchObject({ visibility: "tenant" });
  expect(provider.requests.filter((form) => form.get("grant_type")?.includes("device") === true)).toHaveLength(3);
});

const MICROSOFT = ownerAt("microsoft");
const SCOPES = ["openid", "offline_access", "Calendars.Read"];

async function microsoft(tenant: string, behavior: (issuer: string) => OidcBehavior) {
  const provider = await startOidcStandIn({ like: "microsoft" });
  Object.assign(provider.behavior, behavior(provider.issuer));
  const declared = presetOf("microsoft", `${provider.issuer}/${tenant}/v2.0`, SCOPES);
  return { provider, fixture: openBroker({ providers: [declared] }) };
}

test("Microsoft's issuer has the tenant's id, whether it was asked for by domain, by id or as personal accounts", async () => {
  verifies("oauth.microsoft", "oauth.mix-up");
  for (const [tenant, id, claimed, outcome] of [
    ["contoso.onmicrosoft.com", TID, TID, "connected"],
    [TID, TID, TID, "connected"],
    ["consumers", PERSONAL, PERSONAL, "connected"],
    ["organizations", "{tenantid}", TID, "connected"],
    ["common", "{tenantid}", PERSONAL, "connected"],
    // A token of another tenant than the metadata's.
    ["contoso.onmicrosoft.com", TID, PERSONAL, "denied"],
    // Metadata of somebody else's tenant, or with a gap where there is none.
    [TID, PERSONAL, PERSONAL, "OAUTH_PROVIDER_INVALID"],
    ["consumers", TID, TID, "OAUTH_PROVIDER_INVALID"],
    ["contoso.onmicrosoft.com", "{tenantid}", TID, "OAUTH_PROVIDER_INVALID"],
    ["contoso.onmicrosoft.com", `${TID}/evil`, TID, "OAUTH_PROVIDER_INVALID"],
  ] as const) {
    const { provider, fixture } = await microsoft(tenant, (issuer) => ({
      claimsIssuer: `${issuer}/${id}/v2.0`,
      tokenClaims: { tid: claimed, iss: `${issuer}/${claimed}/v2.0` },
    }));
    await using _provider = provider;
    const end = await new Browser().connect(fixture.broker, { owner: MICROSOFT }).then(
      (arrival) => arrival.outcome,
      (error: { readonly code: string }) => error.code,
    );
    expect(end, `${tenant} ${id} ${claimed}`).toBe(outcome);
  }
});

test("Microsoft's renewals bring other refresh tokens and take old ones; a person who is needed again is asked again", async () => {
  verifies("oauth.microsoft", "oauth.refresh.reuse");
  const { provider, fixture } = await microsoft(TID, (issuer) => ({
    claimsIssuer: `${issuer}/${TID}/v2.0`,
    tokenClaims: { tid: TID, iss: `${issuer}/${TID}/v2.0` },
  }));
  await using _provider = provider;
  const { broker, world } = fixture;
  const connect = async (prompt?: string): Promise<string> =>
    (await new Browser().connect(broker, { owner: MICROSOFT, ...(prompt !== undefined && { prompt }) })).outcome;
  expect(await connect("select_account")).toBe("connected");
  const first = (await broker.grants.read(MICROSOFT))?.refreshToken ?? "";
  world.aheadMs += HOUR_MS;
  await broker.grants.token(MICROSOFT, { scopes: ["https://graph.microsoft.com/calendars.read", "offline_access"] });
  const second = (await broker.grants.read(MICROSOFT))?.refreshToken ?? "";
  expect([first === second, second]).toEqual([false, expect.stringMatching(/^refresh-/)]);
  // Somebody else with the old one harms nothing: Microsoft takes it, and ours.
  const old = new URLSearchParams({ grant_type: "refresh_token", refresh_token: first });
  expect((await fetch(`${provider.issuer}/token`, { method: "POST", body: old })).status).toBe(200);
  world.aheadMs += HOUR_MS;
  await broker.grants.token(MICROSOFT);
  for (const refusal of ["invalid_grant", "interaction_required", "consent_required"]) {
    provider.behavior.refusesRenewals = refusal;
    world.aheadMs += HOUR_MS;
    await expect(broker.grants.token(MICROSOFT), refusal).rejects.toMatchObject({ code: "OAUTH_GRANT_BROKEN" });
    expect(await broker.grants.read(MICROSOFT), refusal).toMatchObject({ broken: "revoked" });
    delete provider.behavior.refusesRenewals;
    expect(await connect()).toBe("connected");
    await broker.grants.token(MICROSOFT);
  }
});
