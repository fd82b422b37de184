import { once } from "node:events";
import { request } from "node:http";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { createAdmin } from "../../src/admin/index.ts";
import type { AdminHost } from "../../src/admin/index.ts";
import { listen } from "../../src/admin/listen.ts";
import { DEFAULT_LIMITS } from "../../src/admin/options.ts";
import { mountAdmin } from "../../src/cli/admin/admin-mount.ts";
import type { AdminConfig } from "../../src/config/index.ts";
import { memoryAuditLog } from "../../src/telemetry/index.ts";
import type { AdminHostFixture } from "../stand-ins/admin-host.ts";
import { openAdminHost } from "../stand-ins/admin-host.ts";
import { makeCertificates } from "../stand-ins/certificates.ts";
import { createTestWorld } from "../stand-ins/test-world.ts";
import { verifies } from "../verifies.ts";

async function ask(
  url: string,
  {
    headers = {},
    method = "GET",
    path = "/admin/v1/whoami",
  }: { readonly headers?: Readonly<Record<string, string>>; readonly method?: string; readonly path?: string },
): Promise<{ readonly status: number; readonly code: unknown; readonly headers: Readonly<Record<string, unknown>> }> {
  const sent = request(`${url}${path}`, { method, headers, agent: false });
  sent.end();
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  const said = await text(answer);
  const code = said === "" ? undefined : (JSON.parse(said) as { readonly code?: string }).code;
  return { status: answer.statusCode ?? 0, code, headers: answer.headers };
}

test("only names and sites that are allowed are answered", async () => {
  verifies("admin.rebinding");
  await using fixture = await openAdminHost({ origins: ["https://console.example.com"] });
  const authorization = `Bearer ${await fixture.token({ tenant: "*", role: "admin" })}`;
  const listening = await fixture.admin.listen({ host: "127.0.0.1", port: 0 });
  const { port } = new URL(listening.url);
  for (const [host, status] of [
    ["localhost", 200],
    [`127.0.0.1:${port}`, 200],
    [`LOCALHOST:${port}`, 200],
    ["[::1]:80", 200],
    ["evil.example.com", 403],
    [`evil.example.com:${port}`, 403],
    ["localhost.evil.example.com", 403],
    ["localhost@evil.example.com", 400],
    ["127.0.0.2", 403],
    ["0.0.0.0", 403],
    ["localhost:80:80", 403],
  ] as const) {
    const got = await ask(listening.url, { headers: { host, authorization } });
    const refused = [400, 403].includes(got.status);
    expect({ host, isRefused: refused }).toEqual({ host, isRefused: status !== 200 });
  }
  for (const origin of [
    "https://evil.example.com",
    "null",
    "http://localhost",
    `http://127.0.0.1:${port}`,
    "http://console.example.com",
  ])
    expect([origin, await ask(listening.url, { headers: { authorization, origin } })]).toMatchObject([
      origin,
      { status: 403, code: "ADMIN_ORIGIN_DENIED" },
    ]);
  const own = await ask(listening.url, { headers: { authorization, origin: "https://console.example.com" } });
  expect(own).toMatchObject({ status: 200, headers: { "access-control-allow-origin": "https://console.example.com" } });
  expect(own.headers).not.toHaveProperty("access-control-allow-credentials");
  expect(
    await ask(listening.url, { method: "OPTIONS", headers: { origin: "https://console.example.com" } }),
  ).toMatchObject({ status: 204 });
  expect(await ask(listening.url, { method: "OPTIONS", headers: {} })).toMatchObject({ status: 401 });
  expect(own.headers).toMatchObject({ "cache-control": "no-store", "x-content-type-options": "nosniff" });
  expect(own.headers).not.toHaveProperty("set-cookie");
  await listening.close();
});

test("slow and oversized requests are cut, and no address takes all connections", async () => {
  verifies("admin.limits");
  await using fixture = await openAdminHost();
  const token = await fixture.token({ tenant: "*", role: "admin" });
  const listening = await listen(fixture.admin.app, {
    host: "127.0.0.1",
    port: 0,
    trustedProxies: [],
    limits: { ...DEFAULT_LIMITS, headersTimeoutMs: 200, requestTimeoutMs: 400, maxConnectionsPerAddress: 4 },
  });
  const port = Number(new URL(listening.url).port);
  /** Sends bytes and reads until the server closes. */
  const raw = async (...parts: readonly string[]): Promise<string> => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    await once(socket, "connect");
    for (const part of parts) socket.write(part);
    return text(socket).catch(() => "");
  };
  const head = `POST /admin/v1/tokens HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\n`;
  expect(await raw("GET /admin/v1/whoami HTTP/1.1\r\nhost: localhost\r\nx-slow: ")).toMatch(/^HTTP\/1\.1 408 /);
  // A body that never ends: the connection ends.
  expect(await raw(`${head}content-length: 100\r\n\r\n{`)).not.toMatch(/^HTTP\/1\.1 2/);
  expect(await raw(`GET / HTTP/1.1\r\nhost: localhost\r\nx-long: ${"a".repeat(20_000)}\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 431 /,
  );
  expect(await raw("GET / HTTP/1.1\r\nconnection: close\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
  expect(await raw(`${head}connection: close\r\ncontent-length: 99999999\r\n\r\n{}`)).toMatch(/^HTTP\/1\.1 413 /);
  expect(await raw(`${head}connection: close\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}`)).toMatch(
    /^HTTP\/1\.1 415 /,
  );
  const idle = Array.from({ length: 6 }, () => connect(port, "127.0.0.1"));
  for (const socket of idle) socket.on("error", () => undefined);
  const closed = await Promise.all(idle.slice(4).map((socket) => once(socket, "close").then(() => true)));
  expect(closed).toEqual([true, true]);
  for (const socket of idle) socket.destroy();
  expect(await fixture.tokens.list("*")).toHaveLength(1);
  await listening.close();
});

test("too many requests of an address or a credential wait, whoever else asks", async () => {
  verifies("admin.limits");
  const world = createTestWorld();
  await using fixture = await openAdminHost();
  const token = await fixture.token({ tenant: "*", role: "viewer" });
  const other = await fixture.token({ tenant: "*", role: "viewer" });
  const { app } = createAdmin({
    // Nothing of the host is asked for.
    host: {
      env: fixture.config.env,
      version: "1",
      world,
      tenants: () => [],
      drain: { isDraining: () => false },
    } as unknown as AdminHost,
    audit: memoryAuditLog(),
    tokens: fixture.tokens,
    limits: { requestsPerSecond: 2 },
  });
  const from = async (address: string, bearer: string): Promise<number> => {
    const socket = { remoteAddress: address };
    const headers = { authorization: `Bearer ${bearer}` };
    return (await app.request("http://localhost/admin/v1/whoami", { headers }, { incoming: { socket } as never }))
      .status;
  };
  const statuses: number[] = [];
  for (let n = 0; n < 6; n++) statuses.push(await from("127.0.0.1", token));
  expect(statuses).toEqual([200, 200, 200, 200, 429, 429]);
  expect(await from("127.0.0.1", other)).toBe(200);
  world.advance(1_000);
  expect(await from("127.0.0.1", token)).toBe(200);
  const strangers: number[] = [];
  for (let n = 0; n < 5; n++) strangers.push(await from(`2001:db8::${n}`, "gtadm_no"));
  expect(strangers).toEqual([401, 401, 401, 401, 429]);
  expect(await from("2001:db8:1::1", "gtadm_no")).toBe(401);
});

test("others than this machine are served only over TLS, by name, where somebody may come in, on record", async () => {
  verifies("admin.listen");
  await using fixture = await openAdminHost();
  const { certFile, keyFile } = makeCertificates();
  const base: AdminConfig = {
    listen: "0.0.0.0:0",
    host: "0.0.0.0",
    port: 0,
    hosts: [],
    origins: [],
    requestsPerSecond: 50,
  };
  const tls = { certFile, keyFile, needsClient: false, clients: [] };
  const warnings: string[] = [];
  const mount = (settings: Partial<AdminConfig>, config = fixture.config): ReturnType<typeof mountAdmin> =>
    mountAdmin({ ...base, ...settings }, mountOptions(fixture, config, warnings));
  for (const { record } of [await fixture.tokens.create({ name: "gone", tenant: "*", role: "admin" })])
    await fixture.tokens.revoke(record.id);
  const refused = { code: "ADMIN_LISTEN_UNSAFE" };
  await expect(mount({})).rejects.toMatchObject(refused);
  await expect(mount({ hosts: ["admin.example.com"] })).rejects.toMatchObject(refused);
  await expect(mount({ tls })).rejects.toMatchObject(refused);
  await expect(mount({ host: "127.0.0.1.example.com", hosts: ["a"] })).rejects.toMatchObject(refused);
  await expect(
    mount({ host: "127.0.0.1" }, { ...fixture.config, audit: { ...fixture.config.audit, isEnabled: false } }),
  ).rejects.toMatchObject(refused);
  // The seeded tokens are living ones; without them there is nobody.
  const living = await fixture.tokens.list();
  for (const { id } of living) await fixture.tokens.revoke(id);
  await expect(mount({ tls, hosts: ["localhost"] })).rejects.toMatchObject(refused);
  const alone = await mount({ host: "127.0.0.1" });
  expect(warnings).toEqual([expect.stringContaining("gtc admin token create")]);
  expect(await ask(alone.url, {})).toMatchObject({ status: 401 });
  await expect(mount({ host: "127.0.0.1", port: Number(new URL(alone.url).port) })).rejects.toMatchObject({
    code: "ADMIN_ADDRESS_UNAVAILABLE",
  });
  await alone.close();
  await fixture.token({ tenant: "*", role: "admin" });
  const open = await mount({ tls, hosts: ["localhost"] });
  expect(open.url).toMatch(/^https:\/\/0\.0\.0\.0:/);
  await open.close();
});

function mountOptions(
  fixture: AdminHostFixture,
  config: AdminHostFixture["config"],
  warnings: string[],
): Parameters<typeof mountAdmin>[1] {
  return {
    config,
    host: fixture.host,
    gateway: fixture.gateway,
    bundle: () => undefined,
    environment: {},
    audit: fixture.audit,
    report: () => undefined,
    warn: (message) => void warnings.push(message),
  };
}
