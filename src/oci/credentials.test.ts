import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseChallenges } from "./challenge.ts";
import { dockerCredentials } from "./credentials.ts";
import type { Credential } from "./credentials.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "greentic-docker-"));
  const helper = `#!${process.execPath}
const server = require("node:fs").readFileSync(0, "utf8").trim();
const known = { "r.test": ["robot", "from-helper"], "https://index.docker.io/v1/": ["<token>", "identity"] };
if (server === "broken.test") { console.log("secret words"); process.exit(3); }
if (server === "words.test") { console.log("secret words"); process.exit(0); }
if (!known[server]) { console.log("credentials not found in native keychain"); process.exit(1); }
const [Username, Secret] = known[server];
console.log(JSON.stringify({ ServerURL: server, Username, Secret }));
`;
  await writeFile(join(dir, "docker-credential-fake"), helper);
  await chmod(join(dir, "docker-credential-fake"), 0o755);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function ask(config: unknown, registry: string): Promise<Credential | undefined> {
  const file = join(dir, "config.json");
  await writeFile(file, typeof config === "string" ? config : JSON.stringify(config));
  const PATH = [dir, dirname(process.execPath)].join(delimiter);
  return dockerCredentials({ file, environment: { PATH } })(registry);
}
const base64 = (text: string): string => Buffer.from(text).toString("base64");

test("dockerCredentials() reads auths as Docker writes them", async () => {
  const auths = {
    "ghcr.io": { auth: base64("me:a:b") },
    "https://old.test/v2/": { auth: base64("old:pw") },
    "https://index.docker.io/v1/": { identitytoken: "refresh" },
    "plain.test:5000": { username: "u", password: "p" },
    "empty.test": {},
  };
  expect(await ask({ auths }, "ghcr.io")).toEqual({ kind: "password", user: "me", password: "a:b" });
  expect(await ask({ auths }, "old.test")).toEqual({ kind: "password", user: "old", password: "pw" });
  expect(await ask({ auths }, "docker.io")).toEqual({ kind: "identity", token: "refresh" });
  expect(await ask({ auths }, "plain.test:5000")).toEqual({ kind: "password", user: "u", password: "p" });
  for (const registry of ["empty.test", "plain.test", "io", "evil-ghcr.io", "ghcr.io.evil.test"])
    expect(await ask({ auths }, registry), registry).toBeUndefined();
  expect(await dockerCredentials({ file: join(dir, "missing.json"), environment: {} })("ghcr.io")).toBeUndefined();
});

test("dockerCredentials() runs the helper of a registry, then the store, then reads auths", async () => {
  const fromHelper = { kind: "password", user: "robot", password: "from-helper" };
  expect(await ask({ credHelpers: { "r.test": "fake" } }, "r.test")).toEqual(fromHelper);
  expect(await ask({ credsStore: "fake" }, "r.test")).toEqual(fromHelper);
  expect(await ask({ credsStore: "fake" }, "docker.io")).toEqual({ kind: "identity", token: "identity" });
  const auths = { "other.test": { auth: base64("a:b") } };
  expect(await ask({ credsStore: "fake", auths }, "other.test")).toMatchObject({ user: "a" });
  expect(await ask({ credHelpers: { "r.test": "fake" } }, "elsewhere.test")).toBeUndefined();
});

test.each([
  ["not json", "r.test"],
  ["[]", "r.test"],
  [{ auths: { "r.test": { auth: "c2VjcmV0" } } }, "r.test"],
  [{ credsStore: "../../bin/sh" }, "r.test"],
  [{ credsStore: "absent" }, "r.test"],
  [{ credsStore: "fake" }, "broken.test"],
  [{ credsStore: "fake" }, "words.test"],
])("dockerCredentials() refuses %j without quoting it", async (config, registry) => {
  const error: unknown = await ask(config, registry).catch((error: unknown) => error);
  expect(error).toMatchObject({ code: "OCI_CREDENTIALS_INVALID" });
  expect(String(error)).not.toMatch(/secret|c2VjcmV0/);
});

test("parseChallenges() reads several challenges of one header", () => {
  const header = String.raw`Basic realm="a, \"b\"", Bearer realm="https://t.test/token",service=s,scope="x:y,z", Negotiate`;
  expect(parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)])).toEqual([
    ["basic", { realm: 'a, "b"' }],
    ["bearer", { realm: "https://t.test/token", service: "s", scope: "x:y,z" }],
    ["negotiate", {}],
  ]);
  expect(parseChallenges("")).toEqual([]);
});
