import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "./load-config.ts";

function read(text: string): ReturnType<typeof loadConfig>["oauth"] {
  const file = join(mkdtempSync(join(tmpdir(), "greentic-oauth-")), "greentic.toml");
  writeFileSync(file, text);
  return loadConfig({ cwd: tmpdir(), environment: {}, flags: { config: file } }).oauth;
}

test("[oauth.NAME] knows Google and Microsoft by name, one tenant of Microsoft's by its id", () => {
  const { providers } = read(`
[oauth]
return_urls = ["https://acme.example/done"]
[oauth.google]
client_id = "id"
client_secret = "google_secret"
[oauth.microsoft]
microsoft_tenant = "9188040d-6c67-4c5b-b112-36a304b66dad"
[oauth.keycloak]
issuer = "https://id.acme.example/realms/acme"
tenants = ["acme"]
`);
  expect(providers.map(({ issuer, auth }) => `${issuer} ${auth}`)).toEqual([
    "https://accounts.google.com post",
    "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0 post",
    "https://id.acme.example/realms/acme basic",
  ]);
  expect(providers[0]).toMatchObject({
    preset: "google",
    params: { access_type: "offline" },
    clientSecret: "google_secret",
  });
  expect(providers[2]).toMatchObject({ preset: "oidc", tenants: ["acme"] });
});

test.each([
  ['[oauth.acme]\nclient_id = "x"\n', /acme lacks "issuer"/, 1],
  ['[oauth.google]\nclient_secret = "y"\n', /client_id/, 1],
  ['env = "dev"\n[oauth.x]\npreset = "oauth2"\nissuer = "https://x"\n', /authorization_endpoint/, 2],
  ['[oauth.x]\nissuer = "http://evil.example"\n', /oauth\.x\.issuer/, 2],
  ['[oauth.google]\nparams = { state = "mine" }\n', /oauth\.google\.params/, 2],
  ['[oauth.google]\nscope = ["openid"]\n', /scope/, 2],
  ['[oauth.Google]\nissuer = "https://x"\n', /oauth/, 1],
])("%j is refused with its place", (text, message, line) => {
  const thrown = ((): unknown => {
    try {
      return read(text);
    } catch (error) {
      return error;
    }
  })() as { readonly message: string; readonly at?: { readonly line: number } };
  expect(thrown.message).toMatch(message);
  expect(thrown.at?.line).toBe(line);
});
