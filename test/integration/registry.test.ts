import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OciCache, OciClient, OciLibrary, pullArtifact, pushPack } from "../../src/oci/index.ts";
import type { OciReference } from "../../src/oci/index.ts";
import { hasProgram, ROBOT, startDockerRegistry } from "../stand-ins/docker-registry.ts";
import type { DockerRegistry } from "../stand-ins/docker-registry.ts";

const run = promisify(execFile);
const hasRegistry = hasProgram("docker-registry");
const hasSkopeo = hasRegistry && hasProgram("skopeo");
const EMPTY = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
const LABELS = { name: "weather", version: "1.0.0", packHash: "00".repeat(32) };

describe.skipIf(!hasRegistry)("Debian's docker-registry (skipped where it isn't installed)", () => {
  let open: DockerRegistry;
  let closed: DockerRegistry;
  const dir = mkdtempSync(join(tmpdir(), "greentic-oci-"));
  beforeAll(async () => {
    [open, closed] = await Promise.all([startDockerRegistry(), startDockerRegistry({ auth: true })]);
  });
  afterAll(async () => {
    await Promise.all([open[Symbol.asyncDispose](), closed[Symbol.asyncDispose]()]);
    rmSync(dir, { recursive: true, force: true });
  });
  const libraryOf = (client: OciClient, name: string): OciLibrary =>
    new OciLibrary({ client, cache: new OciCache(join(dir, name)) });
  const at = ({ host }: DockerRegistry, tag: string): OciReference => ({
    registry: host,
    repository: "acme/packs/weather",
    tag,
  });

  test("keeps what is pushed whole and in chunks, and gives it back", async () => {
    const client = new OciClient();
    const small = randomBytes(10_000);
    const large = randomBytes(3_000_000);
    const digest = await pushPack(client, at(open, "1.0.0"), { bytes: small, labels: LABELS });
    await pushPack(client, at(open, "2.0.0"), { bytes: large, labels: LABELS, chunkBytes: 700_000 });
    expect([...(await client.listTags(at(open, "")))].sort()).toEqual(["1.0.0", "2.0.0"]);
    expect(await client.resolve(at(open, "1.0.0"))).toBe(digest);
    const library = libraryOf(client, "open");
    expect(await pullArtifact(library, at(open, "1.0.0"), { kind: "pack" })).toMatchObject({ bytes: small });
    const pulled = await pullArtifact(library, at(open, "2.0.0"), { kind: "pack" });
    expect(Buffer.compare(pulled.bytes, large)).toBe(0);
    await expect(client.resolve(at(open, "3.0.0"))).rejects.toMatchObject({ code: "OCI_NOT_FOUND" });
  });

  test("keeps what refers to a pack, though this registry has no list of referrers", async () => {
    const client = new OciClient();
    const place = at(open, "signed");
    const digest = await pushPack(client, place, { bytes: randomBytes(1_000), labels: LABELS });
    const { bytes } = await client.pullManifest({ ...place, digest });
    const artifactType = "application/x.test.signature";
    const manifest = {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      artifactType,
      config: { mediaType: "application/vnd.oci.empty.v1+json", digest: EMPTY, size: 2 },
      layers: [],
      subject: { mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size: bytes.byteLength },
    };
    const { registry, repository } = place;
    const pushed = await client.pushManifest({ registry, repository }, Buffer.from(JSON.stringify(manifest)));
    expect(await client.listReferrers(place, digest)).toMatchObject([{ digest: pushed, artifactType }]);
    expect(await client.listReferrers(place, pushed)).toEqual([]);
  });

  test("lets users in by their password, and nobody else", async () => {
    const asUser = (password: string): OciClient =>
      new OciClient({ credentials: () => Promise.resolve({ kind: "password", user: ROBOT.user, password }) });
    const client = asUser(ROBOT.password);
    const bytes = randomBytes(5_000);
    await pushPack(client, at(closed, "1.0.0"), { bytes, labels: LABELS });
    const pulled = await pullArtifact(libraryOf(client, "closed"), at(closed, "1.0.0"), { kind: "pack" });
    expect(pulled).toMatchObject({ bytes });
    await expect(new OciClient().resolve(at(closed, "1.0.0"))).rejects.toMatchObject({ code: "OCI_AUTH_REQUIRED" });
    await expect(asUser("no").resolve(at(closed, "1.0.0"))).rejects.toMatchObject({ code: "OCI_AUTH_REFUSED" });
  });

  describe.skipIf(!hasSkopeo)("and skopeo (skipped where it isn't installed)", () => {
    const skopeo = async (...args: readonly string[]): Promise<string> => (await run("skopeo", [...args])).stdout;

    test("inspects and copies what we push, and we pull its copy", async () => {
      const client = new OciClient();
      const bytes = randomBytes(50_000);
      const digest = await pushPack(client, at(open, "skopeo"), { bytes, labels: LABELS });
      const source = `docker://${open.host}/acme/packs/weather:skopeo`;
      const inspected = await skopeo("inspect", "--tls-verify=false", "--raw", source);
      expect(JSON.parse(inspected)).toMatchObject({ artifactType: "application/vnd.greentic.gtpack.v1" });

      const layout = join(dir, "layout");
      await skopeo("copy", "--src-tls-verify=false", "--preserve-digests", source, `oci:${layout}:copied`);
      const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as { manifests: { digest: string }[] };
      expect(index.manifests[0]?.digest).toBe(digest);

      const target = `docker://${open.host}/mirror/weather:copied`;
      await skopeo("copy", "--dest-tls-verify=false", "--preserve-digests", `oci:${layout}:copied`, target);
      const mirror = { registry: open.host, repository: "mirror/weather", tag: "copied" };
      const pulled = await pullArtifact(libraryOf(client, "mirror"), mirror, { kind: "pack" });
      expect(pulled).toMatchObject({ bytes, isCached: false, reference: { digest } });
    });
  });
});
