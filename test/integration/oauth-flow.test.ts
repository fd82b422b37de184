import { expect, test } from "vitest";
import { createOAuthRoutes } from "../../src/gateway/index.ts";
import { BASE, declare, MemorySecrets } from "../../src/oauth/broker-fixture.ts";
import { receiveConsole } from "../../src/messaging/index.ts";
import { BrokerKeys, FlowOAuth, OAuthBroker } from "../../src/oauth/index.ts";
import type { OAuthAuditEntry } from "../../src/oauth/index.ts";
import {
  consoleChannel,
  ENV,
  makePack,
  openTestRuntime,
  settle,
  TENANT,
  TestWorld,
} from "../../src/runner/runtime-fixture.ts";
import type { TestRuntime } from "../../src/runner/runtime-fixture.ts";
import { createSecretReader } from "../../src/secrets/index.ts";
import { openMemoryStore } from "../../src/session/index.ts";
import type { SessionStore } from "../../src/session/index.ts";
import { DENY_ALL, isJsonObject } from "../../src/types/index.ts";
import { createGatewayFixture } from "../stand-ins/gateway-fixture.ts";
import { startOidcStandIn } from "../stand-ins/oidc-server.ts";
import type { OidcStandIn } from "../stand-ins/oidc-server.ts";
import { verifies } from "../verifies.ts";

const HOST_TOKEN = "host-token-0123456789-abcdef";

const packOf = async (provider: OidcStandIn, confirm: boolean): ReturnType<typeof makePack> =>
  makePack({
    flows: {
      default: `
id: default
type: messaging
start: connect
nodes:
  connect:
    oauth.connect: { provider: drive, text: "Connect, please", confirm: ${confirm} }
    routing: [{ status: connected, to: files }, { status: denied, to: no }, { status: expired, to: late }]
  files:
    tool.invoke: { tool: files, input: { id: one } }
    routing: [{ to: yes }]
  yes: { message.send: { text: "files: {{files.result.path}}" }, routing: out }
  no: { message.send: { text: "no: {{connect.error}}" }, routing: out }
  late: { message.send: { text: "late" }, routing: out }
`,
    },
    assets: {
      "toolmap.json": JSON.stringify({
        tools: [
          {
            name: "files",
            http: {
              method: "GET",
              url: `${provider.issuer}/files/{id}`,
              auth: { grant: { provider: "drive", scopes: ["files"] } },
            },
          },
        ],
      }),
    },
  });

interface Story {
  readonly opened: TestRuntime;
  readonly world: TestWorld;
  readonly secrets: MemorySecrets;
  readonly notes: readonly OAuthAuditEntry[];
  readonly store: SessionStore;
  /** Asks the gateway as a browser or a program does. */
  readonly ask: (path: string, init?: RequestInit) => Promise<Response>;
  /** Says something; the replies' texts and the links of their cards. */
  readonly says: (
    text: string,
    session?: string,
  ) => Promise<{ readonly texts: readonly string[]; readonly link: string }>;
  /** What was said in the conversation, whoever waited. */
  readonly log: (session?: string) => Promise<readonly string[]>;
  /** Follows a link to the end. @returns the last page */
  readonly consent: (link: string, how?: { readonly denies?: boolean }) => Promise<Response>;
  /** Loses the wake-ups of callbacks from now on. */
  losesWakeUps: boolean;
}

async function open(provider: OidcStandIn, { confirm = true } = {}): Promise<Story> {
  const world = new TestWorld(Date.now());
  const store = openMemoryStore(world);
  const secrets = new MemorySecrets();
  const notes: OAuthAuditEntry[] = [];
  const keys = new BrokerKeys(new Uint8Array(32).fill(3));
  const broker = new OAuthBroker({
    env: ENV,
    world,
    config: { providers: [declare("drive", provider.issuer)], returnUrls: [] },
    store,
    secrets: createSecretReader([secrets]),
    grants: secrets,
    keys,
    baseUrl: () => BASE,
    http: { privateAddresses: ["127.0.0.0/8"] },
    note: (entry) => notes.push(entry),
  });
  const opened = await openTestRuntime({
    world,
    store,
    pack: await packOf(provider, confirm),
    oauth: new FlowOAuth(broker),
    policy: () => ({
      ...DENY_ALL,
      network: { egress: { origins: ["*"] }, privateAddresses: ["127.0.0.0/8"] },
      oauth: ["drive"],
    }),
  });
  const routes = createOAuthRoutes({
    env: ENV,
    broker,
    jwks: () => keys.jwks(),
    baseUrl: () => BASE,
    authorize: async (request) =>
      request.header("authorization") === `Bearer ${HOST_TOKEN}` ? { env: ENV, tenant: TENANT } : undefined,
    continueFlow: async (end) => {
      if (!story.losesWakeUps) await opened.runtime.acceptConsent(end);
    },
  });
  const { gateway } = createGatewayFixture({ oauth: routes });
  const ask: Story["ask"] = async (path, init) => gateway.app.request(path, init);
  const story: Story = {
    opened,
    world,
    secrets,
    notes,
    store,
    ask,
    losesWakeUps: false,
    says: async (text, session = "s1") => {
      const { reply } = await opened.say(text, { session });
      const [link = ""] = reply.flatMap(({ extensions }) => {
        const card = JSON.stringify(extensions?.adaptive_card ?? {});
        return /"url":"([^"]+)"/.exec(card)?.[1] ?? [];
      });
      return { texts: reply.map((message) => message.text ?? ""), link };
    },
    log: async (session = "s1") => {
      // The tool's request takes the machine's time, everything else the world's.
      for (let looks = 0; looks < 400; looks++) {
        await settle();
        await world.advance(10);
        const entries = await store.readLog(`${ENV}:${TENANT}:default:console:${session}`, { after: -1, limit: 100 });
        const texts = entries.flatMap(({ activity }) =>
          isJsonObject(activity) && typeof activity["text"] === "string" ? [activity["text"]] : [],
        );
        if (texts.length > 0) return texts;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return [];
    },
    consent: async (link, { denies = false } = {}) => {
      const path = link.slice(BASE.length);
      const asked = await ask(path);
      expect(asked.status).toBe(200);
      const left = await ask(path, { method: "POST" });
      const [cookie = ""] = (left.headers.get("set-cookie") ?? "").split(";");
      const page = /content="0;url=([^"]+)"/.exec(await left.text())?.[1]?.replaceAll("&amp;", "&") ?? "";
      let back: URL;
      if (denies) {
        back = new URL(new URL(page).searchParams.get("redirect_uri") ?? "");
        for (const [name, value] of Object.entries({
          error: "access_denied",
          iss: provider.issuer,
          state: new URL(page).searchParams.get("state") ?? "",
        }))
          back.searchParams.set(name, value);
      } else {
        const answer = await fetch(page, { redirect: "manual" });
        back = new URL(answer.headers.get("location") ?? "none:");
      }
      return ask(`${back.pathname}${back.search}`, { headers: { cookie: `other=1; ${cookie}` } });
    },
  };
  return story;
}

test("a flow sends a consent's card, and the callback continues it once: its tool gets the person's token", async () => {
  verifies("oauth.consent.flow");
  await using provider = await startOidcStandIn();
  const story = await open(provider, { confirm: false });
  const { link } = await story.says("hello");
  expect(link).toMatch(new RegExp(`^${BASE}/authorize/acme\\.[\\w-]{43}$`));
  const done = await story.consent(link);
  expect([done.status, await done.text()]).toMatchObject([200, expect.stringContaining("connected")]);
  expect(await story.log()).toEqual(["files: /files/one"]);
  // The next conversation of the same person asks for nothing; another person's does.
  expect(await story.says("again")).toMatchObject({ texts: ["files: /files/one"], link: "" });
  const other = receiveConsole(consoleChannel().address, "me too", { session: "s2", id: "other" });
  const theirs = await story.opened.runtime.request(
    consoleChannel(),
    { ...other, user: "other" },
    { timeoutMs: 60_000 },
  );
  expect(JSON.stringify(theirs.reply)).toContain("/authorize/acme.");
  // The link and the answer are used up.
  const replayed = await story.ask(link.slice(BASE.length));
  expect(replayed.status).toBe(400);
  expect(provider.requests.filter((form) => form.get("grant_type") === "authorization_code")).toHaveLength(1);
});

test("a consent is bound to who asked: digits of the browser are repeated in the conversation", async () => {
  verifies("oauth.bound", "oauth.consent.flow");
  await using provider = await startOidcStandIn();
  const story = await open(provider);
  const { link } = await story.says("hello");
  const page = await (await story.consent(link)).text();
  const digits = /class="code">(\d{6})</.exec(page)?.[1] ?? "";
  expect(digits).toMatch(/^\d{6}$/);
  expect(await story.log()).toEqual(["Write the six digits that your browser shows."]);
  const wrong = digits === "111111" ? "222222" : "111111";
  expect((await story.says(wrong)).texts).toEqual(["Those aren't the digits. Please look again."]);
  expect((await story.says("what?")).texts).toEqual(["Write the six digits that your browser shows."]);
  expect((await story.says(digits)).texts).toEqual(["files: /files/one"]);
});

test("a person's no, a cancel and time go their own routes, and a lost wake-up is made up for", async () => {
  verifies("oauth.consent.flow");
  await using provider = await startOidcStandIn();
  const story = await open(provider, { confirm: false });
  const denied = await story.consent((await story.says("hello")).link, { denies: true });
  expect(denied.status).toBe(400);
  expect(await story.log()).toEqual(["no: OAUTH_CONSENT_DENIED"]);
  // Whoever writes something else gets the link again, and can give up.
  const first = await story.says("hello");
  const again = await story.says("where was it?");
  expect(again.link).toBe(first.link);
  expect((await story.says("Cancel")).texts).toEqual(["no: OAUTH_CONSENT_DENIED"]);
  expect((await story.says("hello", "s3")).link).not.toBe("");
  await story.world.advance(16 * 60_000);
  expect(await story.log("s3")).toContain("late");
  // The host dies between keeping the tokens and waking the flow.
  const lost = await story.says("hello", "s4");
  story.losesWakeUps = true;
  expect((await story.consent(lost.link)).status).toBe(200);
  expect((await story.says("done", "s4")).texts).toEqual(["files: /files/one"]);
  story.secrets.kept.clear();
  const silent = await story.says("hello", "s5");
  await story.consent(silent.link);
  // No further than the wait's end: the tool's request must not be late by the world's clock.
  await story.world.advance(15 * 60_000);
  expect(await story.log("s5")).toContain("files: /files/one");
});

test("the pages show nothing of a request, load nothing, run nothing, and all failures are one page", async () => {
  verifies("oauth.surface");
  await using provider = await startOidcStandIn();
  const story = await open(provider);
  const { link } = await story.says("hello");
  const asked = await story.ask(link.slice(BASE.length));
  for (const [name, value] of [
    ["content-security-policy", /default-src 'none'.*frame-ancestors 'none'/],
    ["referrer-policy", /no-referrer/],
    ["cache-control", /no-store/],
    ["x-content-type-options", /nosniff/],
  ] as const)
    expect(asked.headers.get(name) ?? "", name).toMatch(value);
  const evil = `"><script>alert(1)</script>`;
  const failures = await Promise.all(
    [
      "/authorize/x",
      `/authorize/acme.${"A".repeat(43)}`,
      `/oauth/callback/drive?code=${encodeURIComponent(evil)}&state=${encodeURIComponent(evil)}`,
      `/oauth/callback/drive?error=${encodeURIComponent(evil)}&error_description=${encodeURIComponent(evil)}`,
      "/oauth/callback",
      "/callback?state=1&state=2",
      `/oauth/callback/nobody?state=acme.${"A".repeat(43)}&code=1`,
    ].map(async (path) => {
      const answer = await story.ask(path);
      return JSON.stringify([answer.status, [...answer.headers], await answer.text()]);
    }),
  );
  expect(new Set(failures).size).toBe(1);
  expect(failures[0]).not.toContain("alert");
});

test("programs need a tenant's broker token, for that tenant alone; browsers' routes need none", async () => {
  verifies("oauth.surface");
  await using provider = await startOidcStandIn();
  const story = await open(provider);
  const send = (path: string, body: object, token?: string): Promise<Response> =>
    story.ask(path, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json", ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    });
  const begin = { env: "test", tenant: "acme", provider: "drive", owner_kind: "user", owner_id: "crm:7", flow_id: "f" };
  for (const [path, body] of [
    ["/oauth/start", begin],
    ["/v1/oauth/start", begin],
    ["/token", { token_handle: "x" }],
    ["/oauth/token", { token_handle: "x" }],
    ["/resource-token", { resource_id: "drive" }],
    ["/signed-fetch", { token_handle: "x", method: "GET", url: provider.issuer }],
    ["/oauth/drive/token/refresh", { token_handle: "x" }],
    ["/oauth/discovery/acme/providers/drive/blueprint", { grant_type: "authorization_code" }],
  ] as const) {
    for (const token of [undefined, "wrong", `${HOST_TOKEN}x`])
      expect((await send(path, body, token)).status, `${path} ${token}`).toBe(401);
  }
  for (const path of [
    "/status/test/acme/drive",
    "/oauth/discovery/providers",
    "/oauth/discovery/providers/drive",
    "/oauth/discovery/acme/providers/drive",
    "/oauth/discovery/acme/providers/drive/requirements",
    "/test/acme/drive/start?owner_kind=user&owner_id=crm:7",
  ])
    for (const authorization of [undefined, "Bearer wrong"]) {
      const answer = await story.ask(path, authorization === undefined ? {} : { headers: { authorization } });
      expect(answer.status, path).toBe(401);
    }
  expect((await send("/oauth/start", { ...begin, tenant: "other" }, HOST_TOKEN)).status).toBe(401);
  expect((await send("/oauth/start", { ...begin, owner_kind: "god" }, HOST_TOKEN)).status).toBe(400);

  const started = (await (await send("/v1/oauth/start", begin, HOST_TOKEN)).json()) as Record<string, string>;
  const link = started["start_url"] ?? "";
  // A program's own link leaves at once, with a cookie for this browser alone.
  const left = await story.ask(link.slice(BASE.length));
  expect(left.status).toBe(302);
  expect(left.headers.get("set-cookie")).toMatch(/; HttpOnly; SameSite=Lax; Max-Age=900/);
  const answer = await fetch(left.headers.get("location") ?? "", { redirect: "manual" });
  const back = new URL(answer.headers.get("location") ?? "");
  const cookie = (left.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  expect((await story.ask(`${back.pathname}${back.search}`, { headers: { cookie } })).status).toBe(200);

  const handle = started["token_handle"] ?? "";
  const token = (await (await send("/oauth/token", { token_handle: handle }, HOST_TOKEN)).json()) as Record<
    string,
    string
  >;
  expect(provider.tokens).toContain(token["access_token"]);
  const fresh = await send("/oauth/drive/token/refresh", { token_handle: handle }, HOST_TOKEN);
  expect(((await fresh.json()) as Record<string, string>)["access_token"]).not.toBe(token["access_token"]);
  const fetched = await send(
    "/v1/oauth/signed-fetch",
    { token_handle: handle, method: "POST", url: `${provider.issuer}/files/2`, body: btoa("hello"), headers: [] },
    HOST_TOKEN,
  );
  const { body = "", status } = (await fetched.json()) as { readonly body?: string; readonly status: number };
  expect([status, JSON.parse(atob(body))]).toMatchObject([200, { path: "/files/2", body: "hello" }]);
  const listed = await story.ask("/status/test/acme/drive", { headers: { authorization: `Bearer ${HOST_TOKEN}` } });
  expect(await listed.json()).toMatchObject([
    { provider_account_id: "account-1", owner_id: "crm:7", state: "connected" },
  ]);
  expect(await (await story.ask("/.well-known/jwks.json")).json()).toMatchObject({
    keys: [{ kty: "OKP", crv: "Ed25519" }],
  });
  expect(await (await story.ask("/.well-known/greentic-oauth")).json()).toMatchObject({ issuer: BASE });
  expect(new Set(story.notes.map(({ action }) => action))).toEqual(
    new Set(["oauth.consent", "oauth.token", "oauth.refresh"]),
  );
});

test("programs find out what a provider needs, and start consents by the older address", async () => {
  verifies("oauth.surface");
  await using provider = await startOidcStandIn();
  const story = await open(provider);
  const get = async (path: string, init: RequestInit = {}): Promise<Response> =>
    story.ask(path, {
      ...init,
      headers: { authorization: `Bearer ${HOST_TOKEN}`, "content-type": "application/json" },
    });
  const json = async (path: string): Promise<unknown> => (await get(path)).json();
  const described = await json("/oauth/discovery/providers/drive");
  expect(described).toMatchObject({
    id: "drive",
    grant_types: ["authorization_code", "device_code"],
    auth_url: `${provider.issuer}/authorize`,
    token_url: `${provider.issuer}/token`,
    scopes: ["openid", "files"],
    redirect_uri_templates: [`${BASE}/oauth/callback/drive`],
  });
  expect(await json("/v1/oauth/oauth/discovery/acme/providers/drive")).toEqual(described);
  expect(await json("/oauth/discovery/acme/providers/drive/requirements")).toMatchObject({
    provider_id: "drive",
    tenant: "acme",
    grant_paths: [
      { grant_type: "authorization_code", action_links: [{ href: `${BASE}/oauth/start`, method: "POST" }] },
      { grant_type: "device_code", action_links: [] },
    ],
  });
  const blueprint = (grant_type: string): Promise<Response> =>
    get("/oauth/discovery/acme/providers/drive/blueprint", { method: "POST", body: JSON.stringify({ grant_type }) });
  expect(await (await blueprint("authorization_code")).json()).toMatchObject({
    state: "init",
    steps: [{ name: "register-app" }, { name: "user-consent" }, { name: "exchange-code" }],
    next_actions: [{ rel: "start-authorization" }],
  });
  // A public client has nothing to ask for tokens of its own with.
  expect((await blueprint("client_credentials")).status).toBe(400);
  expect((await get("/oauth/discovery/globex/providers/drive")).status).toBe(401);
  expect((await get("/oauth/discovery/providers/none")).status).toBe(404);
  expect((await get("/oauth/discovery/providers/drive/requirements")).status).toBe(404);
  expect(await json("/oauth/discovery/jwks")).toEqual(await (await story.ask("/.well-known/jwks.json")).json());

  const start = "/test/acme/drive/start?owner_kind=user&owner_id=crm:7&scopes=openid,files&flow_id=f";
  const started = await get(start);
  const location = started.headers.get("location") ?? "";
  expect([started.status, location]).toEqual([
    302,
    expect.stringMatching(new RegExp(`^${BASE}/authorize/acme\\.[\\w-]{43}$`)),
  ]);
  expect((await story.ask(location.slice(BASE.length))).headers.get("location")).toContain(`${provider.issuer}/`);
  expect((await get(start.replace("acme", "globex"))).status).toBe(401);
  expect((await get(start.replace("files", "mail"))).status).toBe(403);
  // Another env's isn't the broker's path.
  expect((await get(start.replace("/test/", "/prod/"))).status).toBe(404);
});
