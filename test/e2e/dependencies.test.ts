import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startRegistryStandIn } from "../stand-ins/registry.ts";
import type { RegistryStandIn } from "../stand-ins/registry.ts";
import { verifies } from "../verifies.ts";
import { openShell } from "./shell.ts";

const FLOW = `id: main
type: messaging
schema_version: 2
start: greet
nodes:
  greet:
    message.send: { text: "hello" }
    routing: out
`;

describe("packs that need others", { timeout: 120_000 }, () => {
  const shell = openShell();
  let ours: RegistryStandIn;
  let theirs: RegistryStandIn;
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(shell.dir, file)), { recursive: true });
    writeFileSync(join(shell.dir, file), text);
  };
  const read = (file: string): string => readFileSync(join(shell.dir, file), "utf8");
  const ok = async (command: string): Promise<string> => {
    const said = await shell.run(command);
    expect(said, `${command}\n${said.stderr}`).toMatchObject({ code: 0 });
    return said.stdout;
  };
  const fails = async (command: string, code: number, ...texts: readonly string[]): Promise<void> => {
    const said = await shell.run(command);
    expect(said, `${command}\n${said.stderr}`).toMatchObject({ code });
    for (const text of texts) expect(said.stderr).toContain(text);
  };
  const source = (name: string, version: string, needs: Readonly<Record<string, string>> = {}): void => {
    const dependencies = Object.entries(needs).map(([other, range]) => `${other} = "${range}"`);
    const capabilities = `[capabilities]\nid = "greentic.cap.app.v1"\nprovides = []`;
    write(
      `src/${name}/pack.toml`,
      `[pack]\nname = "${name}"\nversion = "${version}"\n${capabilities}\n[flows]\nmain = "flows/main.ygtc"\n[dependencies]\n${dependencies.join("\n")}\n`,
    );
    write(`src/${name}/flows/main.ygtc`, FLOW);
  };
  /** Builds and signs a pack into a folder. */
  const build = async (folder: string, ...of: Parameters<typeof source>): Promise<string> => {
    source(...of);
    const file = `${folder}/${of[0]}-${of[1]}.gtpack`;
    await ok(`gtc pack build src/${of[0]} -o ${file} && gtc pack sign ${file} --key acme.pem`);
    return file;
  };
  const config = (registry = ""): void =>
    write("greentic.toml", `[security]\ntrusted_publishers = [{ key = "acme.pub", publisher = "acme" }]\n${registry}`);

  beforeAll(async () => {
    [ours, theirs] = await Promise.all([startRegistryStandIn(), startRegistryStandIn()]);
    await ok("gtc pack keygen --output acme.pem && gtc pack keygen --output evil.pem");
    config();
  });
  afterAll(() => Promise.all([ours[Symbol.asyncDispose](), theirs[Symbol.asyncDispose]()]));

  test("resolve, build and load take exactly one set of packs", async () => {
    verifies("pack.dependencies.resolved", "pack.dependencies.lock", "pack.dependencies.exact");
    await build("packs", "acme-c", "1.0.0");
    await build("packs", "acme-c", "1.2.0");
    await build("packs", "acme-b", "1.1.0", { "acme-c": "^1" });
    source("app", "1.0.0", { "acme-b": "^1" });
    const resolved = JSON.parse(await ok("gtc pack resolve src/app --from packs --json")) as {
      packs: { name: string; version: string; packHash: string; source: string }[];
    };
    expect(resolved).toMatchObject({
      packs: [
        { name: "acme-b", version: "1.1.0", source: "../../packs/acme-b-1.1.0.gtpack", dependencies: ["acme-c"] },
        { name: "acme-c", version: "1.2.0", source: "../../packs/acme-c-1.2.0.gtpack", dependencies: [] },
      ],
      changes: [
        { name: "acme-b", after: "1.1.0" },
        { name: "acme-c", after: "1.2.0" },
      ],
      open: [{ name: "acme-b", version: "1.1.0", dependencies: ["acme-c"] }],
    });
    const lock = read("src/app/pack.lock");
    expect(await ok("gtc pack resolve src/app --from packs --locked")).toContain("2 packs, as it was");
    await build("packs", "acme-c", "1.3.0");
    await ok("gtc pack resolve src/app --from packs");
    expect(read("src/app/pack.lock")).toBe(lock);
    expect(await ok("gtc pack resolve src/app --from packs --update acme-c")).toContain("~ acme-c 1.2.0 → 1.3.0");
    await build("app", "app", "1.0.0", { "acme-b": "^1" });
    await fails("gtc runner load --pack app/app-1.0.0.gtpack", 3, "error[PACK_DEPENDENCY_MISSING]", "acme-b", "1.1.0");
    await ok("gtc runner load --pack packs/acme-b-1.1.0.gtpack");
    await ok("gtc runner load --pack app/app-1.0.0.gtpack");
    expect(await ok(`gtc runner run-flow --tenant demo --input '{"text":"hi"}'`)).toContain("hello");
    await build("packs", "acme-b", "1.2.0");
    const said = await shell.run("gtc runner load --pack packs/acme-b-1.2.0.gtpack");
    expect(said).toMatchObject({ code: 0, stderr: expect.stringContaining("PACK_DEPENDENCY_MISMATCH") as string });
    const run = await shell.run(`gtc runner run-flow --tenant demo --input '{}'`);
    expect(run.stderr).toContain("pack app of demo doesn't run");
    expect(run.stderr).toContain("PACK_DEPENDENCY_MISMATCH");
  });

  test("a name is looked for where it is scoped to, however high the version elsewhere", async () => {
    verifies("pack.dependencies.confusion", "pack.dependencies.scopes");
    const low = await build("own", "acme-lib", "1.0.0");
    const high = await build("other", "acme-lib", "1.9.0");
    await ok(`gtc pack push ${low} oci://${ours.host}/packs/acme-lib`);
    await ok(`gtc pack push ${high} oci://${theirs.host}/packs/acme-lib`);
    source("shop", "1.0.0", { "acme-lib": "^1" });
    config(
      `[registry.scopes.acme]\nnames = ["acme-*"]\nregistries = ["oci://${ours.host}/packs"]\n` +
        `[registry.scopes.others]\nnames = ["*"]\nregistries = ["oci://${theirs.host}/packs"]\n`,
    );
    theirs.seen.length = 0;
    await ok(`gtc pack resolve src/shop --from own --data cache --registry oci://${theirs.host}/packs`);
    expect(read("src/shop/pack.lock")).toContain('version = "1.0.0"');
    expect(theirs.seen).toEqual([]);
    config();
    await ok(
      `gtc pack resolve src/shop --from empty --data cache --registry 'acme-*=oci://${ours.host}/packs' || true`,
    );
    mkdirSync(join(shell.dir, "empty"), { recursive: true });
    await ok(
      `gtc pack resolve src/shop --from empty --data cache --registry 'acme-*=oci://${ours.host}/packs' --registry oci://${theirs.host}/packs`,
    );
    expect(read("src/shop/pack.lock")).toMatch(
      new RegExp(`source = "oci://${ours.host}/packs/acme-lib:1\\.0\\.0@sha256:[0-9a-f]{64}"`),
    );
    expect(theirs.seen).toEqual([]);
    await fails(
      `gtc pack resolve src/shop --from empty --registry oci://${ours.host}/packs --registry oci://${theirs.host}/packs`,
      2,
      "error[PACK_SCOPE_AMBIGUOUS]",
    );
    ours.seen.length = 0;
    await ok(
      "gtc pack resolve src/shop --from empty --data cache --registry 'acme-*=oci://" +
        `${ours.host}/packs' --offline --locked`,
    );
    expect(ours.seen).toEqual([]);
  });

  test("one version that is two packs is refused, and so is another publisher's", async () => {
    verifies("pack.dependencies.confusion", "pack.dependencies.scopes");
    const mine = await build("mine", "acme-two", "1.0.0");
    write("src/acme-two/flows/main.ygtc", FLOW.replace("hello", "changed"));
    await ok(
      "mkdir -p changed && gtc pack build src/acme-two -o changed/x.gtpack && gtc pack sign changed/x.gtpack --key acme.pem",
    );
    source("user", "1.0.0", { "acme-two": "1" });
    config();
    await fails("gtc pack resolve src/user --from mine --from changed", 4, "error[PACK_DEPENDENCY_AMBIGUOUS]");
    await ok(
      `cp -r mine evil && gtc pack build src/acme-two -o evil/acme-two-1.0.0.gtpack && gtc pack sign evil/acme-two-1.0.0.gtpack --key evil.pem`,
    );
    await fails(
      "gtc pack resolve src/user --from evil",
      3,
      "error[PACK_DEPENDENCY_UNRESOLVED]",
      "PACK_SIGNATURE_UNTRUSTED",
    );
    write(
      "greentic.toml",
      `[security]\ntrusted_publishers = [{ key = "acme.pub", publisher = "acme" }, { key = "evil.pub", publisher = "evil" }]\n` +
        `[registry.scopes.acme]\nnames = ["acme-*"]\nregistries = ["oci://${ours.host}/packs"]\n`,
    );
    await fails(
      "gtc pack resolve src/user --from evil",
      3,
      "error[PACK_DEPENDENCY_UNRESOLVED]",
      "PACK_SIGNER_OUT_OF_SCOPE",
    );
    expect(mine).toBe("mine/acme-two-1.0.0.gtpack");
    await ok("gtc pack resolve src/user --from mine");
    await ok("cp evil/acme-two-1.0.0.gtpack mine/ && gtc pack sign mine/acme-two-1.0.0.gtpack --key acme.pem");
    await fails("gtc pack resolve src/user --from mine", 4, "error[PACK_LOCK_REPLACED]");
  });
});
