import { expect, test } from "vitest";
import { Browser, declare, openBroker, ownerAt } from "../../src/oauth/broker-fixture.ts";
import { verifies } from "../verifies.ts";
import { hasPeers } from "./load-peer.ts";
import { consentByForms, startMockServer, startOidcProvider } from "./oauth-peers.ts";

if (!hasPeers) process.stderr.write("oauth-providers: 2 skipped, npm run peers has not been run\n");

const OWNER = ownerAt("peer");

test.skipIf(!hasPeers)(
  "oidc-provider: consent with PKCE and `iss`, 100 renewals as one, reuse ends the grant",
  async () => {
    verifies("oauth.broker", "oauth.pkce", "oauth.refresh.once", "oauth.refresh.reuse", "oauth.code-injection");
    await using peer = await startOidcProvider();
    const { broker, world, secrets } = openBroker({
      providers: [declare("peer", peer.issuer, { clientSecret: "peer_secret" })],
    });
    secrets.kept.set("secrets://test/acme/_/oauth/peer_secret", "peer-secret");
    const browser = new Browser();
    const page = await browser.leave(broker, (await broker.ask({ owner: OWNER })).url);
    const back = await consentByForms(page);
    expect(back.searchParams.get("iss")).toBe(peer.issuer);
    expect(await browser.arrive(broker, back)).toMatchObject({ outcome: "connected" });

    // A code of this person's own request, brought into another one's.
    const theirs = await consentByForms(await browser.leave(broker, (await broker.ask({ owner: OWNER })).url));
    const eve = new Browser();
    const hers = await consentByForms(
      await eve.leave(broker, (await broker.ask({ owner: ownerAt("peer", "chat:eve") })).url),
    );
    hers.searchParams.set("code", theirs.searchParams.get("code") ?? "");
    expect(await eve.arrive(broker, hers)).toMatchObject({ outcome: "denied" });

    peer.grants.length = 0;
    world.aheadMs += 2 * 3_600_000;
    const tokens = await Promise.all(Array.from({ length: 100 }, () => broker.grants.token(OWNER)));
    expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(1);
    expect(peer.grants).toEqual(["success"]);

    const stolen = (await broker.grants.read(OWNER))?.refreshToken ?? "";
    const thief = await fetch(`${peer.issuer}/token`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa("peer-client:peer-secret")}` },
      body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: stolen }),
    });
    expect(thief.status).toBe(200);
    world.aheadMs += 2 * 3_600_000;
    await expect(broker.grants.token(OWNER)).rejects.toMatchObject({ code: "OAUTH_GRANT_BROKEN" });
    expect(await broker.grants.read(OWNER)).toMatchObject({ broken: "reused" });
  },
);

test.skipIf(!hasPeers)(
  "oauth2-mock-server: consent, renewal, a failing network, and another issuer's token",
  async () => {
    verifies("oauth.broker", "oauth.mix-up", "oauth.refresh.reuse");
    await using server = await startMockServer();
    const issuer = server.issuer.url ?? "";
    const { broker, world } = openBroker({
      providers: [declare("peer", issuer, { scopes: ["openid", "offline_access"] })],
    });
    const browser = new Browser();
    expect(await browser.connect(broker, { owner: OWNER })).toMatchObject({ outcome: "connected" });
    const before = (await broker.grants.token(OWNER)).accessToken;
    world.aheadMs += 2 * 3_600_000;
    const fail = (): void =>
      server.service.once("beforeResponse", (response) => {
        response.body = { error: "server_error" };
        response.statusCode = 503;
      });
    fail();
    await expect(broker.grants.token(OWNER)).rejects.toMatchObject({ code: "OAUTH_PROVIDER_UNAVAILABLE" });
    expect(await broker.grants.read(OWNER)).toMatchObject({ accessToken: before });
    world.aheadMs += 20_000;
    expect((await broker.grants.token(OWNER)).accessToken).not.toBe("");
    expect(await broker.grants.read(OWNER)).toMatchObject({ generation: 1 });
    // An id token that another issuer's name is in.
    server.service.on("beforeTokenSigning", (token) => void (token.payload["iss"] = "https://evil.example"));
    expect(await browser.connect(broker, { owner: ownerAt("peer", "chat:bob") })).toMatchObject({
      outcome: "denied",
    });
  },
);
