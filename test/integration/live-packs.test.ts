import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CONSOLE_CHANNEL, openHost } from "../../src/cli/host.ts";
import type { Host, HostOptions } from "../../src/cli/host.ts";
import { loadConfig } from "../../src/config/index.ts";
import { openBundle } from "../../src/deployer/index.ts";
import { receiveConsole } from "../../src/messaging/index.ts";
import { DEFAULT_TEAM, tenantId } from "../../src/types/index.ts";
import { openShell } from "../e2e/shell.ts";
import type { Shell } from "../e2e/shell.ts";
import { verifies } from "../verifies.ts";

/** A pack whose flow asks a name and then greets, in the words of its version. */
async function buildGreeter(
  shell: Shell,
  { name, version }: { readonly name: string; readonly version: string },
): Promise<string> {
  const source = join(shell.dir, "source", name);
  mkdirSync(join(source, "flows"), { recursive: true });
  writeFileSync(
    join(source, "pack.toml"),
    `[pack]\nname = "${name}"\nversion = "${version}"\n[capabilities]\nid = "greentic.cap.app.v1"\n[flows]\nmain = "flows/main.ygtc"\n`,
  );
  writeFileSync(
    join(source, "flows/main.ygtc"),
    `id: main\ntype: messaging\nschema_version: 2\nentrypoints: { default: ask, "command:/${name}": ask }\nnodes:\n  ask: { qa: { questions: [{ id: name, prompt: "${name} ${version}?" }] }, routing: [{ to: hello }] }\n  hello: { message.send: { text: "${version} greets {{ask.answers.name}}" }, routing: out }\n`,
  );
  const file = join(shell.dir, "packs", `${name}.gtpack`);
  mkdirSync(join(shell.dir, "packs"), { recursive: true });
  const built = await shell.run(`gtc pack build source/${name} -o ${name}-${version}.gtpack`);
  expect(built).toMatchObject({ code: 0 });
  cpSync(join(shell.dir, `${name}-${version}.gtpack`), file);
  return file;
}

interface Running extends AsyncDisposable {
  readonly host: Host;
  readonly warnings: string[];
  readonly say: (text: string, session?: string) => Promise<string>;
}

async function run(shell: Shell, options: Partial<HostOptions> = {}): Promise<Running> {
  const open = (): ReturnType<typeof openBundle> => openBundle(shell.dir);
  const bundle = await open();
  const config = loadConfig({
    cwd: shell.dir,
    environment: {},
    flags: { tenant: "acme", store: "memory", env: "test" },
  });
  const warnings: string[] = [];
  const host = await openHost({
    config: { ...config, security: { ...config.security, rejectUnsigned: false } },
    bundle,
    reopenBundle: open,
    environment: {},
    warn: (message) => void warnings.push(message),
    ...options,
  });
  host.runtime.start();
  const provider = host.runtime.channel(
    { env: config.env, tenant: tenantId("acme"), team: DEFAULT_TEAM },
    CONSOLE_CHANNEL,
  );
  if (provider === undefined) throw new Error("no console");
  let id = 0;
  return {
    host,
    warnings,
    async say(text, session = "one") {
      const message = receiveConsole(provider.address, { text }, { session, id: String(id++) });
      const report = await host.runtime.request(provider, message, { timeoutMs: 20_000 });
      return report.error?.code ?? report.reply.map((reply) => reply.text).join(" ");
    },
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

const write = (shell: Shell, path: string, text: string): void => writeFileSync(join(shell.dir, path), text);
const APPS = "schema_version: 1\nbundle_id: shop\ntenant: acme\n";

test("reload() takes in a new version and a new pack, and lets go of one; who is in a flow stays in it", async () => {
  verifies("bundle.hot");
  const shell = openShell();
  await buildGreeter(shell, { name: "desk", version: "1.0.0" });
  write(shell, "bundle.yaml", APPS);
  await using running = await run(shell);
  const { host, say } = running;
  expect(await say("hi")).toBe("desk 1.0.0?");
  await buildGreeter(shell, { name: "desk", version: "1.1.0" });
  await buildGreeter(shell, { name: "shop", version: "1.0.0" });
  await host.packs.reload();
  expect(await say("hi", "two")).toBe("desk 1.1.0?");
  expect(await say("/shop", "three")).toBe("shop 1.0.0?");
  expect(await say("Ann")).toBe("1.0.0 greets Ann");
  rmSync(join(shell.dir, "packs/shop.gtpack"));
  await host.packs.reload();
  expect(host.runtime.listPacks().map(({ name, version }) => `${name} ${version}`)).toEqual(["desk 1.1.0"]);
  expect(await say("Bob", "three")).toBe("1.0.0 greets Bob");
  expect(await say("/shop", "four")).toBe("desk 1.1.0?");
});

test("a pack that is refused at the start is left out, unless none is left or all are wanted", async () => {
  verifies("bundle.partial");
  const shell = openShell();
  await buildGreeter(shell, { name: "desk", version: "1.0.0" });
  const shop = await buildGreeter(shell, { name: "shop", version: "1.0.0" });
  const whole = readFileSync(shop);
  writeFileSync(shop, whole.subarray(0, 900));
  write(shell, "bundle.yaml", APPS);
  {
    await using running = await run(shell);
    expect(await running.say("hi")).toBe("desk 1.0.0?");
    expect(running.host.packs.refused).toMatchObject([{ name: "shop", error: { code: "PACK_ZIP_END_MISSING" } }]);
    expect(running.warnings).toContainEqual(expect.stringContaining("pack shop of acme doesn't run"));
    // Once it is whole it runs.
    writeFileSync(shop, whole);
    await running.host.packs.reload();
    expect(running.host.packs.refused).toEqual([]);
    expect(await running.say("/shop", "two")).toBe("shop 1.0.0?");
    // And once it is broken again it stays as it was.
    writeFileSync(shop, whole.subarray(0, 900));
    await running.host.packs.reload();
    expect(await running.say("/shop", "three")).toBe("shop 1.0.0?");
    expect(running.warnings).toContainEqual(expect.stringContaining("pack shop of acme stays at 1.0.0"));
  }
  await expect(run(shell, { isStrict: true })).rejects.toMatchObject({ code: "PACK_ZIP_END_MISSING" });
  rmSync(join(shell.dir, "packs/desk.gtpack"));
  await expect(run(shell)).rejects.toMatchObject({ code: "PACK_ZIP_END_MISSING" });
});

test("a bundle that can't be read changes nothing; its access maps count as soon as they change", async () => {
  verifies("bundle.hot", "bundle.access.enforced");
  const shell = openShell();
  await buildGreeter(shell, { name: "desk", version: "1.0.0" });
  write(shell, "bundle.yaml", APPS);
  await using running = await run(shell);
  const { host, say } = running;
  expect(await say("hi")).toBe("desk 1.0.0?");
  write(shell, "bundle.yaml", `${APPS}app_packs: [`);
  await expect(host.packs.reload()).rejects.toMatchObject({ code: "CONFIG_SYNTAX_INVALID" });
  expect(await say("hi", "two")).toBe("desk 1.0.0?");
  write(shell, "bundle.yaml", APPS);
  mkdirSync(join(shell.dir, "tenants/acme"), { recursive: true });
  write(shell, "tenants/acme/tenant.gmap", "_ = forbidden\n");
  await host.packs.reload();
  expect(await say("hi", "three")).toBe("RUNNER_ACCESS_FORBIDDEN");
  write(shell, "tenants/acme/tenant.gmap", "_ = forbidden\ndesk/main = public\n");
  await host.packs.reload();
  expect(await say("hi", "four")).toBe("desk 1.0.0?");
  await using open = await run(shell, { isAccessOpen: true });
  expect(await open.say("hi")).toBe("desk 1.0.0?");
});
