import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { openShell } from "../e2e/shell.ts";
import type { Shell } from "../e2e/shell.ts";
import { verifies } from "../verifies.ts";

interface Finding {
  readonly code: string;
  readonly severity: string;
  readonly message: string;
  readonly at: { readonly file: string; readonly line: number };
}

const FLOW = `id: main
type: messaging
schema_version: 2
nodes:
  say: { message.send: { text: "hello" }, routing: out }
`;

function write(shell: Shell, path: string, text: string | Uint8Array): void {
  mkdirSync(dirname(join(shell.dir, path)), { recursive: true });
  writeFileSync(join(shell.dir, path), text);
}

/** A shell with a bundle: a signed app, a map for its tenant, and one team's. */
async function withBundle(): Promise<Shell> {
  const shell = openShell();
  write(
    shell,
    "app/pack.toml",
    '[pack]\nname = "greeter"\nversion = "1.0.0"\n[capabilities]\nid = "greentic.cap.app.v1"\n[flows]\nmain = "flows/main.ygtc"\n[secrets]\nrequired = ["api_key"]\n',
  );
  write(shell, "app/flows/main.ygtc", FLOW);
  mkdirSync(join(shell.dir, "shop/packs"), { recursive: true });
  const made = await shell.run(
    "gtc pack keygen --output acme.pem && gtc pack build app -o shop/packs/greeter.gtpack && gtc pack sign shop/packs/greeter.gtpack --key acme.pem",
  );
  expect(made).toMatchObject({ code: 0 });
  write(shell, "greentic.toml", '[security]\ntrusted_publishers = ["acme.pub"]\n');
  write(shell, "shop/greentic.demo.yaml", BUNDLE);
  write(shell, "shop/maps/acme.gmap", "_ = forbidden\ngreeter = public\n");
  return shell;
}

const BUNDLE = `bundle_name: The Shop
tenant: acme
access:
  acme: maps/acme.gmap
providers:
  webchat: { type: webchat }
apps:
  greeter: { pack: packs/greeter.gtpack, default_flow: main }
`;

async function doctor(
  shell: Shell,
  target = "shop",
): Promise<{ readonly ok: boolean; readonly findings: readonly Finding[]; readonly code: number }> {
  const said = await shell.run(`gtc bundle doctor ${target} --json`);
  expect(said.stderr).toBe("");
  return { ...(JSON.parse(said.stdout) as { ok: boolean; findings: readonly Finding[] }), code: said.code };
}

test("gtc bundle build gives the same image from the same files, wherever they are, and start's readers take it", async () => {
  verifies("bundle.build", "bundle.squashfs");
  const shell = await withBundle();
  const built = await shell.run("gtc bundle build shop --json");
  expect(built).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(built.stdout)).toMatchObject({ id: "the-shop", locked: [] });
  const image = readFileSync(join(shell.dir, "the-shop.gtbundle"));
  cpSync(join(shell.dir, "shop"), join(shell.dir, "elsewhere"), { recursive: true });
  const again = await shell.run("umask 077 && TZ=Asia/Tokyo gtc bundle build elsewhere -o dist/again.gtbundle");
  expect(again).toMatchObject({ code: 0 });
  expect(readFileSync(join(shell.dir, "dist/again.gtbundle")).equals(image)).toBe(true);
  const inspected = await shell.run("gtc bundle inspect the-shop.gtbundle --json");
  expect(JSON.parse(inspected.stdout)).toMatchObject({
    form: "image",
    id: "the-shop",
    tenant: "acme",
    apps: [{ name: "greeter", access: "public", pack: { version: "1.0.0", signature: "valid", ok: true } }],
    access: [{ tenant: "acme", rules: 2 }],
  });
  expect((await shell.run("gtc bundle inspect the-shop.gtbundle")).stdout).toContain("greeter 1.0.0  signature valid");
  expect(await doctor(shell, "the-shop.gtbundle")).toMatchObject({ ok: true, code: 0 });
  if (hasUnsquashfs()) {
    const manifest = execFileSync("unsquashfs", ["-cat", join(shell.dir, "the-shop.gtbundle"), "bundle-manifest.json"]);
    expect(JSON.parse(manifest.toString())).toMatchObject({
      format_version: "gtbundle-v1",
      app_packs: ["packs/greeter.gtpack"],
      resolved_targets: [{ tenant: "acme", default_policy: "forbidden", app_pack_policies: [{ policy: "public" }] }],
    });
  }
});

function hasUnsquashfs(): boolean {
  return (process.env["PATH"] ?? "").split(":").some((dir) => existsSync(join(dir, "unsquashfs")));
}

test("gtc bundle build refuses packs that wouldn't load, and files outside, and writes nothing then", async () => {
  verifies("bundle.build");
  const shell = await withBundle();
  const pack = readFileSync(join(shell.dir, "shop/packs/greeter.gtpack"));
  const other = Buffer.from(pack);
  other[200] = (other[200] ?? 0) ^ 1;
  write(shell, "shop/packs/greeter.gtpack", other);
  expect(await shell.run("gtc bundle build shop")).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/error\[PACK_ZIP_CHECKSUM_MISMATCH\].*greeter[^]*greentic\.demo\.yaml:8/) as string,
  });
  write(shell, "greeter.gtpack", pack);
  write(shell, "shop/greentic.demo.yaml", BUNDLE.replace("packs/greeter", "../greeter"));
  expect(await shell.run("gtc bundle build shop")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("CLI_BUNDLE_PACK_OUTSIDE") as string,
  });
  expect(existsSync(join(shell.dir, "the-shop.gtbundle"))).toBe(false);
});

test("gtc bundle doctor finds what is wrong, each with its place", async () => {
  verifies("bundle.doctor");
  const shell = await withBundle();
  const whole = await doctor(shell);
  expect(whole.findings.map(({ code }) => code)).toEqual(["CLI_BUNDLE_SECRET_MISSING"]);
  expect(whole).toMatchObject({ ok: true, code: 0 });
  expect((await shell.run("gtc secrets set api_key --category greeter --tenant acme", { input: "x" })).code).toBe(0);
  expect((await doctor(shell)).findings).toEqual([]);
  write(
    shell,
    "shop/greentic.demo.yaml",
    `${BUNDLE.replace("default_flow: main", "default_flow: mian").replace("  webchat: { type: webchat }", "  webchat: { type: webchat }\n  state: { pack: packs/state-memory.gtpack }")}  gone: { pack: packs/gone.gtpack }\n`,
  );
  write(
    shell,
    "shop/maps/acme.gmap",
    "greeter/_ = public\ngreeter = forbidden\ngreter = public\ngreeter/mian = public\ngreeter/main/sya = public\n",
  );
  const { findings, ok, code } = await doctor(shell);
  expect({ ok, code }).toEqual({ ok: false, code: 2 });
  const at = (line: number, file = "shop/maps/acme.gmap"): object => ({ file, line });
  const yaml = "shop/greentic.demo.yaml";
  for (const expected of [
    {
      code: "RUNNER_FLOW_UNRESOLVED",
      severity: "error",
      at: at(9, yaml),
      message: expect.stringContaining('"main"') as string,
    },
    { code: "CONFIG_BUNDLE_PACK_MISSING", severity: "error", at: at(10, yaml) },
    { code: "CONFIG_BUNDLE_PACK_MISSING", severity: "error", at: at(7, yaml) },
    { code: "CLI_BUNDLE_PROVIDER_UNSERVED", at: at(7, yaml) },
    { code: "CLI_BUNDLE_ACCESS_SHADOWED", at: at(1) },
    { code: "CLI_BUNDLE_ACCESS_UNMATCHED", at: at(3), message: expect.stringContaining('"greeter"') as string },
    { code: "CLI_BUNDLE_ACCESS_UNMATCHED", at: at(4), message: expect.stringContaining('"main"') as string },
    { code: "CLI_BUNDLE_ACCESS_UNMATCHED", at: at(5), message: expect.stringContaining('"say"') as string },
    { code: "CLI_BUNDLE_ACCESS_CLOSED", at: at(2) },
  ])
    expect(findings).toContainEqual(
      expect.objectContaining({ ...expected, at: expect.objectContaining(expected.at) as object }),
    );
  const sarif = await shell.run("gtc bundle doctor shop --sarif");
  expect(JSON.parse(sarif.stdout)).toMatchObject({ version: "2.1.0" });
  rmSync(join(shell.dir, "greentic.toml"));
  const unsigned = await shell.run("gtc bundle doctor shop --policy devok --json");
  expect(unsigned.stdout).toContain("PACK_SIGNATURE_UNTRUSTED");
});
