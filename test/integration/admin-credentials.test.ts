import { execFileSync } from "node:child_process";
import { createHmac, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { CryptoKey as JoseKey, JWTPayload } from "jose";
import { expect, test } from "vitest";
import type { Role } from "../../src/admin/index.ts";
import { ROLES } from "../../src/admin/index.ts";
import type { Route } from "../../src/admin/route.ts";
import { tenantId } from "../../src/types/index.ts";
import type { AdminHostFixture } from "../stand-ins/admin-host.ts";
import { GRANTED, openAdminHost, TENANTS } from "../stand-ins/admin-host.ts";
import { makeCertificates } from "../stand-ins/certificates.ts";
import type { Certificates } from "../stand-ins/certificates.ts";
import { verifies } from "../verifies.ts";

/** Who a credential says that its bearer is: nobody, or roles over tenants. */
type Means = "nobody" | readonly { readonly tenant: string; readonly role: Role }[];

interface Credential {
  readonly name: string;
  readonly means: Means;
  readonly authorization?: string;
  readonly agent?: Agent;
}

/** A certificate of an authority for a name. */
function clientCertificate({ caFile }: Certificates, name: string): { readonly cert: Buffer; readonly key: Buffer } {
  const dir = mkdtempSync(join(tmpdir(), "greentic-client-"));
  const at = (file: string): string => join(dir, file);
  const openssl = (...args: readonly string[]): void => void execFileSync("openssl", args, { stdio: "ignore" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", at("key.pem")];
  openssl("req", ...key, "-out", at("request"), "-subj", `/CN=${name}`);
  const by = ["-CA", caFile, "-CAkey", caFile.replace(/ca\.pem$/, "ca.key"), "-CAcreateserial", "-days", "1"];
  openssl("x509", "-req", "-in", at("request"), ...by, "-out", at("cert.pem"));
  return { cert: readFileSync(at("cert.pem")), key: readFileSync(at("key.pem")) };
}

/** An issuer that serves its metadata and keys. */
async function startIssuer(): Promise<
  AsyncDisposable & { readonly issuer: string; readonly key: JoseKey; readonly jwk: object }
> {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const jwk = { ...(await exportJWK(publicKey)), kid: "k1", alg: "ES256", use: "sig" };
  const server = createServer((asked, answer) => {
    answer.setHeader("content-type", "application/json");
    if (asked.url === "/.well-known/openid-configuration")
      answer.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/jwks` }));
    else answer.end(JSON.stringify({ keys: [jwk] }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    issuer,
    key: privateKey,
    jwk,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const AUDIENCE = "greentic-admin";

async function oidcCredentials(issuer: {
  readonly issuer: string;
  readonly key: JoseKey;
  readonly jwk: object;
}): Promise<readonly Credential[]> {
  const other = await generateKeyPair("ES256");
  const sign = (
    claims: JWTPayload,
    { key = issuer.key, kid = "k1", from = issuer.issuer, to = AUDIENCE, exp = "5m", nbf = "-1m" } = {},
  ): Promise<string> =>
    new SignJWT({ groups: ["acme-ops"], ...claims })
      .setProtectedHeader({ alg: "ES256", kid })
      .setSubject("ada")
      .setIssuer(from)
      .setAudience(to)
      .setIssuedAt()
      .setNotBefore(nbf)
      .setExpirationTime(exp)
      .sign(key);
  const good = await sign({});
  const [header = "", payload = "", signature = ""] = good.split(".");
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const hmac = (head: object): string => {
    const signed = `${encode(head)}.${payload}`;
    return `${signed}.${createHmac("sha256", JSON.stringify(issuer.jwk)).update(signed).digest("base64url")}`;
  };
  const noExpiry = await new SignJWT({ groups: ["host-admins"] })
    .setProtectedHeader({ alg: "ES256", kid: "k1" })
    .setSubject("ada")
    .setIssuer(issuer.issuer)
    .setAudience(AUDIENCE)
    .sign(issuer.key);
  const bearers: readonly (readonly [string, Means, string])[] = [
    ["oidc of a group", [{ tenant: "acme", role: "operator" }], good],
    ["oidc of the host's group", [{ tenant: "*", role: "admin" }], await sign({ groups: ["host-admins"] })],
    ["oidc of no group", [], await sign({ groups: ["others"] })],
    ["oidc whose name is a group's", [], await sign({ groups: [], name: "host-admins", role: "admin", tenant: "*" })],
    ["oidc of another issuer", "nobody", await sign({}, { from: "https://evil.example.com" })],
    ["oidc for another audience", "nobody", await sign({}, { to: "another" })],
    ["oidc that has expired", "nobody", await sign({}, { exp: "-2m", nbf: "-1h" })],
    ["oidc of later", "nobody", await sign({}, { nbf: "10m", exp: "1h" })],
    ["oidc that never expires", "nobody", noExpiry],
    ["oidc of another key", "nobody", await sign({}, { key: other.privateKey })],
    ["oidc of an unknown key id", "nobody", await sign({}, { key: other.privateKey, kid: "k2" })],
    ["oidc without an algorithm", "nobody", `${encode({ alg: "none" })}.${payload}.`],
    ["oidc signed with the public key", "nobody", hmac({ alg: "HS256", kid: "k1" })],
    [
      "oidc with changed claims",
      "nobody",
      `${header}.${encode({ iss: issuer.issuer, aud: AUDIENCE, sub: "ada", exp: 9_999_999_999, groups: ["host-admins"] })}.${signature}`,
    ],
    ["oidc cut off", "nobody", `${header}.${payload}`],
  ];
  return bearers.map(([name, means, bearer]) => ({ name, means, authorization: `Bearer ${bearer}` }));
}

async function credentialsOf(
  fixture: AdminHostFixture,
  issuer: { readonly issuer: string; readonly key: JoseKey; readonly jwk: object },
  { server, clients }: { readonly server: Certificates; readonly clients: Certificates },
): Promise<readonly Credential[]> {
  const { tokens } = fixture;
  const ca = readFileSync(server.caFile);
  const plain = new Agent({ ca, keepAlive: true, maxSockets: 4 });
  const bearer = (name: string, means: Means, value: string): Credential => ({
    name,
    means,
    authorization: `Bearer ${value}`,
  });
  const own: Credential[] = [];
  for (const tenant of [...TENANTS, "*"])
    for (const role of ROLES)
      own.push(bearer(`token of ${tenant} as ${role}`, [{ tenant, role }], await fixture.token({ tenant, role })));
  const expired = await fixture.token({ tenant: "*", role: "admin" }, Date.now() - 1);
  const revoked = await tokens.create({ name: "revoked", tenant: "*", role: "admin" });
  await tokens.revoke(revoked.record.id);
  const living = await fixture.token({ tenant: "*", role: "admin" });
  const certificate = (name: string, means: Means, by: Certificates, cn: string): Credential => ({
    name,
    means,
    agent: new Agent({ ca, keepAlive: true, maxSockets: 4, ...clientCertificate(by, cn) }),
  });
  const mapped = certificate("certificate of acme's admin", [{ tenant: "acme", role: "admin" }], clients, "acme-admin");
  const all: readonly Credential[] = [
    { name: "nothing", means: "nobody" },
    bearer("garbage", "nobody", "garbage"),
    bearer("a token that never was", "nobody", `gtadm_${randomBytes(32).toString("base64url")}`),
    bearer("a token cut off", "nobody", living.slice(0, -1)),
    bearer("a token with more", "nobody", `${living}x`),
    bearer("a token's hash", "nobody", (await tokens.list())[0]?.digest ?? ""),
    bearer("an expired token", "nobody", expired),
    bearer("a revoked token", "nobody", revoked.token),
    { name: "a token as a password", means: "nobody", authorization: `Basic ${btoa(`admin:${living}`)}` },
    { name: "two bearers", means: "nobody", authorization: `Bearer ${living}, Bearer ${living}` },
    ...own,
    ...(await oidcCredentials(issuer)),
    mapped,
    certificate("certificate of the host's viewer", [{ tenant: "*", role: "viewer" }], clients, "host-viewer"),
    certificate("certificate of an unknown name", [], clients, "somebody"),
    certificate("certificate of another authority", "nobody", makeCertificates(), "acme-admin"),
    { ...mapped, name: "a good certificate beside a bad token", means: "nobody", authorization: `Bearer ${expired}` },
  ];
  return all.map((one) => ({ agent: plain, ...one }));
}

/** What a route is asked for so that it would take effect for a tenant, where the caller may. */
function askFor(
  route: Route,
  fixture: AdminHostFixture,
  tenant: string,
): { readonly path: string; readonly body?: string | Uint8Array } {
  const mine = fixture.seeded[tenant];
  if (mine === undefined) throw new Error(`expected ${tenant} to be there`);
  const ids: Readonly<Record<string, string>> = {
    retrySend: mine.send,
    abandonSend: mine.send,
    redriveDeadLetter: mine.deadLetter,
    dropDeadLetter: mine.deadLetter,
    revokeToken: mine.tokenId,
    revokeHostToken: mine.tokenId,
    unrevoke: fixture.keyId,
  };
  const values: Readonly<Record<string, string | undefined>> = {
    tenant,
    name: route.path.includes("/secrets/") ? "api_key" : mine.pack,
    key: mine.session,
    team: "_",
    category: "desk",
    kind: "publisher",
    id: ids[route.id],
    provider: route.path.endsWith("/registration") ? "crm" : "drive",
    owner_kind: "user",
    owner_id: GRANTED,
  };
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${route.id}: the test has no ${name}`);
    return encodeURIComponent(value);
  });
  if (route.body === undefined) return { path };
  const bodies: Readonly<Record<string, object>> = {
    revoke: { kind: "pack", id: "ab".repeat(32), reason: "test" },
    erase: { user: "+49 170 1" },
    setSecret: { value: "stolen" },
    setOAuthRegistration: { client_id: "stolen" },
    startOAuthConsent: { scopes: ["files"] },
    createToken: { name: "mine", role: "admin" },
    createHostToken: { name: "mine", role: "admin" },
  };
  if (route.body.kind === "bytes") return { path, body: packBytes };
  const body = bodies[route.id];
  if (body === undefined) throw new Error(`${route.id}: the test has no body`);
  return { path, body: JSON.stringify(body) };
}

let packBytes: Uint8Array = new Uint8Array();

async function send(
  url: string,
  route: Route,
  {
    credential,
    path,
    body,
  }: { readonly credential: Credential; readonly path: string; readonly body?: string | Uint8Array },
): Promise<{ readonly status: number; readonly body: string }> {
  const headers = {
    host: "localhost",
    ...(credential.authorization !== undefined && { authorization: credential.authorization }),
    ...(route.body !== undefined && {
      "content-type": route.body.kind === "json" ? "application/json" : route.body.mediaType,
    }),
  };
  const options = { method: route.method, headers, agent: credential.agent, servername: "localhost" };
  const sent = request(`${url}${path}`, options);
  sent.end(body);
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, body: await text(answer) };
}

/** What a route says to a credential that asks for a tenant; undefined where it lets it in. */
function refusal(
  route: Route,
  means: Means,
  tenant: string,
): { readonly status: number; readonly code: string } | undefined {
  if (means === "nobody") return { status: 401, code: "ADMIN_UNAUTHENTICATED" };
  if (route.scope === "anyone") return undefined;
  const over = means.filter((grant) => grant.tenant === "*" || (route.scope === "tenant" && grant.tenant === tenant));
  if (over.some(({ role }) => ROLES.indexOf(role) >= ROLES.indexOf(route.role))) return undefined;
  return over.length === 0 && route.scope === "tenant"
    ? { status: 404, code: "ADMIN_NOT_FOUND" }
    : { status: 403, code: "ADMIN_ROLE_MISSING" };
}

test("every route lets every kind of credential do what the table says, and nothing else", async () => {
  verifies("admin.authorise", "admin.tenants", "admin.oidc", "admin.mtls", "admin.tokens", "admin.openapi");
  await using issuer = await startIssuer();
  const server = makeCertificates();
  const clients = makeCertificates();
  const tls = {
    certFile: server.certFile,
    keyFile: server.keyFile,
    clientCaFile: clients.caFile,
    needsClient: false,
    clients: [
      { name: "acme-admin", tenant: tenantId("acme"), role: "admin" },
      { name: "host-viewer", tenant: "*", role: "viewer" },
    ] as const,
  };
  await using fixture = await openAdminHost({
    tls,
    oidc: {
      issuer: issuer.issuer,
      audience: AUDIENCE,
      grants: [
        { claim: "groups", value: "acme-ops", tenant: tenantId("acme"), role: "operator" },
        { claim: "groups", value: "host-admins", tenant: "*", role: "admin" },
      ],
    },
  });
  packBytes = await fixture.pack("2.0.0");
  const listening = await fixture.admin.listen({ host: "127.0.0.1", port: 0, tls });
  const credentials = await credentialsOf(fixture, issuer, { server, clients });

  // What is served is what the table says, and what the document says.
  const live = fixture.admin.app.routes.filter(({ method, path }) => method !== "ALL" && path !== "/*");
  const served = live.map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`).sort();
  expect(served).toEqual(fixture.admin.routes.map(({ method, path }) => `${method} ${path}`).sort());
  const document = (await (
    await fixture.admin.app.request("/admin/v1/openapi.json", {
      headers: { host: "localhost", authorization: `Bearer ${await fixture.token({ tenant: "*", role: "admin" })}` },
    })
  ).json()) as { readonly paths: Readonly<Record<string, object>> };
  expect(
    Object.entries(document.paths)
      .flatMap(([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`))
      .sort(),
  ).toEqual(served);

  const before = await fixture.snapshot();
  let refused = 0;
  const wrong: string[] = [];
  const allowed: { readonly credential: Credential; readonly route: Route; readonly tenant: string }[] = [];
  for (const route of fixture.admin.routes) {
    for (const tenant of route.scope === "tenant" ? TENANTS : ["acme"]) {
      for (const credential of credentials) {
        const expected = refusal(route, credential.means, tenant);
        if (expected === undefined) {
          allowed.push({ credential, route, tenant });
          continue;
        }
        const got = await send(listening.url, route, { credential, ...askFor(route, fixture, tenant) });
        const code = (JSON.parse(got.body) as { readonly code?: string }).code;
        if (got.status !== expected.status || code !== expected.code)
          wrong.push(`${route.id} of ${tenant} with ${credential.name}: ${got.status} ${String(code)}`);
        refused++;
      }
    }
  }
  expect(wrong).toEqual([]);
  expect(await fixture.snapshot()).toEqual(before);

  // Who may is let in; what is named is gone after the first, which isn't a refusal.
  for (const { credential, route, tenant } of allowed) {
    const got = await send(listening.url, route, { credential, ...askFor(route, fixture, tenant) });
    const told = got.body === "" ? {} : (JSON.parse(got.body) as { readonly code?: string; readonly detail?: string });
    const isIn =
      got.status === route.answer.status ||
      ([404, 409].includes(got.status) && told.detail?.startsWith("Find tenant") !== true);
    if (!isIn || (route.params === undefined && route.effect !== "change" && got.status !== route.answer.status))
      wrong.push(`${route.id} of ${tenant} with ${credential.name}: ${got.status} ${got.body}`);
    expect(got.body).not.toContain("value-of-");
  }
  expect(wrong).toEqual([]);
  process.stderr.write(
    `admin: ${fixture.admin.routes.length} routes, ${credentials.length} credentials, ${refused} requests refused, ${allowed.length} let in\n`,
  );
  expect(refused).toBeGreaterThan(1_000);
  await listening.close();
  for (const { agent } of credentials) agent?.destroy();
});

test("a listener that needs certificates lets no connection in without one that counts", async () => {
  verifies("admin.mtls");
  const server = makeCertificates();
  const clients = makeCertificates();
  const tls = {
    certFile: server.certFile,
    keyFile: server.keyFile,
    clientCaFile: clients.caFile,
    needsClient: true,
    clients: [{ name: "ci", tenant: "*", role: "viewer" }] as const,
  };
  await using fixture = await openAdminHost({ tls });
  const listening = await fixture.admin.listen({ host: "127.0.0.1", port: 0, tls });
  const ca = readFileSync(server.caFile);
  const [route] = fixture.admin.routes;
  if (route === undefined) throw new Error("expected routes");
  const ask = (agent: Agent): Promise<{ readonly status: number }> =>
    send(listening.url, route, { credential: { name: "", means: "nobody", agent }, path: "/admin/v1/whoami" });
  await expect(ask(new Agent({ ca }))).rejects.toThrow();
  await expect(ask(new Agent({ ca, ...clientCertificate(makeCertificates(), "ci") }))).rejects.toThrow();
  expect(await ask(new Agent({ ca, ...clientCertificate(clients, "ci") }))).toMatchObject({ status: 200 });
  await listening.close();
});
