import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { loadConfig } from "./index.ts";

function load(toml: string, flags: Parameters<typeof loadConfig>[0]["flags"] = {}): ReturnType<typeof loadConfig> {
  const dir = mkdtempSync(join(tmpdir(), "greentic-admin-config-"));
  writeFileSync(join(dir, "greentic.toml"), toml);
  return loadConfig({ cwd: dir, environment: {}, flags });
}

test("loadConfig() serves no admin API unless it is asked to", () => {
  verifies("admin.listen");
  expect(load("").admin).toBeUndefined();
  expect(load("[admin]\nhosts = ['a']\n").admin).toBeUndefined();
  expect(load("", { admin: "8081" }).admin).toMatchObject({ host: "127.0.0.1", port: 8081, requestsPerSecond: 50 });
  expect(load("[admin]\nlisten = '[::1]:9'\n").admin).toMatchObject({ host: "::1", port: 9 });
});

test("loadConfig() reads who may come by certificate and by claim", () => {
  const { admin } = load(
    `[admin]
listen = "0.0.0.0:8443"
hosts = ["admin.example.com"]
[admin.tls]
cert = "cert.pem"
key = "key.pem"
client_ca = "ca.pem"
[[admin.tls.clients]]
name = "ci"
tenant = "acme"
role = "publisher"
[admin.oidc]
issuer = "https://login.example.com"
audience = "greentic"
[[admin.oidc.grants]]
claim = "groups"
value = "ops"
tenant = "*"
role = "operator"
`,
  );
  expect(admin?.tls?.clients).toEqual([{ name: "ci", tenant: "acme", role: "publisher" }]);
  expect(admin?.tls?.certFile).toMatch(/^\/.*\/cert\.pem$/);
  expect(admin?.oidc?.grants).toEqual([{ claim: "groups", value: "ops", tenant: "*", role: "operator" }]);
});

test.each([
  ["listen = 'somewhere'", /admin\.listen/],
  ["listen = '1.2.3.4:70000'", /admin\.listen/],
  ["listen = '8081'\n[admin.tls]\ncert = 'a'", /key/],
  ["listen = '8081'\n[admin.tls]\ncert = 'a'\nkey = 'b'\nrequire_client_certificate = true", /client_ca/],
  ["listen = '8081'\n[admin.oidc]\nissuer = 'https://a'", /audience/],
])("loadConfig() refuses [admin] %s", (lines, message) => {
  expect(() => load(`[admin]\n${lines}\n`)).toThrow(
    expect.objectContaining({ code: "CONFIG_VALUE_INVALID", message: expect.stringMatching(message) as string }),
  );
});

test("loadConfig() says where a role isn't one", () => {
  expect(() =>
    load(
      "[admin]\nlisten = '8081'\n[admin.oidc]\nissuer = 'https://a'\naudience = 'b'\n[[admin.oidc.grants]]\nclaim = 'c'\nvalue = 'd'\ntenant = '*'\nrole = 'root'\n",
    ),
  ).toThrow(expect.objectContaining({ at: expect.objectContaining({ line: 10 }) as object }));
});
