import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { readDeployFile } from "../config/index.ts";
import { deployedConfig } from "./deployed-config.ts";
import { makeDeployment } from "./deployment-fixture.ts";
import { findTarget, TARGET_SCHEMAS } from "./targets/catalog.ts";

function folder(files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(tmpdir(), "greentic-settings-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
}

test.each([
  ['name = "Shop"', "CONFIG_VALUE_INVALID", 1, 1],
  ['name = "shop"\n\n[kubernetes]\nworkrs = 3', "CONFIG_KEY_UNKNOWN", 4, 1],
  ["[kubernetes]\nworkers = -1", "CONFIG_VALUE_INVALID", 2, 1],
  ["[kubernetes]\nservices_cidrs = []", "CONFIG_VALUE_INVALID", 2, 1],
  ['image = "registry.example.com/shop; rm -rf /"', "CONFIG_VALUE_INVALID", 1, 1],
  ['[kubernetes]\nnamespace = "a\\nb: c"', "CONFIG_VALUE_INVALID", 2, 1],
  ["[serverless]\nregion = 'eu'", "CONFIG_VALUE_INVALID", 1, 1],
  ['env = "prod.eu"', "CONFIG_VALUE_INVALID", 1, 1],
  ["name = ", "CONFIG_SYNTAX_INVALID", 1, 8],
])("readDeployFile() tells what is wrong with %j, and where", (text, code, line, column) => {
  verifies("deploy.settings");
  const dir = folder({ "deploy.toml": text });
  expect(() => readDeployFile(dir, { targets: TARGET_SCHEMAS })).toThrow(
    expect.objectContaining({ code, at: { file: join(dir, "deploy.toml"), line, column } }) as Error,
  );
});

test("readDeployFile() needs no file", () => {
  const dir = folder({});
  expect(readDeployFile(dir, { targets: TARGET_SCHEMAS })).toMatchObject({ env: "prod", bundle: dir });
  expect(() => readDeployFile(dir, { file: "other.toml", targets: TARGET_SCHEMAS })).toThrow(
    expect.objectContaining({ code: "CONFIG_FILE_MISSING" }) as Error,
  );
});

test("deployedConfig() leaves behind what is this machine's, and brings the public keys", () => {
  verifies("deploy.settings", "deploy.references-only");
  const dir = folder({
    "acme.pub": "-----BEGIN PUBLIC KEY-----\n",
    "greentic.toml":
      'env = "dev"\ntenant = "acme"\ndata_dir = "/home/me"\n[redis]\nurl = "redis://:secret@r"\n[postgres]\nurl = "postgres://a:secret@p/d"\n[libsql]\nurl = "libsql://l"\ntoken = "secret"\n[dynamodb]\ntable = "mine"\n[server]\nport = 1\n[security]\ntrusted_publishers = ["acme.pub", { key = "acme.pub", names = ["a*"] }]\n',
  });
  const files = deployedConfig(join(dir, "greentic.toml"));
  expect([...files.keys()]).toEqual(["greentic.toml", "publisher-1.pub", "publisher-2.pub"]);
  const text = files.get("greentic.toml") ?? "";
  expect(text).not.toMatch(/secret@|"secret"|"mine"|\/home\/me|env =|port/);
  expect(text).toContain('tenant = "acme"');
  expect(text).toContain('"publisher-1.pub"');
  expect(text).toContain('mounted_dir = "/run/secrets/greentic"');
});

test("deployedConfig() takes no private key along", () => {
  verifies("deploy.settings");
  const dir = folder({
    "acme.pem": "-----BEGIN PRIVATE KEY-----\n",
    "greentic.toml": '[security]\ntrusted_publishers = ["acme.pem"]\n',
  });
  expect(() => deployedConfig(join(dir, "greentic.toml"))).toThrow(
    expect.objectContaining({ code: "DEPLOYER_SECRET_EXPOSED" }) as Error,
  );
});

test("what a target can't do without is told with its place", async () => {
  const at = { file: "deploy.toml", line: 3, column: 1 };
  const deployment = makeDeployment({ table: { platform: "container-apps" }, at: () => at });
  const render = async (): Promise<unknown> => findTarget("serverless").render(deployment);
  await expect(render()).rejects.toMatchObject({ code: "DEPLOYER_SETTING_MISSING", at });
});

test.each(["shop's bundle", "50%", "$HOME", 'quo"te'])("a unit names a folder like %j as it is", async (name) => {
  const deployment = makeDeployment({ bundle: `/srv/${name}` });
  const text = [...(await findTarget("desktop").render(deployment)).values()].join("");
  const quoted = name
    .replaceAll("%", "%%")
    .replaceAll("$", "$$$$")
    .replaceAll('"', String.raw`\"`);
  expect(text).toContain(`/srv/${quoted}`);
  const broken = makeDeployment({ bundle: "/srv/a\nExecStartPre=/bin/evil" });
  const render = async (): Promise<unknown> => findTarget("desktop").render(broken);
  await expect(render()).rejects.toMatchObject({ code: "DEPLOYER_SETTING_INVALID" });
});
