import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { localSecrets } from "../../src/cli/local-secrets.ts";
import { parseSecretUri } from "../../src/secrets/index.ts";
import type { AuditEntry, AuditLog } from "../../src/telemetry/index.ts";
import { memoryAuditLog } from "../../src/telemetry/index.ts";
import { tenantId } from "../../src/types/index.ts";
import { GRANTED, openAdminHost } from "../stand-ins/admin-host.ts";
import type { AdminHostFixture } from "../stand-ins/admin-host.ts";
import { startOidcStandIn } from "../stand-ins/oidc-server.ts";
import { verifies } from "../verifies.ts";

interface Answered {
  readonly status: number;
  readonly tag: string | null;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- bodies differ by route
  readonly body: any;
}

type Ask = (
  line: string,
  init?: {
    readonly json?: object;
    readonly bytes?: Uint8Array;
    readonly tag?: string;
    readonly headers?: Readonly<Record<string, string>>;
  },
) => Promise<Answered>;

/** Asks `GET tenants/acme/packs` with a credential. */
function asker({ admin }: AdminHostFixture, token: string): Ask {
  return async (line, { json, bytes, tag, headers = {} } = {}) => {
    const [method = "", path = ""] = line.split(" ");
    const response = await admin.app.request(`http://localhost/admin/v1/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(json && { "content-type": "application/json" }),
        ...(bytes && { "content-type": "application/octet-stream" }),
        ...(tag !== undefined && { "if-match": tag }),
        ...headers,
      },
      ...(json && { body: JSON.stringify(json) }),
      ...(bytes && { body: Buffer.from(bytes) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      tag: response.headers.get("etag"),
      headers: response.headers,
      body: text === "" ? undefined : JSON.parse(text),
    };
  };
}

const asAdmin = async (fixture: AdminHostFixture, tenant = "*"): Promise<Ask> =>
  asker(fixture, await fixture.token({ tenant, role: "admin" }));

test("sessions, sends and dead letters are seen without what people wrote, and handled", async () => {
  verifies("admin.resources", "admin.races");
  await using fixture = await openAdminHost();
  const ask = await asAdmin(fixture, "acme");
  const mine = fixture.seeded["acme"];
  if (mine === undefined) throw new Error("no acme");
  const key = encodeURIComponent(mine.session);
  const sessions = await ask("GET tenants/acme/sessions");
  expect(sessions.body.items).toMatchObject([{ key: mine.session, flow: "main", node: "ask", unread: 0 }]);
  const session = await ask(`GET tenants/acme/sessions/${key}`);
  expect(session.body.journal).toMatchObject([{ turn: { pack: "desk", said: 1 } }]);
  expect(JSON.stringify(session.body)).not.toContain("secret words");
  expect(JSON.stringify((await ask(`GET tenants/acme/sessions/${key}/texts`)).body)).toContain("secret words of acme");
  expect((await ask("GET tenants/acme/outbox?status=failed")).body.items).toMatchObject([
    { id: mine.send, status: "failed", last_error: "MESSAGING_SEND_REFUSED" },
  ]);
  expect((await ask(`POST tenants/acme/outbox/${mine.send}/retry`)).body).toEqual({ id: mine.send, queued: true });
  expect((await ask("GET tenants/acme/outbox?status=queued")).body.items).toHaveLength(1);
  expect(await ask(`POST tenants/acme/outbox/${mine.send}/abandon`)).toMatchObject({
    status: 200,
    body: { id: mine.send, abandoned: true },
  });
  expect((await ask(`POST tenants/acme/outbox/${mine.send}/abandon`)).status).toBe(404);
  expect((await ask("GET tenants/acme/outbox?status=abandoned")).body.items).toMatchObject([
    { id: mine.send, last_error: "STORE_SEND_GIVEN_UP" },
  ]);
  expect((await ask("GET tenants/acme/dead-letters")).body.items).toMatchObject([
    { id: mine.deadLetter, reason: "RUNNER_TURN_FAILED" },
  ]);
  expect((await ask(`POST tenants/acme/dead-letters/${mine.deadLetter}/redrive`)).status).toBe(200);
  expect((await ask(`POST tenants/acme/dead-letters/${mine.deadLetter}/redrive`)).status).toBe(404);
  // It has a message now: who saw it without one doesn't end it.
  expect(await ask(`DELETE tenants/acme/sessions/${key}`, { tag: session.tag ?? "" })).toMatchObject({
    status: 412,
    body: { code: "ADMIN_PRECONDITION_FAILED" },
  });
  const now = await ask(`GET tenants/acme/sessions/${key}`);
  expect((await ask(`DELETE tenants/acme/sessions/${key}`, { tag: now.tag ?? "" })).status).toBe(204);
  expect((await ask("GET tenants/acme/sessions")).body.items).toEqual([]);
  expect((await ask("POST tenants/acme/erasures", { json: {} })).status).toBe(400);
  expect((await ask("POST tenants/acme/erasures", { json: { user: "+49 170 1" } })).body).toMatchObject({ rows: 1 });
  const { store } = fixture.host.runtime;
  expect(await store.list({ tenant: tenantId("globex") })).toHaveLength(1);
  expect(await store.listDeadLetters({ tenant: tenantId("globex") })).toHaveLength(1);
});

test("another tenant's names below one's own tenant name nothing", async () => {
  verifies("admin.tenants");
  await using fixture = await openAdminHost();
  const ask = await asAdmin(fixture, "acme");
  const other = fixture.seeded["globex"];
  if (other === undefined) throw new Error("no globex");
  const before = await fixture.snapshot();
  const key = encodeURIComponent(other.session);
  for (const line of [
    `GET tenants/acme/sessions/${key}`,
    `GET tenants/acme/sessions/${key}/texts`,
    `DELETE tenants/acme/sessions/${key}`,
    `POST tenants/acme/outbox/${other.send}/retry`,
    `POST tenants/acme/outbox/${other.send}/abandon`,
    `POST tenants/acme/dead-letters/${other.deadLetter}/redrive`,
    `DELETE tenants/acme/dead-letters/${other.deadLetter}`,
    `DELETE tenants/acme/tokens/${other.tokenId}`,
    "DELETE tenants/acme/oauth/grants/drive%2F..%2F..%2Fglobex/user/x",
    "GET tenants/acme/secrets/..%2F..%2Fglobex%2F_/desk/api_key",
    "DELETE tenants/acme%2F..%2Fglobex/secrets/_/desk/api_key",
    "GET tenants/acme/../globex/sessions",
    "GET tenants/ACME/sessions",
    "GET tenants/nobody/sessions",
  ]) {
    const { status } = await ask(line);
    expect({ line, status: [400, 404].includes(status) }).toEqual({ line, status: true });
  }
  expect((await ask("GET tenants")).body).toEqual({ items: ["acme"] });
  const unknown = await ask("GET tenants/nobody/sessions");
  expect(unknown.body).toEqual((await ask("GET tenants/globex/sessions")).body);
  expect(await fixture.snapshot()).toEqual(before);
});

test("packs are verified, registered, swapped in and taken out; a pack or publisher that is revoked serves nothing", async () => {
  verifies("admin.resources", "admin.races", "admin.revoke");
  await using fixture = await openAdminHost();
  const ask = await asAdmin(fixture);
  const running = (): readonly string[] =>
    fixture.host.runtime
      .listPacks()
      .map(({ scope, version }) => `${scope.tenant} ${version}`)
      .sort();
  expect(running()).toEqual(["acme 1.0.0", "globex 1.0.0"]);
  const two = await fixture.pack("2.0.0");
  const was = await ask("GET tenants/acme/packs/desk");
  const broken = Uint8Array.from(two);
  broken[broken.length >> 1] = (broken[broken.length >> 1] ?? 0) ^ 1;
  expect((await ask("POST tenants/acme/packs", { bytes: broken })).status).toBe(400);
  expect(running()).toEqual(["acme 1.0.0", "globex 1.0.0"]);
  expect(await ask("POST tenants/acme/packs", { bytes: two, tag: was.tag ?? "" })).toMatchObject({
    status: 201,
    body: { name: "desk", version: "2.0.0", running: true, registered: true, signature: "valid" },
  });
  expect(running()).toEqual(["acme 2.0.0", "globex 1.0.0"]);
  // The same again changes nothing; who saw the version before changes nothing either.
  expect((await ask("POST tenants/acme/packs", { bytes: two })).status).toBe(201);
  expect(
    (await ask("POST tenants/acme/packs", { bytes: await fixture.pack("2.1.0"), tag: was.tag ?? "" })).status,
  ).toBe(412);
  expect((await ask("POST tenants/acme/packs", { bytes: await fixture.pack("1.5.0") })).body).toMatchObject({
    code: "PACK_VERSION_DOWNGRADE",
  });
  expect((await ask("DELETE tenants/acme/packs/desk", { tag: was.tag ?? "" })).status).toBe(412);

  const { packHash } = fixture.seeded["globex"] ?? {};
  expect(
    (await ask("POST revocations", { json: { kind: "pack", id: packHash ?? "", reason: "leaks" } })).body,
  ).toMatchObject({ added: true });
  expect(running()).toEqual(["acme 2.0.0"]);
  const revoked = await ask("POST tenants/globex/packs", { bytes: await fixture.pack("1.0.0") });
  expect(revoked).toMatchObject({ status: 403, body: { code: "PACK_REVOKED" } });
  expect((await ask("POST revocations", { json: { kind: "publisher", id: fixture.keyId } })).body).toMatchObject({
    added: true,
  });
  expect(running()).toEqual([]);
  expect((await ask("POST revocations", { json: { kind: "publisher", id: fixture.keyId } })).body).toMatchObject({
    added: false,
  });
  expect((await ask("GET revocations")).body.items).toMatchObject([
    { kind: "pack", reason: "leaks" },
    { kind: "publisher" },
  ]);
  expect((await ask("POST tenants/acme/packs", { bytes: await fixture.pack("3.0.0") })).body).toMatchObject({
    code: "PACK_SIGNER_REVOKED",
  });
  expect((await ask(`DELETE revocations/publisher/${fixture.keyId}`)).status).toBe(204);
  expect((await ask(`DELETE revocations/publisher/${fixture.keyId}`)).status).toBe(404);
  expect(running()).toEqual(["acme 2.0.0"]);
  expect((await ask("DELETE tenants/acme/packs/desk")).status).toBe(204);
  expect((await ask("DELETE tenants/acme/packs/desk")).status).toBe(404);
  expect(running()).toEqual([]);
});

test("secrets go in and never come out; who saw an older version doesn't write over a newer", async () => {
  verifies("admin.resources", "admin.races");
  await using fixture = await openAdminHost();
  const ask = await asAdmin(fixture, "acme");
  const listed = await ask("GET tenants/acme/secrets");
  expect(listed.body.items).toContainEqual(
    expect.objectContaining({ team: "_", category: "desk", name: "api_key", from: "sealed" }),
  );
  const place = "tenants/acme/secrets/_/desk/api_key";
  const { tag } = await ask(`GET ${place}`);
  const kept = await ask(`PUT ${place}`, { json: { value: "value-of-new" }, tag: tag ?? "" });
  expect(kept.status).toBe(200);
  expect(kept.tag).not.toBe(tag);
  expect((await ask(`PUT ${place}`, { json: { value: "value-of-late" }, tag: tag ?? "" })).status).toBe(412);
  expect((await ask(`PUT ${place}`, { json: { value: 7 } })).body.detail).toBe(
    "Check request: body/value: must be string",
  );
  const answers = [
    listed,
    kept,
    await ask(`GET ${place}`),
    await ask("GET config"),
    await ask("GET tenants/acme/audit"),
  ];
  expect(JSON.stringify(answers)).not.toContain("value-of-");
  expect(JSON.stringify((fixture.audit as ReturnType<typeof memoryAuditLog>).entries)).not.toContain("value-of-");
  const uri = parseSecretUri("secrets://test/acme/_/desk/api_key");
  expect(await localSecrets(fixture.config).read(uri)).toBe("value-of-new");
  expect((await ask(`DELETE ${place}`, { tag: kept.tag ?? "" })).status).toBe(204);
  expect((await ask(`DELETE ${place}`)).status).toBe(404);
});

test("OAuth providers are registered at, consented to and given up by tenant, and no token or secret comes out", async () => {
  verifies("oauth.admin", "admin.resources");
  await using provider = await startOidcStandIn();
  const declared = `[oauth.live]\nissuer = "${provider.issuer}"\nscopes = ["openid", "files"]\ntenants = ["acme"]\n`;
  await using fixture = await openAdminHost({}, { toml: declared });
  const ask = await asAdmin(fixture, "acme");
  const other = await asAdmin(fixture, "globex");
  const path = "tenants/acme/oauth/providers";
  const registrationOf = async (as: Ask, tenant: string): Promise<unknown> =>
    Object.fromEntries(
      ((await as(`GET tenants/${tenant}/oauth/providers`)).body.items as readonly Record<string, string>[]).map(
        ({ id = "", registration }) => [id, registration],
      ),
    );
  expect(await registrationOf(ask, "acme")).toEqual({ drive: "host", crm: "tenant", live: "none" });
  expect(await registrationOf(other, "globex")).toEqual({ drive: "host", crm: "tenant" });
  expect((await ask(`GET ${path}/live/plan`)).body).toEqual({
    provider: "live",
    ready: false,
    problems: ["OAUTH_CLIENT_MISSING"],
  });
  expect((await ask(`GET ${path}/drive/plan`)).body.problems).toEqual(["OAUTH_PROVIDER_UNAVAILABLE"]);
  for (const line of ["GET tenants/globex/oauth/providers/live/plan", "POST tenants/globex/oauth/providers/live/start"])
    expect((await other(line, line.startsWith("POST") ? { json: {} } : {})).body.code).toBe("OAUTH_PROVIDER_UNKNOWN");
  const set = await ask(`PUT ${path}/live/registration`, {
    json: { client_id: "acme-client", client_secret: "value-of-hush" },
  });
  expect(set.body).toMatchObject({
    id: "live",
    registration: "tenant",
    redirect_uri: "https://bot.example/oauth/callback/live",
  });
  expect((await ask(`PUT ${path}/drive/registration`, { json: { client_id: "x" } })).body.code).toBe(
    "OAUTH_REQUEST_INVALID",
  );
  expect((await ask(`GET ${path}/live/plan`)).body).toEqual({ provider: "live", ready: true, problems: [] });
  expect((await ask(`POST ${path}/live/start`, { json: { scopes: ["mail"] } })).status).toBe(403);

  // The link is the broker's own: it asks before it leaves, and ends in a grant of the tenant's.
  const started = await ask(`POST ${path}/live/start`, { json: { service: "nightly" } });
  expect(started).toMatchObject({ status: 201, body: { start_url: expect.stringMatching(/^https:\/\/bot\.example/) } });
  const { oauth } = fixture.host;
  const id = String(started.body.start_url).split("/").at(-1) ?? "";
  const departure = await oauth?.broker.leave(id, { isSure: true });
  if (departure?.kind !== "leave") throw new Error("expected to leave");
  const back = await fetch(departure.location, { redirect: "manual" });
  const answer = new URL(back.headers.get("location") ?? "");
  await oauth?.broker.arrive(answer.pathname, answer.searchParams, () => departure.cookie.value);
  expect(new URL(departure.location).searchParams.get("client_id")).toBe("acme-client");
  const listed = await ask("GET tenants/acme/oauth/grants");
  expect(listed.body.items).toMatchObject([
    { provider: "drive", owner_kind: "user", owner_id: GRANTED, account: "account of acme", state: "connected" },
    { provider: "live", owner_kind: "service", owner_id: "nightly", account: "account-1", visibility: "tenant" },
  ]);
  expect((await ask("DELETE tenants/acme/oauth/grants/live/service/nightly")).status).toBe(204);
  expect(provider.revoked).toHaveLength(1);
  expect((await ask("DELETE tenants/acme/oauth/grants/live/service/nightly")).status).toBe(404);
  expect((await other("GET tenants/globex/oauth/grants")).body.items).toHaveLength(1);
  expect((await ask(`DELETE ${path}/live/registration`)).status).toBe(204);
  expect((await ask(`DELETE ${path}/live/registration`)).status).toBe(404);
  const said = JSON.stringify([set, started, listed, (fixture.audit as ReturnType<typeof memoryAuditLog>).entries]);
  for (const secret of [...provider.secrets, "value-of-"]) expect(said).not.toContain(secret);
});

test("tokens are made once by name, told once, and count no more when they are revoked or their file is damaged", async () => {
  verifies("admin.tokens");
  await using fixture = await openAdminHost();
  const ask = await asAdmin(fixture, "acme");
  const made = await ask("POST tenants/acme/tokens", {
    json: { name: "ci", role: "publisher", expires_in_seconds: 60 },
  });
  expect(made).toMatchObject({ status: 201, body: { tenant: "acme", role: "publisher", living: true } });
  expect((await ask("POST tenants/acme/tokens", { json: { name: "ci", role: "publisher" } })).body.code).toBe(
    "ADMIN_NAME_TAKEN",
  );
  expect((await ask("POST tokens", { json: { name: "ci", role: "viewer" } })).status).toBe(403);
  const ci = asker(fixture, made.body.token as string);
  expect((await ci("GET whoami")).body).toEqual({
    actor: "admin:ci@acme",
    kind: "token",
    grants: [{ tenant: "acme", role: "publisher" }],
  });
  const listed = JSON.stringify((await ask("GET tenants/acme/tokens")).body);
  const file = join(fixture.config.dataDir, "admin-tokens.json");
  for (const text of [listed, readFileSync(file, "utf8")]) expect(text).not.toContain(made.body.token);
  expect((await ask(`DELETE tenants/acme/tokens/${made.body.id as string}`)).status).toBe(204);
  expect((await ci("GET whoami")).status).toBe(401);
  writeFileSync(file, "{");
  expect((await ask("GET whoami")).status).toBe(401);
  expect(fixture.reports).toContainEqual(
    expect.objectContaining({ error: expect.objectContaining({ code: "ADMIN_TOKENS_INVALID" }) as object }),
  );
});

test("a drained host refuses new work until it is told to take it again", async () => {
  verifies("admin.drain");
  await using fixture = await openAdminHost();
  const ask = await asAdmin(fixture);
  const ready = async (): Promise<number> => (await fixture.gateway.app.request("/readyz")).status;
  expect(await ready()).toBe(200);
  expect((await ask("POST drain")).body).toEqual({ draining: true });
  expect(await ready()).toBe(503);
  expect((await fixture.gateway.app.request("/webhook/main", { method: "POST", body: "{}" })).status).toBe(503);
  expect((await ask("GET status")).body).toMatchObject({ draining: true, ready: false, packs: 2, durable: false });
  expect((await ask("DELETE drain")).body).toEqual({ draining: false });
  expect(await ready()).toBe(200);
});

test("nothing is changed that isn't on record before; refusals are on record", async () => {
  verifies("admin.audit");
  const log = memoryAuditLog();
  let isFull = false;
  let isLate = false;
  // A disk is full for others than us: the log is a real one, whose writing fails.
  const audit: AuditLog = {
    ...log,
    record(entry) {
      if (isFull || (isLate && !entry.action.endsWith(".begin"))) return Promise.reject(new Error("ENOSPC"));
      return log.record(entry);
    },
  };
  await using fixture = await openAdminHost({}, { audit });
  const ask = await asAdmin(fixture);
  const viewer = asker(fixture, await fixture.token({ tenant: "acme", role: "viewer" }));
  isFull = true;
  const before = await fixture.snapshot();
  const mine = fixture.seeded["acme"];
  if (mine === undefined) throw new Error("no acme");
  const key = encodeURIComponent(mine.session);
  const asked: Readonly<Record<string, Parameters<Ask>>> = {
    startDraining: ["POST drain"],
    stopDraining: ["DELETE drain"],
    reloadPolicy: ["POST policies/reload"],
    revoke: ["POST revocations", { json: { kind: "pack", id: mine.packHash } }],
    unrevoke: [`DELETE revocations/pack/${mine.packHash}`],
    loadPack: ["POST tenants/acme/packs", { bytes: await fixture.pack("2.0.0") }],
    unloadPack: ["DELETE tenants/acme/packs/desk"],
    endSession: [`DELETE tenants/acme/sessions/${key}`],
    erase: ["POST tenants/acme/erasures", { json: { user: "+49 170 1" } }],
    retrySend: [`POST tenants/acme/outbox/${mine.send}/retry`],
    abandonSend: [`POST tenants/acme/outbox/${mine.send}/abandon`],
    redriveDeadLetter: [`POST tenants/acme/dead-letters/${mine.deadLetter}/redrive`],
    dropDeadLetter: [`DELETE tenants/acme/dead-letters/${mine.deadLetter}`],
    setSecret: ["PUT tenants/acme/secrets/_/desk/api_key", { json: { value: "x" } }],
    deleteSecret: ["DELETE tenants/acme/secrets/_/desk/api_key"],
    setOAuthRegistration: ["PUT tenants/acme/oauth/providers/crm/registration", { json: { client_id: "x" } }],
    deleteOAuthRegistration: ["DELETE tenants/acme/oauth/providers/crm/registration"],
    startOAuthConsent: ["POST tenants/acme/oauth/providers/drive/start", { json: {} }],
    listOAuthGrants: ["GET tenants/acme/oauth/grants"],
    revokeOAuthGrant: [`DELETE tenants/acme/oauth/grants/drive/user/${encodeURIComponent(GRANTED)}`],
    createToken: ["POST tenants/acme/tokens", { json: { name: "new", role: "viewer" } }],
    revokeToken: [`DELETE tenants/acme/tokens/${mine.tokenId}`],
    createHostToken: ["POST tokens", { json: { name: "new", role: "viewer" } }],
    revokeHostToken: [`DELETE tokens/${mine.tokenId}`],
    getSessionTexts: [`GET tenants/acme/sessions/${key}/texts`],
    listSecrets: ["GET tenants/acme/secrets"],
    getSecret: ["GET tenants/acme/secrets/_/desk/api_key"],
    getConfig: ["GET config"],
    listAudit: ["GET audit"],
    listTenantAudit: ["GET tenants/acme/audit"],
    listTokens: ["GET tenants/acme/tokens"],
    listHostTokens: ["GET tokens"],
  };
  const guarded = fixture.admin.routes.filter(({ effect }) => effect !== "read").map(({ id }) => id);
  expect(Object.keys(asked).sort()).toEqual(guarded.sort());
  for (const [id, args] of Object.entries(asked))
    expect([id, await ask(...args)]).toMatchObject([id, { status: 503, body: { code: "ADMIN_AUDIT_UNAVAILABLE" } }]);
  expect(await fixture.snapshot()).toEqual(before);
  // Seeing what isn't guarded needs no record.
  expect((await ask("GET tenants/acme/sessions")).status).toBe(200);
  isFull = false;
  isLate = true;
  expect(await ask("POST drain")).toMatchObject({ status: 503, body: { code: "ADMIN_OUTCOME_UNRECORDED" } });
  isLate = false;
  const actor = String((await ask("GET whoami")).body.actor);
  expect((await ask("DELETE drain")).status).toBe(200);
  expect((await viewer("DELETE tenants/acme/packs/desk")).status).toBe(403);
  expect((await asker(fixture, "gtadm_wrong")("GET status")).status).toBe(401);
  const told = log.entries.map(({ actor: who, action, outcome, code }: AuditEntry) => [
    who.split("@")[0],
    action,
    outcome,
    code,
  ]);
  expect(told.slice(-5)).toEqual([
    [actor, "host.drain.begin", "allowed", undefined],
    [actor, "host.undrain.begin", "allowed", undefined],
    [actor, "host.undrain", "allowed", undefined],
    [expect.stringMatching(/^admin:t\d+$/), "pack.unload", "denied", "ADMIN_ROLE_MISSING"],
    ["admin:unknown", "admin.authenticate", "denied", "ADMIN_UNAUTHENTICATED"],
  ]);
});

test("rules of policy are seen and read anew, the host's by who has a role over it alone", async () => {
  verifies("admin.resources", "policy.reload", "quota.stored-bytes");
  await using fixture = await openAdminHost(
    {},
    {
      toml: '[[policy.rules]]\nid = "no-globex"\nat = ["turn"]\nwhen = "tenant == \'globex\'"\neffect = "deny"\n[quota.tenants.acme]\nstored_bytes = 9_000_000\n',
    },
  );
  const ask = await asAdmin(fixture);
  const usage = { stored_bytes: expect.any(Number) as number };
  expect((await ask("GET tenants/globex/usage")).body).toEqual(usage);
  expect((await ask("GET tenants/acme/usage")).body).toEqual({ ...usage, allowed_bytes: 9_000_000 });
  expect((await ask("GET policies")).body.items).toMatchObject([{ id: "no-globex", effect: "deny", at: ["turn"] }]);
  expect((await ask("GET tenants/acme/policies")).body).toEqual({ items: [] });
  expect((await ask("GET tenants/acme/access")).body).toEqual({ items: [] });
  const own = await asAdmin(fixture, "acme");
  expect((await own("GET policies")).status).toBe(403);
  expect((await own("GET tenants/acme/usage")).body.stored_bytes).toBeGreaterThan(100);
  expect((await own("POST policies/reload")).status).toBe(403);

  const file = fixture.config.file ?? "";
  const before = readFileSync(file, "utf8");
  expect((await ask("POST policies/reload")).body).toMatchObject({ changed: [] });
  writeFileSync(file, before.replace("no-globex", "never-globex").replace("tenant == ", "tennant == "));
  expect(await ask("POST policies/reload")).toMatchObject({
    status: 400,
    body: { code: "POLICY_EXPRESSION_INVALID", at: "greentic.toml:7:1" },
  });
  expect((await ask("GET policies")).body.items).toMatchObject([{ id: "no-globex" }]);
  writeFileSync(file, before.replace("no-globex", "never-globex"));
  expect(await ask("POST policies/reload")).toMatchObject({ status: 200, body: { changed: ["policy"] } });
  expect((await ask("GET policies")).body.items).toMatchObject([{ id: "never-globex" }]);
});

test("lists go on where they stopped, and take no cursor of another list", async () => {
  verifies("admin.races");
  await using fixture = await openAdminHost();
  const ask = await asAdmin(fixture);
  const { store } = fixture.host.runtime;
  const { session } = fixture.seeded["acme"] ?? {};
  const [known] = await store.list({ tenant: tenantId("acme") });
  if (session === undefined || known === undefined) throw new Error("no session");
  for (const env of ["prod", "test", "test-2"])
    for (let n = 0; n < 3; n++)
      await store.accept({
        key: session.replace(/^test:/, `${env}:`).replace(":c1:", `:d${n}:`) as typeof session,
        dedupeKey: `more-${env}-${n}`,
        receivedAtMs: 0,
        traceId: "ab".repeat(16),
        envelope: {
          id: "m",
          tenant: { env, tenant: "acme" },
          channel: "webchat",
          session_id: "c",
          text: "",
          attachments: [],
          metadata: {},
        },
        dedupeTtlMs: 1,
      });
  const keys: string[] = [];
  let next = "";
  do {
    const page = await ask(`GET tenants/acme/sessions?limit=2${next}`);
    keys.push(...(page.body.items as readonly { readonly key: string }[]).map(({ key }) => key));
    next = page.body.next === undefined ? "" : `&cursor=${page.body.next as string}`;
    if (next !== "") expect((await ask(`GET tenants/acme/outbox?limit=2${next}`)).status).toBe(400);
  } while (next !== "");
  // Of this host's env alone, though the store has others.
  expect(keys.map((key) => key.split(":").slice(0, 5).join(":"))).toEqual(
    ["c1", "d0", "d1", "d2"].map((name) => `test:acme:default:webchat:${name}`),
  );
  expect((await ask("GET tenants/acme/sessions?limit=0")).status).toBe(400);
  expect((await ask("GET tenants/acme/sessions?limit=2&limit=3")).status).toBe(400);
});
