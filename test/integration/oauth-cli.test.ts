import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openShell } from "../e2e/shell.ts";
import { startOidcStandIn } from "../stand-ins/oidc-server.ts";
import { verifies } from "../verifies.ts";

const CONFIG = (issuer: string): string => `
[network]
private_addresses = ["127.0.0.0/8"]

[oauth.drive]
issuer = "${issuer}"
client_id = "drive-client"
client_secret = "drive_secret"
scopes = ["openid", "files"]
`;

test("gtc oauth login --device, list and revoke keep a tenant's grant sealed, and say nothing of its tokens", async () => {
  verifies("oauth.headless", "oauth.secrecy");
  await using provider = await startOidcStandIn({ devicePolls: 1 });
  const shell = openShell();
  writeFileSync(join(shell.dir, "greentic.toml"), CONFIG(provider.issuer));
  const login = "gtc oauth login drive --tenant acme --device";
  const missing = await shell.run(login);
  expect([missing.code, missing.stderr]).toEqual([4, expect.stringContaining("OAUTH_CLIENT_MISSING") as string]);
  await shell.run("gtc secrets set drive_secret --category oauth --tenant acme --value hush-hush-hush");
  const done = await shell.run(login);
  expect([done.code, done.stdout, done.stderr]).toEqual([
    0,
    "connected: envs/dev/tenants/acme/providers/drive/service-default.json\n",
    expect.stringContaining("enter WDJB-MJHT") as string,
  ]);
  const listed = await shell.run("gtc oauth list --tenant acme --json");
  expect(JSON.parse(listed.stdout)).toMatchObject([
    { provider: "drive", owner: "service:default", state: "connected", scopes: ["openid", "files"] },
  ]);
  const audit = await shell.run("gtc audit list --json");
  expect(audit.stdout).toContain('"oauth.consent"');
  const said = [done, listed, audit].map(({ stdout, stderr }) => stdout + stderr).join("");
  for (const secret of [...provider.secrets, "hush-hush-hush"]) expect(said).not.toContain(secret);
  const revoked = await shell.run("gtc oauth revoke drive --tenant acme");
  expect([revoked.code, provider.revoked.length]).toEqual([0, 1]);
  expect(readFileSync(join(shell.dir, "greentic.toml"), "utf8")).toBe(CONFIG(provider.issuer));
});
