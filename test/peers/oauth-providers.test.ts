import { once } from "node:events";
import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { BASE, Browser, declare, openBroker, ownerAt } from "../../src/oauth/broker-fixture.ts";
import { verifies } from "../verifies.ts";
import { hasPeers, loadPeer } from "./load-peer.ts";

if (!hasPeers) process.stderr.write("oauth-providers: 2 skipped, npm run peers has not been run\n");

/** As much of `oidc-provider` as is used here. */
interface OidcProvider {
  readonly callback: () => RequestListener;
  readonly on: (event: string, listener: () => void) => void;
}

/** As much of `oauth2-mock-server` as is used here. */
interface MockServer {
  readonly issuer: {
    readonly url: string | undefined;
    readonly keys: { readonly generate: (alg: string) => Promise<unknown> };
  };
  readonly service: {
    readonly once: (event: string, change: (response: { body: unknown; statusCode: number }) => void) => void;
    readonly on: (event: string, change: (token: { readonly payload: Record<string, unknown> }) => void) => void;
  };
  readonly start: (port: number, host: string) => Promise<void>;
  readonly stop: () => Promise<void>;
}

interface Peer extends AsyncDisposable {
  readonly issuer: string;
  /** How often each grant was asked for. */
  readonly grants: string[];
}

async function startOidcProvider(): Promise<Peer> {
  const { Provider } = loadPeer("oidc-provider") as {
    readonly Provider: new (issuer: string, options: object) => OidcProvider;
  };
  const grants: string[] = [];
  let listener: RequestListener = () => undefined;
  const server = createServer((request, response) => listener(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "peer-client",
        client_secret: "peer-secret",
        redirect_uris: [`${BASE}/oauth/callback/peer`],
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
      },
    ],
    cookies: { keys: ["a key of a test"] },
    scopes: ["openid", "files"],
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: () => true,
    features: { revocation: { enabled: true } },
  });
  provider.on("grant.success", () => void grants.push("success"));
  provider.on("grant.error", () => void grants.push("error"));
  listener = provider.callback();
  return {
    issuer,
    grants,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Logs in and consents on the provider's own pages, as a person does. @returns where the browser is sent back to */
async function consentByForms(page: URL): Promise<URL> {
  const jar = new Map<string, string>();
  let next = page;
  let form: URLSearchParams | undefined;
  for (let stops = 0; stops < 12; stops++) {
    const answer = await fetch(next, {
      redirect: "manual",
      headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; ") },
      ...(form && { method: "POST", body: form }),
    });
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (value === "") jar.delete(name);
      else jar.set(name, value);
    }
    const location = answer.headers.get("location");
    const text = await answer.text();
    if (location !== null) {
      form = undefined;
      next = new URL(location, next);
      if (next.href.startsWith(BASE)) return next;
      continue;
    }
    const prompt = /name="prompt" value="(\w+)"/.exec(text)?.[1] ?? "";
    const action = /action="([^"]+)"/.exec(text)?.[1] ?? "";
    if (prompt === "") throw new Error(`the provider answered ${answer.status}: ${text.slice(0, 200)}`);
    form = new URLSearchParams({ prompt, login: "ana", password: "any" });
    next = new URL(action, next);
  }
  throw new Error("the provider never sent the browser back");
}

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
    const { OAuth2Server } = loadPeer("oauth2-mock-server") as { readonly OAuth2Server: new () => MockServer };
    const server = new OAuth2Server();
    await server.issuer.keys.generate("RS256");
    await server.start(0, "127.0.0.1");
    try {
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
    } finally {
      await server.stop();
    }
  },
);
