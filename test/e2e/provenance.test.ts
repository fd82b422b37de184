import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasProgram, startDockerRegistry } from "../stand-ins/docker-registry.ts";
import { startRegistryStandIn } from "../stand-ins/registry.ts";
import { verifies } from "../verifies.ts";
import { openShell } from "./shell.ts";

type Registry = AsyncDisposable & { readonly host: string };

const TOML = `[pack]
name = "tiny"
version = "1.0.0"
[capabilities]
id = "greentic.cap.app.v1"
provides = []
[flows]
main = "flows/main.ygtc"
`;
const FLOW = `id: main
type: messaging
schema_version: 2
start: greet
nodes:
  greet:
    message.send: { text: "hello" }
    routing: out
`;

/** Registries that keep referrers themselves, and those that leave it to their clients. */
const REGISTRIES: readonly [string, boolean, () => Promise<Registry>][] = [
  ["a registry in memory that keeps referrers", true, () => startRegistryStandIn({ referrers: true })],
  ["docker-registry (skipped where it isn't installed)", hasProgram("docker-registry"), () => startDockerRegistry()],
];

describe.each(REGISTRIES)("how packs were built, through %s", { timeout: 120_000 }, (_name, isThere, start) => {
  const shell = openShell();
  let registry: Registry | undefined;
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
  const fails = async (command: string, code: number, text: string): Promise<void> => {
    const said = await shell.run(command);
    expect(said, `${command}\n${said.stderr}`).toMatchObject({ code });
    expect(said.stderr + said.stdout).toContain(text);
  };
  const place = (name: string): string => `oci://${registry?.host}/acme/${name}`;

  beforeAll(async () => {
    if (!isThere) return;
    registry = await start();
    write("tiny/pack.toml", TOML);
    write("tiny/flows/main.ygtc", FLOW);
    write("greentic.toml", '[security]\ntrusted_publishers = ["acme.pub"]\nrequire_provenance = true\n');
    await ok("gtc pack keygen --output acme.pem");
  });
  afterAll(() => registry?.[Symbol.asyncDispose]());

  test.skipIf(!isThere)("it is made, asked for, pushed beside the pack and fetched again", async () => {
    verifies("pack.provenance.made", "pack.provenance.verified", "pack.provenance.referrer");
    await fails("gtc pack build tiny --provenance", 2, "error[CLI_USAGE_INVALID]");
    await ok("gtc pack build tiny -o tiny.gtpack --key acme.pem --provenance --builder https://ci.example.com/1");
    const report = JSON.parse(await ok("gtc pack verify tiny.gtpack --json")) as object;
    expect(report).toMatchObject({
      signature: { status: "valid" },
      provenance: { status: "valid", builder: "https://ci.example.com/1" },
    });
    expect(await ok("gtc pack verify tiny.gtpack")).toContain("provenance valid https://ci.example.com/1");
    await ok("cp tiny.gtpack bare.gtpack");
    await fails("gtc pack verify bare.gtpack", 4, "error[PACK_PROVENANCE_MISSING]");
    await fails("gtc runner load --pack bare.gtpack", 4, "error[PACK_PROVENANCE_MISSING]");
    await ok("gtc pack verify bare.gtpack --provenance tiny.gtpack.intoto.json");

    await ok(`gtc pack push bare.gtpack ${place("bare")}:1`);
    await fails(`gtc pack pull ${place("bare")}:1 --data other -o x.gtpack`, 4, "error[PACK_PROVENANCE_MISSING]");
    await ok(`gtc pack push tiny.gtpack ${place("tiny")}:1 && gtc pack push tiny.gtpack ${place("tiny")}:1`);
    await ok(`gtc pack pull ${place("tiny")}:1 --data other -o pulled/tiny.gtpack`);
    expect(read("pulled/tiny.gtpack.intoto.json")).toBe(read("tiny.gtpack.intoto.json"));
    await ok(`GREENTIC_OFFLINE=1 gtc pack pull ${place("tiny")}:1 --data other --provenance -o again/tiny.gtpack`);
    await ok(`gtc runner load --pack ${place("tiny")}:1`);
    expect(await ok(`gtc runner run-flow --tenant demo --input '"hi"'`)).toContain("hello");
    // What says how another build was made doesn't stay beside this one.
    await ok("gtc pack build tiny -o tiny.gtpack --key acme.pem");
    expect(await readdir(shell.dir)).not.toContain("tiny.gtpack.intoto.json");
  });

  test.skipIf(!isThere)("what the shelf and a lock name survives pruning, and goes with them", async () => {
    verifies("oci.cache.pins");
    const cached = async (): Promise<number> => (await readdir(join(shell.dir, "cache/oci/blobs/sha256"))).length;
    const age = async (): Promise<void> => {
      const folder = join(shell.dir, "cache/oci/blobs/sha256");
      for (const name of await readdir(folder)) utimesSync(join(folder, name), 1, 1);
    };
    write("greentic.toml", '[security]\ntrusted_publishers = ["acme.pub"]\n');
    await ok("gtc pack build tiny -o tiny.gtpack --key acme.pem");
    await ok(`gtc pack push tiny.gtpack ${place("packs/tiny")}:1.0.0 --data elsewhere`);
    write("app/pack.toml", `${TOML.replace('"tiny"', '"app"')}[dependencies]\ntiny = "1"\n`);
    write("app/flows/main.ygtc", FLOW);
    mkdirSync(join(shell.dir, "none"), { recursive: true });
    await ok(`gtc pack resolve app --from none --registry ${place("packs")} --data cache`);
    await ok(`gtc runner load --pack ${place("packs/tiny")}:1.0.0 --data cache`);
    const both = await cached();
    await age();
    await ok("gtc pack prune --data cache");
    expect(await cached()).toBe(both);
    await ok("gtc runner unload tiny --data cache && gtc pack prune --keep 0 --data cache");
    expect(await cached()).toBe(both);
    rmSync(join(shell.dir, "app/pack.lock"));
    await ok("gtc pack prune --keep 0 --data cache");
    expect(await cached()).toBe(0);
  });
});
