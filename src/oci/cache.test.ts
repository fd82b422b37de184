import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { startRegistryStandIn } from "../../test/stand-ins/registry.ts";
import { pullArtifact, pushComponent, pushPack } from "./artifact.ts";
import { OciCache } from "./cache.ts";
import { OciClient } from "./client.ts";
import { digestOf } from "./digest.ts";
import { OciLibrary } from "./library.ts";
import { EMPTY_CONFIG, EMPTY_DESCRIPTOR, describeBytes, encodeImageManifest, encodeIndex } from "./manifest.ts";

const made: string[] = [];
let dir = "";
let cache = new OciCache("");
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "greentic-oci-"));
  made.push(dir);
  cache = new OciCache(dir);
});
afterAll(() => Promise.all(made.map((path) => rm(path, { recursive: true, force: true }))));

const A = Buffer.from("content a");
const B = Buffer.from("content b, longer");

describe("OciCache", () => {
  test("gives back what it was given, and nothing that is damaged", async () => {
    const digest = await cache.add(A);
    expect(await cache.read(digest)).toEqual(A);
    expect(await cache.has(digest)).toBe(true);
    await writeFile(cache.pathOf(digest), "content A");
    expect(await cache.has(digest)).toBe(false);
    expect(await cache.read(digest)).toBeUndefined();
    expect(await readdir(join(dir, "blobs/sha256"))).toEqual([]);
    expect(await cache.has(digest)).toBe(false);
  });

  test("leaves nothing of a write that failed or was of something else", async () => {
    await expect(cache.write(digestOf(A), [B])).rejects.toMatchObject({ code: "OCI_DIGEST_MISMATCH" });
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield A;
      await Promise.reject(new Error("broken off"));
    };
    await expect(cache.write(digestOf(A), broken())).rejects.toThrow("broken off");
    expect(await readdir(join(dir, "blobs/sha256"))).toEqual([]);
  });

  test("collects by age and by size, and keeps pins with what they name", async () => {
    const layer = await cache.add(A);
    const old = await cache.add(B);
    const fresh = await cache.add(Buffer.from("fresh"));
    const manifest = await cache.add(
      encodeImageManifest({
        artifactType: "application/x.test",
        config: EMPTY_DESCRIPTOR,
        layers: [describeBytes(A, "application/x.test")],
      }),
    );
    const nowMs = Date.now();
    const day = 24 * 3_600_000;
    for (const digest of [layer, old, manifest]) {
      const usedAt = new Date(nowMs - 10 * day);
      await utimes(cache.pathOf(digest), usedAt, usedAt);
    }
    await cache.pin(manifest, "one");
    await cache.pin(manifest, "two");
    expect((await cache.pins()).map(({ owner }) => owner).toSorted()).toEqual(["one", "two"]);
    expect(await cache.collect({ nowMs, maxAgeMs: 9 * day })).toMatchObject({ removed: 1, removedBytes: B.length });
    expect(await cache.has(old)).toBe(false);
    expect(await cache.collect({ nowMs, maxBytes: 0 })).toMatchObject({ removed: 1, kept: 2 });
    expect(await cache.has(fresh)).toBe(false);
    expect(await cache.read(layer)).toEqual(A);
    await cache.unpin(manifest, "one");
    expect(await cache.collect({ nowMs, maxBytes: 0 })).toMatchObject({ removed: 0, kept: 2 });
    await cache.unpin(manifest, "two");
    expect(await cache.collect({ nowMs, maxBytes: 0 })).toMatchObject({ removed: 2, kept: 0, keptBytes: 0 });
  });

  test("reads no lock that somebody broke", async () => {
    await cache.lockTag("oci://r.test/a:1", digestOf(A));
    expect(await cache.lockedTag("oci://r.test/a:1")).toBe(digestOf(A));
    expect(await cache.lockedTag("oci://r.test/a:2")).toBeUndefined();
    expect(await cache.lockedTags("oci://r.test/a")).toEqual(["1"]);
    expect(await cache.lockedTags("oci://r.test/aa")).toEqual([]);
    const [file = ""] = await readdir(join(dir, "tags"));
    await writeFile(join(dir, "tags", file), "{}");
    await expect(cache.lockedTag("oci://r.test/a:1")).rejects.toMatchObject({ code: "OCI_DIGEST_MISMATCH" });
  });
});

describe("artifacts", () => {
  const labels = { name: "weather", version: "1.0.0", packHash: "00" };

  test("a tag means what it meant first, until it is asked about again", async () => {
    await using registry = await startRegistryStandIn();
    const client = new OciClient();
    const library = new OciLibrary({ client, cache });
    const reference = { registry: registry.host, repository: "packs/weather", tag: "1.0.0" };
    const first = await pushPack(client, reference, { bytes: A, labels });
    const pull = (options = {}): ReturnType<typeof pullArtifact> =>
      pullArtifact(library, reference, { kind: "pack", ...options });
    expect(await pull()).toMatchObject({ bytes: A, isCached: false, reference: { digest: first } });
    await pushPack(client, reference, { bytes: B, labels });
    const asked = registry.seen.length;
    expect(await pull()).toMatchObject({ bytes: A, isCached: true });
    expect(registry.seen).toHaveLength(asked);
    expect(await pull({ update: true })).toMatchObject({ bytes: B, before: first });
    expect(await pull()).toMatchObject({ bytes: B, isCached: true });
  });

  test("offline gives what is kept and asks nobody", async () => {
    await using registry = await startRegistryStandIn();
    const client = new OciClient();
    const reference = { registry: registry.host, repository: "weather", tag: "1" };
    await pushPack(client, reference, { bytes: A, labels });
    const away = new OciLibrary({ client, cache, isOffline: true });
    await expect(pullArtifact(away, reference, { kind: "pack" })).rejects.toMatchObject({ code: "OCI_OFFLINE" });
    await pullArtifact(new OciLibrary({ client, cache }), reference, { kind: "pack" });
    const asked = registry.seen.length;
    expect(await pullArtifact(away, reference, { kind: "pack", update: true })).toMatchObject({ bytes: A });
    await rm(cache.pathOf(digestOf(A)));
    await expect(pullArtifact(away, reference, { kind: "pack" })).rejects.toMatchObject({ code: "OCI_OFFLINE" });
    expect(registry.seen).toHaveLength(asked);
  });

  test("the same pack has the same digest, whoever pushes it", async () => {
    await using one = await startRegistryStandIn();
    await using two = await startRegistryStandIn();
    const digests = await Promise.all(
      [one, two].map(({ host }) =>
        pushPack(new OciClient(), { registry: host, repository: "w", tag: "1" }, { bytes: A, labels }),
      ),
    );
    expect(new Set(digests)).toEqual(
      new Set(["sha256:31467c52f29da41150f45c12dd217808377d6f321d377c82c722865f433e9a7c"]),
    );
  });

  test("layers of public tools are read by type or by name; a component is no pack, and a list neither", async () => {
    await using registry = await startRegistryStandIn();
    const client = new OciClient();
    const library = new OciLibrary({ client, cache });
    const place = { registry: registry.host, repository: "x" };
    await client.pushBlob(place, A);
    await client.pushBlob(place, EMPTY_CONFIG);
    const title = (name: string) => ({ "org.opencontainers.image.title": name });
    const push = (tag: string, layers: ReturnType<typeof describeBytes>[]): Promise<string> =>
      client.pushManifest(
        { ...place, tag },
        encodeImageManifest({ artifactType: "application/x", config: EMPTY_DESCRIPTOR, layers }),
      );
    await push("plain", [describeBytes(A, "application/octet-stream", title("a.gtpack"))]);
    await push("typed", [describeBytes(A, "application/vnd.greentic.pack.v1+gtpack")]);
    await push("two", [describeBytes(A, "application/wasm"), describeBytes(B, "application/wasm")]);
    await push("huge", [{ ...describeBytes(A, "application/wasm"), size: 2 ** 40 }]);
    await push("other", [describeBytes(A, "application/octet-stream", title("a.txt"))]);
    await client.pushManifest({ ...place, tag: "list" }, encodeIndex([]));
    await pushComponent(client, { ...place, tag: "component" }, { bytes: B, title: "tool" });

    const pull = (tag: string, kind: "pack" | "component"): ReturnType<typeof pullArtifact> =>
      pullArtifact(library, { ...place, tag }, { kind });
    expect(await pull("plain", "pack")).toMatchObject({ bytes: A });
    expect(await pull("typed", "pack")).toMatchObject({ bytes: A });
    expect(await pull("component", "component")).toMatchObject({ bytes: B });
    for (const [tag, kind] of [
      ["component", "pack"],
      ["typed", "component"],
      ["two", "component"],
      ["other", "pack"],
      ["list", "pack"],
    ] as const)
      await expect(pull(tag, kind), `${tag} ${kind}`).rejects.toMatchObject({ code: "OCI_ARTIFACT_UNSUPPORTED" });
    await expect(pull("huge", "component")).rejects.toMatchObject({ code: "OCI_BODY_TOO_LARGE" });
  });
});
