import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Shell } from "../e2e/shell.ts";
import { openShell } from "../e2e/shell.ts";
import { verifies } from "../verifies.ts";
import { hasPeers } from "./load-peer.ts";
import { FormBrowser, startOidcProvider } from "./oauth-peers.ts";

if (!hasPeers) process.stderr.write("oauth-login: 3 skipped, npm run peers has not been run\n");

const CONFIG = (issuer: string): string => `
[network]
private_addresses = ["127.0.0.0/8"]

[oauth.peer]
issuer = "${issuer}"
client_id = "peer-cli"
scopes = ["openid", "offline_access"]
params = { prompt = "consent" }
`;
const LOGIN = "gtc oauth login peer --tenant acme";
const isLoopback = ({ pathname, hostname }: URL): boolean => hostname === "127.0.0.1" && pathname === "/callback";

/** A directory whose greentic.toml declares the provider for a public client. */
function shellAt(issuer: string): Shell {
  const shell = openShell();
  writeFileSync(join(shell.dir, "greentic.toml"), CONFIG(issuer));
  return shell;
}

/** Runs a log-in; `browse` does the browser's part once the command has said where to go. */
async function login(
  shell: Shell,
  { command, page, browse }: { command: string; page: RegExp; browse: (found: RegExpExecArray) => Promise<void> },
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  let browsing: Promise<void> | undefined;
  const said = await shell.run(command, {
    hear: (stderr) => {
      const found = page.exec(stderr);
      if (found !== null) browsing ??= browse(found);
    },
  });
  await browsing;
  return said;
}

test.skipIf(!hasPeers)(
  "gtc oauth login goes through the browser of this machine and back to a port of it: oidc-provider",
  async () => {
    verifies("oauth.headless", "oauth.loopback", "oauth.secrecy");
    await using peer = await startOidcProvider();
    const shell = shellAt(peer.issuer);
    let code = "";
    const done = await login(shell, {
      command: `${LOGIN} --port 0`,
      page: /^(http\S+)\n/m,
      browse: async ([, page = ""]) => {
        expect(new URL(page).searchParams.get("code_challenge_method")).toBe("S256");
        const { url } = await new FormBrowser(isLoopback).go(new URL(page));
        expect([url.searchParams.get("iss"), url.href.startsWith("http://127.0.0.1:")]).toEqual([peer.issuer, true]);
        code = url.searchParams.get("code") ?? "";
        // Another page of the browser knows the port and not the path.
        expect((await fetch(new URL("/favicon.ico", url))).status).toBe(404);
        expect(await (await fetch(url)).text()).toContain("close this page");
      },
    });
    expect([done.code, done.stdout]).toEqual([
      0,
      "connected: envs/dev/tenants/acme/providers/peer/service-default.json\n",
    ]);
    expect(code).not.toBe("");
    const listed = await shell.run("gtc oauth list --tenant acme --json");
    expect(JSON.parse(listed.stdout)).toMatchObject([
      { provider: "peer", owner: "service:default", state: "connected", account: "ana" },
    ]);
    const audit = await shell.run("gtc audit list --json");
    expect(audit.stdout).toContain('"oauth.consent"');
    expect((await shell.run("gtc audit verify")).code).toBe(0);
    expect([done, listed, audit].map(({ stdout, stderr }) => stdout + stderr).join("")).not.toContain(code);
    const revoked = await shell.run("gtc oauth revoke peer --tenant acme");
    expect([revoked.code, (await shell.run("gtc oauth list --tenant acme --json")).stdout.trim()]).toEqual([0, "[]"]);
  },
  120_000,
);

test.skipIf(!hasPeers)(
  "gtc oauth login keeps nothing where the browser comes back with another state, another issuer's name, or a no",
  async () => {
    verifies("oauth.loopback", "oauth.mix-up");
    await using peer = await startOidcProvider();
    const shell = shellAt(peer.issuer);
    for (const [change, error] of [
      [{ state: "forged" }, "OAUTH_STATE_INVALID"],
      [{ iss: "https://evil.example" }, "OAUTH_RESPONSE_INVALID"],
      [{ code: "injected" }, "OAUTH_RESPONSE_INVALID"],
      [{ code: undefined, error: "access_denied" }, "OAUTH_CONSENT_DENIED"],
    ] as const) {
      const done = await login(shell, {
        command: `${LOGIN} --port 0`,
        page: /^(http\S+)\n/m,
        browse: async ([, page = ""]) => {
          const { url } = await new FormBrowser(isLoopback).go(new URL(page));
          for (const [name, value] of Object.entries(change))
            if (value === undefined) url.searchParams.delete(name);
            else url.searchParams.set(name, value);
          await fetch(url);
        },
      });
      expect([done.code, done.stdout, done.stderr], error).toEqual([4, "", expect.stringContaining(error) as string]);
    }
    expect((await shell.run("gtc oauth list --tenant acme --json")).stdout.trim()).toBe("[]");
  },
  120_000,
);

test.skipIf(!hasPeers)(
  "gtc oauth login --device waits until the code was entered at the provider: oidc-provider",
  async () => {
    verifies("oauth.headless");
    await using peer = await startOidcProvider();
    const shell = shellAt(peer.issuer);
    const done = await login(shell, {
      command: `${LOGIN} --device`,
      page: /Open (\S+) and enter (\S+)\n/,
      browse: async ([, page = "", code = ""]) => {
        expect(new URL(page).searchParams.get("user_code")).toBe(code);
        const { text } = await new FormBrowser(() => false).go(new URL(page));
        expect(text).toContain("Sign-in Success");
      },
    });
    expect([done.code, done.stdout]).toEqual([
      0,
      "connected: envs/dev/tenants/acme/providers/peer/service-default.json\n",
    ]);
    const listed = await shell.run("gtc oauth list --tenant acme --json");
    expect(JSON.parse(listed.stdout)).toMatchObject([{ owner: "service:default", state: "connected" }]);
  },
  120_000,
);
