import { execFile } from "node:child_process";
import { createPublicKey, randomBytes, verify } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OciCache, OciClient, OciLibrary, pullArtifact, pushPack } from "../../src/oci/index.ts";
import type { OciDigest, OciReference } from "../../src/oci/index.ts";
import { hasProgram, startDockerRegistry } from "../stand-ins/docker-registry.ts";
import type { DockerRegistry } from "../stand-ins/docker-registry.ts";

const run = promisify(execFile);
const hasRegistry = hasProgram("docker-registry");
const LABELS = { name: "weather", version: "1.0.0", packHash: "00".repeat(32) };
const PACK_TYPE = "application/vnd.greentic.gtpack.v1";

let registry: DockerRegistry;
const dir = mkdtempSync(join(tmpdir(), "greentic-oci-tools-"));
beforeAll(async () => {
  if (hasRegistry) registry = await startDockerRegistry();
});
afterAll(async () => {
  if (hasRegistry) await registry[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});
const client = new OciClient();
const at = (tag: string): OciReference => ({ registry: registry.host, repository: "acme/weather", tag });
const nameOf = (tag: string): string => `${registry.host}/acme/weather:${tag}`;
const pull = async (tag: string): Promise<Uint8Array> => {
  const library = new OciLibrary({ client, cache: new OciCache(join(dir, "cache")) });
  return (await pullArtifact(library, at(tag), { kind: "pack" })).bytes;
};

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const hasOras = hasRegistry && hasProgram("oras");
describe.skipIf(!hasOras)("oras and docker-registry (skipped where either isn't installed)", () => {
  const oras = async (...args: readonly string[]): Promise<string> =>
    (await run("oras", [...args, "--plain-http"], { cwd: dir })).stdout;

  test("oras pulls what we push, as the file that it was", async () => {
    const bytes = randomBytes(50_000);
    const digest = await pushPack(client, at("ours"), { bytes, labels: LABELS });
    expect(JSON.parse(await oras("manifest", "fetch", nameOf("ours")))).toMatchObject({ artifactType: PACK_TYPE });
    expect(await oras("resolve", nameOf("ours"))).toContain(digest);
    await oras("pull", nameOf("ours"), "--output", "pulled");
    expect(readFileSync(join(dir, "pulled/weather-1.0.0.gtpack")).equals(bytes)).toBe(true);
  });

  test("we pull what oras pushes, and find what it attaches", async () => {
    const bytes = randomBytes(50_000);
    writeFileSync(join(dir, "theirs.gtpack"), bytes);
    writeFileSync(join(dir, "note.txt"), "a note");
    await oras("push", nameOf("theirs"), "--artifact-type", PACK_TYPE, `theirs.gtpack:${PACK_TYPE}+zip`);
    expect(Buffer.from(await pull("theirs")).equals(bytes)).toBe(true);
    // Without a type for the file its name says what it is.
    await oras("push", nameOf("untyped"), "--artifact-type", PACK_TYPE, "theirs.gtpack");
    expect(Buffer.from(await pull("untyped")).equals(bytes)).toBe(true);
    const digest = await client.resolve(at("theirs"));
    await oras("attach", nameOf("theirs"), "--artifact-type", "application/x.test.note", "note.txt:text/plain");
    const [note, ...others] = await client.listReferrers(at("theirs"), digest);
    expect([note?.artifactType, others.length]).toEqual(["application/x.test.note", 0]);
  });
});

const hasCosign = hasRegistry && hasProgram("cosign");
describe.skipIf(!hasCosign)("cosign and docker-registry (skipped where either isn't installed)", () => {
  const env = { ...process.env, COSIGN_PASSWORD: "", COSIGN_YES: "true" };
  const cosign = async (...args: readonly string[]): Promise<string> =>
    (await run("cosign", [...args], { cwd: dir, env })).stdout;
  /** No transparency log: the test speaks to nobody but its own registry. */
  const local = ["--allow-insecure-registry", "--allow-http-registry"];

  test("cosign signs and verifies what we push, and we read the signature that it left", async () => {
    const digest = await pushPack(client, at("signed"), { bytes: randomBytes(20_000), labels: LABELS });
    const name = `${registry.host}/acme/weather@${digest}`;
    await cosign("generate-key-pair");
    await cosign("sign", "--key", "cosign.key", "--tlog-upload=false", ...local, name);
    await cosign("verify", "--key", "cosign.pub", "--insecure-ignore-tlog=true", ...local, name);

    const payload = await readSignature(digest);
    expect(JSON.parse(payload.toString("utf8"))).toMatchObject({
      critical: { image: { "docker-manifest-digest": digest } },
    });
  });

  test("cosign doesn't verify what it didn't sign", async () => {
    const digest = await pushPack(client, at("unsigned"), { bytes: randomBytes(20_000), labels: LABELS });
    const name = `${registry.host}/acme/weather@${digest}`;
    await cosign("generate-key-pair", "--output-key-prefix", "other");
    await expect(
      cosign("verify", "--key", "other.pub", "--insecure-ignore-tlog=true", ...local, name),
    ).rejects.toThrow();
  });

  /** Reads what cosign signed, from where it puts signatures: the tag `sha256-<hex>.sig`, the signature in an annotation. */
  async function readSignature(digest: OciDigest): Promise<Buffer> {
    const { manifest } = await client.pullManifest(at(`${digest.replace(":", "-")}.sig`));
    if (manifest.kind !== "manifest") throw new Error("cosign: expected one manifest");
    const [layer] = manifest.layers;
    if (layer === undefined) throw new Error("cosign: expected a layer");
    const payload = await collect(client.pullBlob(at("signed"), layer));
    const signature = Buffer.from(layer.annotations["dev.cosignproject.cosign/signature"] ?? "", "base64");
    const key = createPublicKey(readFileSync(join(dir, "cosign.pub"), "utf8"));
    expect(verify("sha256", payload, key, signature)).toBe(true);
    return payload;
  }
});
