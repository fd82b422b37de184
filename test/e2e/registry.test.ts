import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasProgram, ROBOT, startDockerRegistry } from "../stand-ins/docker-registry.ts";
import type { DockerRegistry } from "../stand-ins/docker-registry.ts";
import { startRegistryStandIn, PASSWORD, USER } from "../stand-ins/registry.ts";
import type { RegistryStandIn } from "../stand-ins/registry.ts";
import { verifies } from "../verifies.ts";
import { openShell, ROOT } from "./shell.ts";

type Env = Readonly<Record<string, string>>;
type Registry = AsyncDisposable & { readonly host: string };

/** The stand-in everywhere, and Debian's registry where it is installed. */
const REGISTRIES: readonly [string, boolean, () => Promise<Registry>, { user: string; password: string }][] = [
  [
    "a registry in memory",
    true,
    (): Promise<RegistryStandIn> => startRegistryStandIn({ auth: "bearer" }),
    { user: USER, password: PASSWORD },
  ],
  [
    "docker-registry (skipped where it isn't installed)",
    hasProgram("docker-registry"),
    (): Promise<DockerRegistry> => startDockerRegistry({ auth: true }),
    ROBOT,
  ],
];

describe.each(REGISTRIES)("packs through %s", { timeout: 120_000 }, (_name, isThere, start, { user, password }) => {
  const shell = openShell();
  let registry: Registry | undefined;
  let env: Env = {};
  const place = (name: string): string => `oci://${registry?.host}/acme/${name}`;
  const ok = async (command: string, more: Env = {}): Promise<string> => {
    const said = await shell.run(command, { env: { ...env, ...more } });
    expect(said, `${command}\n${said.stderr}`).toMatchObject({ code: 0 });
    return said.stdout;
  };

  beforeAll(async () => {
    if (!isThere) return;
    registry = await start();
    env = { GREENTIC_REGISTRY: registry.host, GREENTIC_REGISTRY_USER: user, GREENTIC_REGISTRY_PASSWORD: password };
    cpSync(join(ROOT, "examples/weather-demo"), join(shell.dir, "weather-demo"), {
      recursive: true,
      filter: (path) => !path.endsWith("/dist") && !path.endsWith("/.keys"),
    });
    await ok("greentic-deployer init --tenant acme --connector messaging.telegram");
    await ok("greentic-deployer bootstrap --env dev-desktop");
    await ok("packc build -p weather-demo/pack.yaml -o weather.gtpack");
    await ok("cp weather.gtpack unsigned.gtpack");
    await ok("packc sign -p weather.gtpack --key ~/.greentic/dev-ed25519.pem");
  }, 120_000);
  afterAll(() => registry?.[Symbol.asyncDispose]());

  test.skipIf(!isThere)("push, pull and load give the same pack, verified as files are", async () => {
    verifies("pack.oci.pull", "pack.resolve.oci", "runner.load.oci");
    const pushed = (await ok(`gtc pack push weather.gtpack ${place("weather")}:1.0.0`)).trim();
    expect(pushed).toMatch(/^oci:\/\/127\.0\.0\.1:\d+\/acme\/weather:1\.0\.0@sha256:[0-9a-f]{64}$/);
    const pulled = JSON.parse(
      await ok(`gtc pack pull ${place("weather")}:1.0.0 -o pulled.gtpack --data other --json`),
    ) as Record<string, unknown>;
    expect(pulled).toMatchObject({ reference: pushed, signature: "valid", isCached: false });
    const read = (file: string): Buffer => readFileSync(join(shell.dir, file));
    expect(read("pulled.gtpack")).toEqual(read("weather.gtpack"));

    expect(await ok(`greentic-runner load --pack ${place("weather")}:1.0.0`)).toContain("signature  valid");
    expect(await ok(`greentic-runner run-flow --tenant acme --input '{"text":"/weather"}'`)).toBe("Which city?\n");

    expect(await shell.run(`gtc pack push unsigned.gtpack ${place("unsigned")}:1`, { env })).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("is unsigned") as string,
    });
    for (const command of [
      `gtc pack pull ${place("unsigned")}:1 -o no.gtpack`,
      `gtc runner load --pack ${place("unsigned")}:1`,
    ])
      expect(await shell.run(command, { env }), command).toMatchObject({
        code: 4,
        stderr: expect.stringContaining("error[PACK_UNSIGNED]") as string,
      });
    expect(() => read("no.gtpack")).toThrow("ENOENT");
  });

  test.skipIf(!isThere)(
    "says who may not, what isn't there and what is broken, and pushes nothing that is",
    async () => {
      const fails = async (command: string, code: number, error: string, more: Env = env): Promise<void> => {
        const said = await shell.run(command, { env: more });
        expect(said, command).toMatchObject({ code, stderr: expect.stringContaining(error) as string });
        expect(said.stderr + said.stdout).not.toContain(password);
      };
      await fails(`gtc pack pull ${place("weather")}:1.0.0 --data nobody`, 4, "error[OCI_AUTH_REQUIRED]", {});
      await fails(`gtc pack pull ${place("weather")}:9`, 3, "error[OCI_NOT_FOUND]");
      await fails(`gtc pack pull ${place("weather")}:9`, 5, "error[OCI_OFFLINE]", { ...env, GREENTIC_OFFLINE: "1" });
      await fails(`gtc pack pull ${place("Weather")}:9`, 2, "at character");
      await fails(`gtc pack pull x:1`, 2, "error[OCI_REFERENCE_INVALID]");
      await fails(`gtc pack pull ${place("weather")}:1.0.0`, 2, "GREENTIC_REGISTRY_USER", {
        GREENTIC_REGISTRY: "r.test",
      });
      const bytes = readFileSync(join(shell.dir, "weather.gtpack"));
      bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 1;
      writeFileSync(join(shell.dir, "broken.gtpack"), bytes);
      expect(await shell.run(`gtc pack push broken.gtpack ${place("broken")}:1`, { env })).toMatchObject({ code: 4 });
      await fails(`gtc pack pull ${place("broken")}:1`, 3, "error[OCI_NOT_FOUND]");
    },
  );

  test.skipIf(!isThere)("bootstrap publishes what the tenant runs, and the tools in it", async () => {
    verifies("deployer.publish");
    const said = await ok(`greentic-deployer bootstrap --env dev-desktop --publish ${place("published")}`);
    expect(said).toContain(`ok    pack weather-demo 1.0.0 as ${place("published")}/weather-demo:1.0.0@sha256:`);
    const tool = `${place("published")}/weather-demo/forecast:1.0.0`;
    expect(said).toContain(`ok    tool forecast as ${tool}@sha256:`);
    await ok(`gtc component fetch ${tool} -o tool.wasm`);
    const wasm = readFileSync(join(ROOT, "examples/weather-demo/components/forecast.wasm"));
    expect(readFileSync(join(shell.dir, "tool.wasm"))).toEqual(wasm);
    await ok(`gtc pack pull ${place("published")}/weather-demo:1.0.0 -o published.gtpack`);
    expect(await shell.run(`greentic-deployer bootstrap --publish ${place("x")}:1`, { env })).toMatchObject({
      code: 2,
    });
  });

  test.skipIf(!isThere)("a bundle names a pack by its reference, whose tag is asked about once", async () => {
    verifies("pack.oci.bundle");
    writeFileSync(
      join(shell.dir, "greentic.demo.yaml"),
      `tenant: acme\napps:\n  weather:\n    pack: ${place("weather")}:1.0.0\n`,
    );
    await ok("rm -rf .greentic/packs .greentic/packs.json .greentic/oci");
    const start = `rm -f err.txt; touch err.txt; timeout 60 bash -c 'gtc start . --port 0 2>err.txt & until grep -q ^ready err.txt; do kill -0 $! || exit 9; sleep 0.1; done; kill $!; wait $!'`;
    await ok(start);
    await ok(start, { GREENTIC_OFFLINE: "1", GREENTIC_REGISTRY_PASSWORD: "no" });
    const pruned = JSON.parse(await ok("gtc pack prune --keep 0 --json")) as { removed: number };
    expect(pruned.removed).toBe(2);
  });

  test.skipIf(!isThere)("a component is fetched once, into the cache that packs are in", async () => {
    verifies("component.fetch");
    const { OciClient, pushComponent, parseOciReference } = await import("../../src/oci/index.ts");
    const client = new OciClient({ credentials: () => Promise.resolve({ kind: "password", user, password }) });
    const bytes = readFileSync(join(ROOT, "examples/weather-demo/components/forecast.wasm"));
    await pushComponent(client, parseOciReference(`${place("forecast")}:1`), { bytes, title: "forecast" });
    const fetched = async (reference: string, more: Env = {}): Promise<Record<string, unknown>> =>
      JSON.parse(await ok(`gtc component fetch ${reference} --json -o out.wasm`, more)) as Record<string, unknown>;
    const first = await fetched(`${place("forecast")}:1`);
    expect(first).toMatchObject({ isCached: false, sizeBytes: bytes.byteLength });
    expect(readFileSync(join(shell.dir, "out.wasm"))).toEqual(bytes);
    const away = { GREENTIC_OFFLINE: "1" };
    expect(await fetched(`${place("forecast")}:1`, away)).toMatchObject({ isCached: true, path: first["path"] });
    expect(await fetched(String(first["digest"]), away)).toMatchObject({ isCached: true, path: first["path"] });
    expect(await shell.run(`gtc component fetch ${place("weather")}:1.0.0`, { env })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("error[OCI_ARTIFACT_UNSUPPORTED]") as string,
    });
  });
});
