import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openHost } from "../../src/cli/host.ts";
import { loadConfig } from "../../src/config/index.ts";
import { readAs } from "../../src/secrets/index.ts";
import { readAudit, verifyAudit } from "../../src/telemetry/index.ts";
import { DEFAULT_TEAM } from "../../src/types/index.ts";
import { verifies } from "../verifies.ts";

async function hostWith(toml: string) {
  const dir = mkdtempSync(join(tmpdir(), "greentic-audited-"));
  mkdirSync(join(dir, "data"), { mode: 0o700 });
  writeFileSync(
    join(dir, "data/secrets.json"),
    JSON.stringify({ "secrets://test/acme/_/slack/slack_bot_token": "xoxb-hunter2" }),
    { mode: 0o600 },
  );
  writeFileSync(join(dir, "greentic.toml"), toml);
  const config = loadConfig({
    cwd: dir,
    environment: {},
    flags: { tenant: "acme", store: "memory", env: "test", data: join(dir, "data") },
  });
  return { dir, config, host: await openHost({ config, environment: {}, warn: () => undefined }) };
}
const ctxOf = (tenant: string) => ({
  env: "test" as never,
  tenant: tenant as never,
  team: DEFAULT_TEAM,
  traceId: "0".repeat(32),
  correlationId: "",
  attempt: 1,
  locale: "en",
});

test("a host keeps on record who read which secret, and not what it is", async () => {
  verifies("audit.secrets");
  const { dir, config, host } = await hostWith("[audit]\nkeep_days = 30\n");
  {
    await using open = host;
    expect(await readAs(open.secrets, "channel:slack").get(ctxOf("acme"), "slack", "slack_bot_token")).toBe(
      "xoxb-hunter2",
    );
    expect(await open.secrets.get(ctxOf("globex"), "slack", "slack_bot_token")).toBeUndefined();
  }
  const entries = await Array.fromAsync(readAudit(config.audit.dir));
  expect(
    entries.map(({ actor, action, target, outcome, tenant, code }) => ({
      actor,
      action,
      target,
      outcome,
      tenant,
      code,
    })),
  ).toEqual([
    {
      actor: "channel:slack",
      action: "secret.read",
      target: "secrets://test/acme/_/slack/slack_bot_token",
      outcome: "allowed",
      tenant: "acme",
      code: undefined,
    },
    {
      actor: "host",
      action: "secret.read",
      target: "secrets://test/globex/_/slack/slack_bot_token",
      outcome: "failed",
      tenant: "globex",
      code: "SECRETS_NOT_FOUND",
    },
  ]);
  expect((await verifyAudit(config.audit.dir)).findings).toEqual([]);
  for (const name of readdirSync(join(dir, "data/audit")))
    expect(readFileSync(join(dir, "data/audit", name), "utf8")).not.toContain("hunter2");
}, 60_000);

test("a host keeps nothing on record where the operator wants none", async () => {
  const { dir, host } = await hostWith("[audit]\nenabled = false\n");
  {
    await using open = host;
    await open.secrets.get(ctxOf("acme"), "slack", "slack_bot_token");
  }
  expect(readdirSync(join(dir, "data"))).not.toContain("audit");
}, 60_000);

test("the OAuth broker's acts stand in the same chain as all that the host notes", async () => {
  verifies("audit.secrets", "oauth.secrecy");
  const { config, host } = await hostWith('[oauth.drive]\nissuer = "http://127.0.0.1:9"\nclient_id = "a"\n');
  const owner = { env: config.env, tenant: config.tenant, provider: "drive", kind: "service", id: "crm" } as const;
  {
    await using open = host;
    // Batches of both at the same time: two writers would each go on from a head of their own.
    for (let round = 0; round < 3; round++) {
      await open.secrets.get(ctxOf("acme"), "slack", "slack_bot_token");
      await expect(open.oauth?.broker.grants.token(owner)).rejects.toMatchObject({ code: "OAUTH_CONSENT_MISSING" });
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  }
  const entries = await Array.fromAsync(readAudit(config.audit.dir));
  expect(entries.map(({ action, outcome, code }) => [action, outcome, code])).toEqual(
    Array.from({ length: 3 }, () => [
      ["secret.read", "allowed", undefined],
      ["oauth.token", "denied", "OAUTH_CONSENT_MISSING"],
    ]).flat(),
  );
  expect((await verifyAudit(config.audit.dir)).findings).toEqual([]);
}, 60_000);

test("what the OAuth broker reads of a client is on record like any other secret", async () => {
  verifies("audit.secrets");
  const { config, host } = await hostWith(
    '[oauth.drive]\nissuer = "http://127.0.0.1:9"\nclient_id = "a"\nclient_secret = "drive_secret"\n',
  );
  const owner = { env: config.env, tenant: config.tenant, provider: "drive", kind: "service", id: "crm" } as const;
  {
    await using open = host;
    open.oauth?.servedAt("http://127.0.0.1:1");
    const asked = await open.oauth?.broker.ask({ owner });
    await expect(open.oauth?.broker.leave(asked?.url.split("/").at(-1) ?? "", { isSure: true })).rejects.toMatchObject({
      code: "OAUTH_CLIENT_MISSING",
    });
  }
  const entries = await Array.fromAsync(readAudit(config.audit.dir));
  expect(entries.map(({ actor, action, target }) => [actor, action, target])).toContainEqual([
    "oauth",
    "secret.read",
    `secrets://${config.env}/${config.tenant}/_/oauth/drive_secret`,
  ]);
}, 60_000);
