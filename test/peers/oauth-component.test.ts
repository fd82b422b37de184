import { afterAll, beforeAll, expect, test } from "vitest";
import { ProcessComponentHost } from "../../src/component/index.ts";
import { buildFrom } from "../../src/component/testing/hostile-guest.ts";
import { createOAuthRoutes } from "../../src/gateway/index.ts";
import { BASE, declare, openBroker, ownerAt, TENANT } from "../../src/oauth/broker-fixture.ts";
import type { BrokerFixture } from "../../src/oauth/broker-fixture.ts";
import { receiveConsole } from "../../src/messaging/index.ts";
import { FlowOAuth } from "../../src/oauth/index.ts";
import type { OAuthProviderConfig } from "../../src/config/index.ts";
import { consoleChannel, ENV, makePack, openTestRuntime } from "../../src/runner/runtime-fixture.ts";
import { DENY_ALL, tenantId } from "../../src/types/index.ts";
import { createGatewayFixture } from "../stand-ins/gateway-fixture.ts";
import { PassingWorld } from "../stand-ins/passing-world.ts";
import { verifies } from "../verifies.ts";
import { hasPeers } from "./load-peer.ts";
import { consentByForms, startMockServer, startOidcProvider } from "./oauth-peers.ts";

if (!hasPeers) process.stderr.write("oauth-component: 3 skipped, npm run peers has not been run\n");

const MANIFEST = 'name = "guest"\n[grants]\noauth = ["peer", "unlisted"]\n';
const SOURCE = `
import { exchangeCode, getConsentUrl, getToken } from "greentic:oauth-broker/broker-v1@1.0.0";
export function execute({ content }: { content: string }) {
  const { act, provider = "peer", subject = "", scopes = [], path = "/done", code = "", extra = "" } = JSON.parse(content);
  const said =
    act === "consent" ? getConsentUrl(provider, subject, scopes, path, extra)
    : act === "exchange" ? exchangeCode(provider, subject, code, path)
    : getToken(provider, subject, scopes);
  return { success: true, data: JSON.stringify({ said }), error: null };
}`;
const FLOW = `
id: default
type: messaging
start: ask
nodes:
  ask: { component.exec: { component: guest, operation: execute, input: "{{in}}" }, routing: [{ to: tell }] }
  tell: { flow.return: { value: "{{ask.said}}" } }
`;

const components = new ProcessComponentHost({ poolSize: 1 });
let guest: Uint8Array;
beforeAll(async () => {
  guest = (await buildFrom({ "component.toml": MANIFEST, "src/main.ts": SOURCE })).bytes;
}, 60_000);
afterAll(() => components[Symbol.asyncDispose]());

interface Story extends AsyncDisposable {
  readonly broker: BrokerFixture;
  /** Has somebody ask the component; what it got from the import. */
  readonly ask: (input: Readonly<Record<string, unknown>>, user?: string) => Promise<string>;
  /** Follows a link to the end, as a person at the provider. @returns the gateway's last answer */
  readonly consent: (link: string) => Promise<Response>;
}

/** The whole way: a real component in its process, the runtime, the broker, the gateway's routes and a real provider. */
async function open(providers: readonly OAuthProviderConfig[]): Promise<Story> {
  const broker = openBroker({ providers });
  broker.secrets.kept.set("secrets://test/acme/_/oauth/peer_secret", "peer-secret");
  const opened = await openTestRuntime({
    world: new PassingWorld(),
    pack: await makePack({
      flows: { default: FLOW },
      components: { guest: 'oauth = ["peer", "unlisted"]' },
      wasm: { guest },
    }),
    components,
    oauth: new FlowOAuth(broker.broker),
    policy: () => ({ ...DENY_ALL, oauth: ["peer", "hidden"] }),
  });
  const routes = createOAuthRoutes({
    env: ENV,
    broker: broker.broker,
    jwks: async () => ({ keys: [] }),
    baseUrl: () => BASE,
    authorize: async () => undefined,
    continueFlow: async () => undefined,
  });
  const { gateway } = createGatewayFixture({ oauth: routes });
  const console = consoleChannel();
  let count = 0;
  return {
    broker,
    ask: async (input, user = "ana") => {
      const message = receiveConsole(console.address, input as never, { session: user, id: `m${++count}` });
      const { output } = await opened.runtime.request(console, { ...message, user }, { timeoutMs: 60_000 });
      return output as string;
    },
    async consent(link) {
      const path = link.slice(BASE.length);
      expect((await gateway.app.request(path)).status).toBe(200);
      const left = await gateway.app.request(path, { method: "POST" });
      const cookie = (left.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
      const page = /content="0;url=([^"]+)"/.exec(await left.text())?.[1]?.replaceAll("&amp;", "&") ?? "";
      const back = await consentByForms(new URL(page));
      return gateway.app.request(`${back.pathname}${back.search}`, { headers: { cookie } });
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

const codeOf = (answer: Response): string =>
  new URL(answer.headers.get("location") ?? "none:").searchParams.get("code") ?? "";

test.skipIf(!hasPeers)(
  "a component gets a consent's link, exchanges the browser's code once, and gets tokens: oidc-provider",
  async () => {
    verifies("oauth.component", "oauth.exchange");
    await using peer = await startOidcProvider();
    await using story = await open([declare("peer", peer.issuer, { clientSecret: "peer_secret" })]);
    const { broker, ask, consent } = story;
    const notes = (): readonly string[] => broker.notes.map(({ outcome, code = "" }) => `${outcome} ${code}`);
    expect(await ask({ act: "token" })).toBe("");
    const link = await ask({ act: "consent", scopes: ["openid"], path: "/hook?a=1", extra: '{"state":"chat 7"}' });
    expect(link).toMatch(new RegExp(`^${BASE}/authorize/acme\\.[\\w-]{43}$`));
    const end = await consent(link);
    const location = new URL(end.headers.get("location") ?? "");
    expect([end.status, location.origin + location.pathname, location.searchParams.get("a")]).toEqual([
      302,
      `${BASE}/hook`,
      "1",
    ]);
    expect(location.searchParams.get("state")).toBe("chat 7");
    // Nothing is anybody's before the code is exchanged, and the provider's own code and state stay in the broker.
    expect(await ask({ act: "token" })).toBe("");
    const code = codeOf(end);
    expect(code).toMatch(/^acme\.[\w-]{43}$/);
    const exchanged = JSON.parse(await ask({ act: "exchange", code, path: "/hook?a=1" })) as Record<string, unknown>;
    expect(Object.keys(exchanged).sort()).toEqual(["access_token", "expires_at", "scope", "token_type"]);
    expect(JSON.parse(await ask({ act: "token" }))).toEqual(exchanged);
    expect(broker.notes.filter(({ action }) => action === "oauth.consent").at(-1)).toMatchObject({
      actor: "flow:default/ask",
      outcome: "allowed",
    });
    // A code is used up by its use.
    expect(await ask({ act: "exchange", code, path: "/hook?a=1" })).toBe("");
    expect(notes().at(-1)).toBe("denied OAUTH_CODE_INVALID");
    // And by a wrong use: for another path, for another subject.
    for (const wrong of [{ path: "/other" }, { subject: "service" }]) {
      const again = codeOf(await consent(await ask({ act: "consent" })));
      expect(await ask({ act: "exchange", code: again, ...wrong })).toBe("");
      expect(await ask({ act: "exchange", code: again })).toBe("");
    }
    // Made-up codes, and ids of other steps.
    for (const made of ["", "x", `acme.${"A".repeat(43)}`, (await ask({ act: "consent" })).split("/").at(-1)])
      expect(await ask({ act: "exchange", code: made })).toBe("");
    // A code is too old after 15 minutes.
    const late = codeOf(await consent(await ask({ act: "consent" })));
    broker.world.aheadMs += 15 * 60_000;
    expect(await ask({ act: "exchange", code: late })).toBe("");
    // An hour later the token is another one, renewed once.
    broker.world.aheadMs += 60 * 60_000;
    peer.grants.length = 0;
    const renewed = JSON.parse(await ask({ act: "token" })) as Record<string, unknown>;
    expect(renewed["access_token"]).not.toBe(exchanged["access_token"]);
    expect(peer.grants).toEqual(["success"]);
    const said = JSON.stringify(broker.notes);
    for (const secret of [code, String(exchanged["access_token"])]) expect(said).not.toContain(secret);
  },
  60_000,
);

test.skipIf(!hasPeers)(
  "a component is refused what it wasn't granted or policy doesn't leave, and gets no other person's or tenant's tokens",
  async () => {
    verifies("oauth.component", "oauth.exchange", "oauth.bound");
    await using peer = await startOidcProvider();
    const secret = { clientSecret: "peer_secret", clientId: "peer-client" };
    await using story = await open([
      declare("peer", peer.issuer, secret),
      declare("unlisted", peer.issuer, secret),
      declare("hidden", peer.issuer, secret),
    ]);
    const { broker, ask, consent } = story;
    // `unlisted` is in the grants and not in the policy, `hidden` in the policy and not in the grants, `none` nowhere.
    for (const provider of ["unlisted", "hidden", "none", ""])
      for (const act of ["consent", "exchange", "token"]) expect(await ask({ act, provider }), act).toBe("");
    expect(await ask({ act: "consent", scopes: ["mail"] })).toBe("");
    for (const path of ["//evil.test", "/\\evil.test", "https://evil.test/", "done"])
      expect(await ask({ act: "consent", path })).toBe("");
    expect(broker.notes).toEqual([]);
    // The code is for who asked: with another person or another tenant it is used up.
    const link = await ask({ act: "consent" });
    expect(await ask({ act: "exchange", code: codeOf(await consent(link)) }, "eve")).toBe("");
    const code = codeOf(await consent(await ask({ act: "consent" })));
    const stranger = { ...ownerAt("peer", "console:ana"), tenant: tenantId("globex") };
    await expect(broker.broker.exchange(stranger, { code, path: "/done", actor: "test" })).rejects.toMatchObject({
      code: "OAUTH_CODE_INVALID",
    });
    for (const user of ["ana", "eve"]) expect(await ask({ act: "exchange", code }, user)).toBe("");
    // Under the broker's own address the page shows the code, for the conversation.
    const shown = await consent(await ask({ act: "consent", path: "/oauth/callback/peer" }));
    const written = /class="code">([^<]+)</.exec(await shown.text())?.[1] ?? "";
    expect(JSON.parse(await ask({ act: "exchange", code: written, path: "/oauth/callback/peer" }))).toMatchObject({
      token_type: "bearer",
    });
    expect((await broker.broker.grants.list(TENANT)).map(({ owner }) => `${owner.kind} ${owner.id}`)).toEqual([
      "user console:ana",
    ]);
    // Neither another person nor a service of the tenant has it, whatever it is called.
    expect(await ask({ act: "token" }, "eve")).toBe("");
    for (const subject of ["crm", "ana", "console:ana"]) expect(await ask({ act: "token", subject }, "eve")).toBe("");
  },
  60_000,
);

test.skipIf(!hasPeers)(
  "a component's consent works at oauth2-mock-server, for a person and for a service of the tenant",
  async () => {
    verifies("oauth.component", "oauth.exchange");
    await using server = await startMockServer();
    await using story = await open([declare("peer", server.issuer.url ?? "")]);
    const { ask, consent } = story;
    for (const subject of ["user", "crm"]) {
      const code = codeOf(await consent(await ask({ act: "consent", subject })));
      const tokens = await ask({ act: "exchange", subject, code });
      expect(JSON.parse(tokens)).toMatchObject({ token_type: "bearer" });
      expect(await ask({ act: "token", subject })).toBe(tokens);
    }
    expect(await ask({ act: "token", subject: "erp" })).toBe("");
  },
  60_000,
);
