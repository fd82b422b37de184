import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readBundle } from "../../src/config/index.ts";
import { loadConfig } from "../../src/config/index.ts";
import { CONSOLE_CHANNEL, openHost } from "../../src/cli/host.ts";
import type { Host } from "../../src/cli/host.ts";
import { receiveConsole } from "../../src/messaging/index.ts";
import { readAudit } from "../../src/telemetry/index.ts";
import { DEFAULT_TEAM } from "../../src/types/index.ts";
import { openShell } from "../e2e/shell.ts";
import type { Shell } from "../e2e/shell.ts";
import { verifies } from "../verifies.ts";

const FLOW = `id: main
type: messaging
schema_version: 2
start: ask
nodes:
  ask:
    message.send: { text: "name?" }
    routing: [{ to: wait }]
  wait:
    session.wait: {}
    routing: [{ to: hello }]
  hello:
    message.send: { text: "hello {{in.text}}" }
    routing: out
`;

const packToml = (version: string): string => `[pack]
name = "greeter"
version = "${version}"
[capabilities]
id = "greentic.cap.app.v1"
[flows]
main = "flows/main.ygtc"
`;

/** A shell with a signed pack, its publisher's key trusted, and a bundle that runs it. */
async function withSignedPack(): Promise<Shell & { readonly keyId: string }> {
  const shell = openShell();
  mkdirSync(join(shell.dir, "app/flows"), { recursive: true });
  writeFileSync(join(shell.dir, "app/pack.toml"), packToml("1.1.0"));
  writeFileSync(join(shell.dir, "app/flows/main.ygtc"), FLOW);
  const made = await shell.run("gtc pack keygen --output acme.pem --json");
  const { key_id: keyId } = JSON.parse(made.stdout) as { key_id: string };
  expect(await shell.run("gtc pack build app -o new.gtpack && gtc pack sign new.gtpack --key acme.pem")).toMatchObject({
    code: 0,
  });
  writeFileSync(join(shell.dir, "greentic.toml"), '[security]\ntrusted_publishers = ["acme.pub"]\n');
  writeFileSync(
    join(shell.dir, "greentic.demo.yaml"),
    "tenant: acme\napps:\n  greeter: { pack: new.gtpack, default_flow: main }\n",
  );
  return { ...shell, keyId };
}

async function hostOf(dir: string, warnings: string[]): Promise<Host> {
  const bundle = readBundle(join(dir, "greentic.demo.yaml"));
  const config = loadConfig({ cwd: dir, environment: {}, flags: { tenant: "acme", store: "memory", env: "test" } });
  return openHost({ config, bundle, environment: {}, warn: (message) => warnings.push(message) });
}

async function say(host: Host, session: string, text: string): Promise<string> {
  const [tenant] = host.tenants;
  if (tenant === undefined) throw new Error("no tenant");
  const provider = host.runtime.channel({ env: "test" as never, tenant, team: DEFAULT_TEAM }, CONSOLE_CHANNEL);
  if (provider === undefined) throw new Error("no console");
  const id = `${session}-${text}`;
  const report = await host.runtime.request(provider, receiveConsole(provider.address, { text }, { session, id }), {
    timeoutMs: 10_000,
  });
  return report.reply.map((reply) => reply.text ?? "").join() || (report.error?.code ?? report.status);
}

const auditOf = (shell: Shell): Promise<readonly object[]> =>
  Array.fromAsync(readAudit(join(shell.dir, ".greentic/audit")));

test(
  "a key that is revoked under a running host is without effect from the next check",
  { timeout: 60_000 },
  async () => {
    verifies("pack.trust.revocation");
    const shell = await withSignedPack();
    const warnings: string[] = [];
    await using host = await hostOf(shell.dir, warnings);
    host.runtime.start();
    expect(await say(host, "one", "hi")).toBe("name?");
    await host.trust.check();
    expect(host.runtime.listPacks()).toHaveLength(1);

    appendFileSync(join(shell.dir, "greentic.toml"), `revoked = ["${shell.keyId}"]\n`);
    await host.trust.check();
    await host.trust.check();
    expect(host.runtime.listPacks()).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining("pack greeter of acme starts no flow any more") as string]);
    // Who is in the middle of it is told so; who begins finds nothing.
    expect(await say(host, "one", "Ada")).not.toContain("Ada");
    expect(await say(host, "two", "hi")).not.toBe("name?");

    writeFileSync(join(shell.dir, "greentic.toml"), '[security]\ntrusted_publishers = ["acme.pub"]\n');
    await host.trust.check();
    expect(await say(host, "three", "hi")).toBe("name?");
    const target = expect.stringMatching(/^greeter@1\.1\.0 sha256:[0-9a-f]{64}$/) as string;
    await expect
      .poll(() => auditOf(shell))
      .toMatchObject([
        { actor: "host", action: "pack.unloaded", tenant: "acme", target, code: "PACK_SIGNER_REVOKED" },
        { actor: "host", action: "pack.restored", tenant: "acme", target },
      ]);
  },
);

test("a trust file that the root signed decides, and an older one never again", { timeout: 60_000 }, async () => {
  verifies("pack.trust.file");
  const shell = await withSignedPack();
  expect(await shell.run("gtc pack keygen --output root.pem")).toMatchObject({ code: 0 });
  const key = readFileSync(join(shell.dir, "acme.pub"), "utf8");
  const publish = async (version: number, revoked: readonly string[]): Promise<void> => {
    const trust = { version, expires: "2099-12-31", trusted_publishers: [{ key, names: ["greet*"] }], revoked };
    writeFileSync(join(shell.dir, "publishers.json"), JSON.stringify(trust));
    expect(await shell.run("gtc pack trust publishers.json --key root.pem --out trust.json")).toMatchObject({
      code: 0,
    });
  };
  writeFileSync(join(shell.dir, "greentic.toml"), '[security]\ntrust_file = "trust.json"\ntrust_root = "root.pub"\n');
  await publish(1, []);
  const old = readFileSync(join(shell.dir, "trust.json"));
  await using host = await hostOf(shell.dir, []);
  host.runtime.start();
  expect(await say(host, "one", "hi")).toBe("name?");
  await publish(2, [shell.keyId]);
  await host.trust.check();
  expect(host.runtime.listPacks()).toEqual([]);
  writeFileSync(join(shell.dir, "trust.json"), old);
  await expect(host.trust.check()).rejects.toMatchObject({ code: "PACK_TRUST_ROLLED_BACK" });
  expect(host.runtime.listPacks()).toEqual([]);
  expect(await shell.run("gtc pack verify new.gtpack")).toMatchObject({
    code: 4,
    stderr: expect.stringContaining("PACK_TRUST_ROLLED_BACK") as string,
  });
});

test("going back to an older version is refused, and audited either way", { timeout: 60_000 }, async () => {
  verifies("pack.downgrade.audited");
  const shell = await withSignedPack();
  writeFileSync(join(shell.dir, "app/pack.toml"), packToml("1.0.0"));
  expect(await shell.run("gtc pack build app -o old.gtpack && gtc pack sign old.gtpack --key acme.pem")).toMatchObject({
    code: 0,
  });
  expect(await shell.run("gtc runner load --pack new.gtpack --tenant acme")).toMatchObject({ code: 0 });
  expect(await shell.run("gtc runner load --pack old.gtpack --tenant acme")).toMatchObject({ code: 4 });
  expect(await shell.run("gtc runner load --pack old.gtpack --tenant acme --allow-downgrade")).toMatchObject({
    code: 0,
  });
  expect(await auditOf(shell)).toMatchObject([
    {
      action: "pack.downgrade",
      outcome: "denied",
      tenant: "acme",
      target: expect.stringMatching(/^greeter@1\.0\.0 sha256:\w{64} after 1\.1\.0$/) as string,
      code: "PACK_VERSION_DOWNGRADE",
    },
    {
      action: "pack.downgrade",
      outcome: "allowed",
      tenant: "acme",
      target: expect.stringMatching(/^greeter@1\.0\.0 /) as string,
    },
  ]);
  expect(await shell.run("gtc audit verify")).toMatchObject({ code: 0 });
});
