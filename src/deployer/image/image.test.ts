import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasServer } from "../../../test/stand-ins/server-program.ts";
import { startRegistryStandIn } from "../../../test/stand-ins/registry.ts";
import { verifies } from "../../../test/verifies.ts";
import { OciClient, parseOciReference, pushLayout } from "../../oci/index.ts";
import { makeDeployment } from "../deployment-fixture.ts";
import { buildImage } from "./build-image.ts";
import { textFile, directory } from "./runtime-files.ts";
import { writeTar } from "./tar.ts";
import type { TarEntry } from "./tar.ts";

async function tar(entries: readonly TarEntry[]): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of writeTar(entries)) parts.push(part);
  return Buffer.concat(parts);
}

/** A package of few files, as `npm ci && npm run build` leaves it, with a Node that is none. */
function makePackage(): ReturnType<typeof makeDeployment> {
  const deployment = makeDeployment();
  const { home, root } = deployment.machine;
  const files: Readonly<Record<string, string>> = {
    "src/cli/main.ts": "// runs",
    "src/cli/main.test.ts": "// tests",
    "dist/component-host/a.mjs": "// built",
    "web/dist/index.html": "<p>",
    "package.json": "{}",
    LICENSE: "MIT",
    "node_modules/hono/package.json": "{}",
    "node_modules/hono/dist/index.js": "// code",
    "node_modules/hono/dist/index.d.ts": "// types",
    "node_modules/vitest/package.json": "{}",
    "package-lock.json": JSON.stringify({
      lockfileVersion: 3,
      packages: {
        "node_modules/hono": { version: "4.0.0", license: "MIT" },
        "node_modules/vitest": { version: "5.0.0", dev: true },
        "node_modules/elsewhere": { version: "1.0.0", optional: true },
      },
    }),
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  writeFileSync(join(home, "node"), "not really");
  return { ...deployment, machine: { ...deployment.machine, node: join(home, "node") } };
}

test("writeTar() makes archives that tar reads, whatever a path is like, and the same bytes twice", async () => {
  const long = `${"d".repeat(90)}/${"e".repeat(90)}/${"f".repeat(120)}.txt`;
  const entries: TarEntry[] = [
    directory("a", { mode: 0o700, owner: 7 }),
    textFile("a/plain.txt", "plain"),
    textFile(`a/${"x".repeat(98)}/split.txt`, "split"),
    textFile(`a/${long}`, "long"),
    textFile("a/grüße.txt", "ü"),
    { path: "a/link", kind: "link", mode: 0o777, target: "plain.txt" },
  ];
  const bytes = await tar(entries);
  expect(bytes.equals(await tar(entries))).toBe(true);
  const dir = mkdtempSync(join(tmpdir(), "greentic-tar-"));
  execFileSync("tar", ["-xf", "-", "-C", dir], { input: bytes });
  expect(readFileSync(join(dir, "a/link"), "utf8")).toBe("plain");
  expect(readFileSync(join(dir, `a/${"x".repeat(98)}/split.txt`), "utf8")).toBe("split");
  expect(readFileSync(join(dir, `a/${long}`), "utf8")).toBe("long");
  expect(readFileSync(join(dir, "a/grüße.txt"), "utf8")).toBe("ü");
  expect(execFileSync("tar", ["-tvf", "-"], { input: bytes }).toString()).toMatch(/^drwx------ 7\/7 .* a\/$/m);
});

describe.skipIf(process.platform !== "linux")("buildImage()", () => {
  test("gives the same digest twice, without what only tests, and an SBOM about it", async () => {
    verifies("deploy.image", "deploy.references-only");
    const deployment = makePackage();
    const dir = join(deployment.machine.home, "image");
    const built = await buildImage(deployment, { dir, isStored: true });
    const again = await buildImage(deployment, { dir: `${dir}-2`, isStored: true });
    expect(again.digest).toBe(built.digest);
    const blob = (digest: string): string => join(dir, "blobs/sha256", digest.slice("sha256:".length));
    const json = (file: string): Record<string, never> =>
      JSON.parse(readFileSync(file, "utf8")) as Record<string, never>;
    const index = json(join(dir, "index.json")) as unknown as {
      readonly manifests: readonly { readonly digest: string; readonly artifactType?: string }[];
    };
    expect(index.manifests.map(({ artifactType }) => artifactType)).toEqual([
      undefined,
      "application/vnd.cyclonedx+json",
    ]);
    const manifest = json(blob(built.digest)) as unknown as {
      readonly config: { readonly digest: string };
      readonly layers: readonly { readonly digest: string }[];
    };
    expect(json(blob(manifest.config.digest))).toMatchObject({
      os: "linux",
      config: { User: "65532:65532", Entrypoint: ["/usr/local/bin/node", "/greentic/src/cli/main.ts"] },
    });
    const listed = manifest.layers.flatMap(({ digest }) =>
      execFileSync("tar", ["-tf", blob(digest)])
        .toString()
        .split("\n"),
    );
    expect(listed).toContain("greentic/src/cli/main.ts");
    expect(listed).toContain("greentic/node_modules/hono/dist/index.js");
    expect(listed).toContain("bundle/app.gtbundle");
    expect(listed.filter((path) => /test|vitest|\.d\.ts|\bsh$|secrets\.json/.test(path))).toEqual([]);
    const about = json(blob(index.manifests[1]?.digest ?? "")) as unknown as {
      readonly subject: { readonly digest: string };
      readonly layers: readonly { readonly digest: string }[];
    };
    expect(about.subject.digest).toBe(built.digest);
    const sbom = json(blob(about.layers[0]?.digest ?? "")) as unknown as {
      readonly components: readonly { readonly name: string; readonly purl?: string }[];
    };
    expect(sbom.components.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["usr/local/bin/node", "bundle/app.gtbundle", "greeter", "hono"]),
    );
    expect(sbom.components.map(({ purl }) => purl)).toContain("pkg:npm/hono@4.0.0");
    if (hasServer("skopeo"))
      expect(JSON.parse(execFileSync("skopeo", ["inspect", `oci:${dir}:latest`]).toString())).toMatchObject({
        Digest: built.digest,
        Os: "linux",
      });
  });

  test("is pushed with what is about it, and nothing that the registry has is sent again", async () => {
    verifies("deploy.image");
    const deployment = makePackage();
    const dir = join(deployment.machine.home, "image");
    const { digest } = await buildImage(deployment, { dir });
    await using registry = await startRegistryStandIn({ referrers: true });
    const client = new OciClient({ plainHttp: [registry.host] });
    const reference = parseOciReference(`oci://${registry.host}/acme/shop:1.0.0`);
    expect(await pushLayout(client, reference, dir)).toBe(digest);
    const { manifest } = await client.pullManifest({ ...reference, digest });
    expect(manifest).toMatchObject({ kind: "manifest", artifactType: "application/vnd.oci.image.config.v1+json" });
    const uploads = (): number =>
      registry.seen.filter(({ method, path }) => method === "POST" && path.endsWith("uploads/")).length;
    const before = uploads();
    expect(await pushLayout(client, reference, dir)).toBe(digest);
    expect(uploads()).toBe(before);
    const layer = join(
      dir,
      "blobs/sha256",
      manifest.kind === "manifest" ? (manifest.layers[1]?.digest.slice(7) ?? "") : "",
    );
    writeFileSync(layer, "other");
    await expect(pushLayout(client, reference, dir)).rejects.toMatchObject({ code: "OCI_DIGEST_MISMATCH" });
  });

  test("leaves the old image where a new one can't be made", async () => {
    const deployment = makePackage();
    const dir = join(deployment.machine.home, "image");
    await buildImage(deployment, { dir });
    const before = statSync(join(dir, "index.json")).mtimeMs;
    const broken = {
      ...deployment,
      machine: { ...deployment.machine, root: join(deployment.machine.home, "nowhere") },
    };
    await expect(buildImage(broken, { dir })).rejects.toMatchObject({ code: "DEPLOYER_IMAGE_UNSUPPORTED" });
    expect(statSync(join(dir, "index.json")).mtimeMs).toBe(before);
    expect(existsSync(join(dir, "oci-layout"))).toBe(true);
  });
});
