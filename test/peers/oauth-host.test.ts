import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { buildFrom } from "../../src/component/testing/hostile-guest.ts";
import { startExample } from "../e2e/example-host.ts";
import { freePort } from "../stand-ins/server-program.ts";
import { verifies } from "../verifies.ts";
import { hasPeers } from "./load-peer.ts";
import { consentByForms, startOidcProvider } from "./oauth-peers.ts";

if (!hasPeers) process.stderr.write("oauth-host: 1 skipped, npm run peers has not been run\n");

/** Says what the import gives to `connect`, to a code, and to anything else. */
const SOURCE = `
import { exchangeCode, getConsentUrl, getToken } from "greentic:oauth-broker/broker-v1@1.0.0";
const HERE = "/oauth/callback/peer";
const shown = (json: string) => (json === "" ? "nothing" : "token of " + JSON.parse(json).scope);
export function execute({ content }: { content: string }) {
  const { text } = JSON.parse(content);
  const said =
    text === "connect" ? getConsentUrl("peer", "user", [], HERE, "")
    : text.startsWith("demo.") ? shown(exchangeCode("peer", "user", text, HERE))
    : shown(getToken(text === "other" ? "other" : "peer", "user", []));
  return { success: true, data: JSON.stringify({ said }), error: null };
}`;

const FILES = (issuer: string): Readonly<Record<string, string>> => ({
  "greentic.demo.yaml":
    "tenant: demo\nproviders:\n  webchat: { type: webchat }\napps:\n  desk: { pack: dist/desk-1.0.0.gtpack, default_flow: main }\n",
  "greentic.toml": `[security]
trusted_publishers = [{ key = ".keys/dev.pub", names = ["desk"] }]
[network]
private_addresses = ["127.0.0.0/8"]
[oauth.peer]
issuer = "${issuer}"
client_id = "peer-client"
client_secret = "peer_secret"
scopes = ["openid", "files"]
[oauth.other]
issuer = "${issuer}"
client_id = "peer-client"
client_secret = "peer_secret"
`,
  "pack.yaml": `pack: { name: desk, version: 1.0.0, description: Desk, authors: ["Us <us@example.com>"] }
capabilities: { id: greentic.cap.app.v1, provides: [] }
flows: { main: flows/main.ygtc }
components:
  guest: { path: components/guest.wasm, grants: { oauth: [peer] } }
`,
  "flows/main.ygtc": `id: main
type: messaging
start: ask
nodes:
  ask: { component.exec: { component: guest, operation: execute, input: { text: "{{in.text}}" } }, routing: [{ to: tell }] }
  tell: { message.send: { text: "{{ask.said}}" }, routing: out }
`,
});

test.skipIf(!hasPeers)(
  "on a started host a component connects an account of whoever writes, and of nobody else: gtc start, oidc-provider",
  async () => {
    verifies("oauth.component", "oauth.exchange", "oauth.bound");
    const port = await freePort();
    const base = `http://127.0.0.1:${port}`;
    await using peer = await startOidcProvider(base);
    const dir = mkdtempSync(join(tmpdir(), "greentic-oauth-host-"));
    const { bytes } = await buildFrom({
      "component.toml": 'name = "guest"\n[grants]\noauth = ["peer"]\n',
      "src/main.ts": SOURCE,
    });
    const files = { ...FILES(peer.issuer), "components/guest.wasm": bytes };
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), content);
    }
    await using host = await startExample(dir, {
      secrets: { "demo/oauth/peer_secret": "peer-secret" },
      port,
    });
    expect(host.url).toBe(base);
    const ana = await host.person();
    const eve = await host.person();
    const asks = async (who: typeof ana, text: string): Promise<string> => {
      const before = who.heard.length;
      await who.say(text);
      await who.until(before + 1);
      return who.heard.at(-1)?.text ?? "";
    };
    const link = await asks(ana, "connect");
    expect(link).toMatch(new RegExp(`^${base}/authorize/demo\\.[\\w-]{43}$`));
    expect(await (await fetch(link)).text()).toContain("Continue to peer");
    const left = await fetch(link, { method: "POST" });
    const cookie = (left.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
    const page = /content="0;url=([^"]+)"/.exec(await left.text())?.[1]?.replaceAll("&amp;", "&") ?? "";
    const back = await consentByForms(new URL(page), (url) => url.href.startsWith(base));
    const end = await (await fetch(back, { headers: { cookie } })).text();
    const code = /class="code">([^<]+)</.exec(end)?.[1] ?? "";
    expect(code).toMatch(/^demo\.[\w-]{43}$/);

    expect(await asks(ana, "show")).toBe("nothing");
    expect(await asks(ana, code)).toBe("token of openid files");
    expect(await asks(ana, "show")).toBe("token of openid files");
    expect(await asks(ana, code)).toBe("nothing");
    expect(await asks(ana, "other")).toBe("nothing");
    for (const text of ["show", code]) expect(await asks(eve, text)).toBe("nothing");
    // The answer and the link are used up.
    expect((await fetch(back, { headers: { cookie } })).status).toBe(400);
    expect((await fetch(link)).status).toBe(400);
    for (const secret of [code, "peer-secret"]) expect(host.said.join("\n")).not.toContain(secret);
  },
  120_000,
);
