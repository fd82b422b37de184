import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openHostTokens } from "../../src/cli/admin/host-tokens.ts";
import { HostRevocations, readRevocations } from "../../src/cli/admin/revocations.ts";
import { openConfiguredTexts } from "../../src/cli/services.ts";
import { loadConfig } from "../../src/config/index.ts";
import { createMachineWorld } from "../../src/runner/index.ts";
import { tenantId } from "../../src/types/index.ts";
import { openAdminHost } from "../stand-ins/admin-host.ts";
import type { AdminHostFixture } from "../stand-ins/admin-host.ts";
import { hasRedis, startRedis } from "../stand-ins/redis-server.ts";
import type { RedisServer } from "../stand-ins/redis-server.ts";
import { verifies } from "../verifies.ts";

const AT = "2026-06-01T00:00:00.000Z";

async function ask({ admin }: AdminHostFixture, token: string, line: string, json?: object): Promise<Response> {
  const [method = "", path = ""] = line.split(" ");
  return admin.app.request(`http://localhost/admin/v1/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(json && { "content-type": "application/json" }) },
    ...(json && { body: JSON.stringify(json) }),
  });
}

describe.skipIf(!hasRedis)("hosts over one Redis (skipped where it isn't installed)", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  /** The configuration of a directory of its own. */
  function ownConfig(files: Readonly<Record<string, string>> = {}) {
    const dir = mkdtempSync(join(tmpdir(), "greentic-shared-"));
    mkdirSync(join(dir, ".greentic"), { mode: 0o700 });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, ".greentic", name), text);
    return loadConfig({ cwd: dir, environment: { GREENTIC_REDIS_URL: server.url }, flags: { env: "own" } });
  }

  test("what one makes and revokes counts at the other", { timeout: 60_000 }, async () => {
    verifies("admin.shared");
    await using one = await openAdminHost({}, { redisUrl: server.url });
    await using two = await openAdminHost({}, { redisUrl: server.url });
    expect(one.config.dataDir).not.toBe(two.config.dataDir);
    const token = await one.token({ tenant: "*", role: "admin" });
    expect((await ask(two, token, "GET status")).status).toBe(200);
    const made = (await (await ask(two, token, "POST tokens", { name: "ci", role: "viewer" })).json()) as {
      readonly id: string;
      readonly token: string;
    };
    expect((await ask(one, made.token, "GET status")).status).toBe(200);
    expect((await ask(one, token, "POST tokens", { name: "ci", role: "viewer" })).status).toBe(409);
    expect((await ask(one, token, `DELETE tokens/${made.id}`)).status).toBe(204);
    expect((await ask(two, made.token, "GET status")).status).toBe(401);
    expect((await ask(two, token, `DELETE tokens/${made.id}`)).status).toBe(404);

    const revoked = { kind: "publisher", id: one.keyId };
    expect(one.host.runtime.listPacks()).not.toEqual([]);
    expect(await (await ask(two, token, "POST revocations", revoked)).json()).toEqual({ ...revoked, added: true });
    await one.host.trust.check();
    expect(one.host.runtime.listPacks()).toEqual([]);
    expect(await (await ask(one, token, "GET revocations")).json()).toMatchObject({ items: [revoked] });
    expect(await (await ask(one, token, "POST revocations", revoked)).json()).toMatchObject({ added: false });
    // Who reads the directory alone, as the command line does, knows it too.
    expect(await readRevocations(one.config)).toMatchObject([revoked]);
    expect((await ask(one, token, `DELETE revocations/publisher/${one.keyId}`)).status).toBe(204);
    await two.host.trust.check();
    expect(await readRevocations(two.config)).toEqual([]);
  });

  test("what a directory had by itself is taken in once", { timeout: 60_000 }, async () => {
    verifies("admin.shared");
    const world = createMachineWorld();
    const alone = loadConfig({ cwd: mkdtempSync(join(tmpdir(), "greentic-alone-")), environment: {} });
    const before = await openHostTokens(alone, { texts: await openConfiguredTexts(alone), world });
    const { token, record } = await before.create({ name: "ops", tenant: tenantId("acme"), role: "viewer" });
    const kept = readFileSync(join(alone.dataDir, "admin-tokens.json"), "utf8");
    const revocation = { kind: "pack", id: "ab".repeat(32), reason: "", at: AT } as const;
    const list = JSON.stringify({ revocations: [revocation] });

    const config = ownConfig({ "admin-tokens.json": kept, "revocations.json": list });
    await using texts = await openConfiguredTexts(config);
    const tokens = await openHostTokens(config, { texts, world });
    expect(await tokens.find(token)).toMatchObject({ id: record.id });
    expect(await tokens.revoke(record.id)).toBe(true);
    expect([
      existsSync(join(config.dataDir, "admin-tokens.json")),
      existsSync(join(config.dataDir, "admin-tokens.json.adopted")),
    ]).toEqual([false, true]);

    // The same token comes from another directory, where nobody knew that it was revoked.
    const late = ownConfig({ "admin-tokens.json": kept, "revocations.json": '{"revocations":[]}' });
    const others = await openHostTokens(late, { texts, world });
    expect(await others.find(token)).toBeUndefined();

    const revocations = new HostRevocations(config, texts);
    await revocations.sync();
    const elsewhere = new HostRevocations(late, texts);
    await elsewhere.sync();
    expect(await readRevocations(late)).toEqual([revocation]);
    expect(await elsewhere.remove(revocation)).toBe(true);
    await revocations.sync();
    expect(await readRevocations(config)).toEqual([]);
    await elsewhere.sync();
    expect(await readRevocations(late)).toEqual([]);
  });

  test("without the store no token lets anybody in, and what was revoked stays so", { timeout: 60_000 }, async () => {
    verifies("admin.shared");
    await using own = await startRedis();
    await using one = await openAdminHost({}, { redisUrl: own.url });
    const token = await one.token({ tenant: "*", role: "admin" });
    await ask(one, token, "POST revocations", { kind: "publisher", id: one.keyId });
    expect(one.host.runtime.listPacks()).toEqual([]);
    await own.kill();
    expect((await ask(one, token, "GET whoami")).status).toBe(401);
    await one.host.trust.check();
    expect(one.host.runtime.listPacks()).toEqual([]);
  });
});
