import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { IDENTITY, PASSWORD, startRegistryStandIn, USER } from "../../test/stand-ins/registry.ts";
import type { RegistryStandIn, RegistryStandInOptions } from "../../test/stand-ins/registry.ts";
import { OciClient } from "./client.ts";
import { digestOf } from "./digest.ts";
import { EMPTY_CONFIG, EMPTY_DESCRIPTOR, describeBytes, encodeImageManifest } from "./manifest.ts";
import type { OciReference } from "./reference.ts";

const open: RegistryStandIn[] = [];
afterEach(async () => {
  for (const registry of open.splice(0)) await registry[Symbol.asyncDispose]();
});
async function start(options?: RegistryStandInOptions): Promise<RegistryStandIn> {
  const registry = await startRegistryStandIn(options);
  open.push(registry);
  return registry;
}
const at = ({ host }: RegistryStandIn, tag = "v1"): OciReference => ({ registry: host, repository: "a/b", tag });
const clientOf = (options = {}): OciClient => new OciClient({ idleTimeoutMs: 2_000, ...options });
const asUser = {
  credentials: () => Promise.resolve({ kind: "password" as const, user: USER, password: PASSWORD }),
};
const MANIFEST = encodeImageManifest({ artifactType: "application/x.test", config: EMPTY_DESCRIPTOR, layers: [] });
const BLOB = Buffer.from("0123456789".repeat(10_000));

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
const pull = (registry: RegistryStandIn, client = clientOf()): Promise<Buffer> =>
  collect(client.pullBlob(at(registry), { digest: digestOf(BLOB), size: BLOB.byteLength }));

describe("OciClient pushes and pulls", () => {
  test("blobs whole and in chunks, manifests by tag and by digest", async () => {
    const registry = await start();
    const client = clientOf();
    expect(await client.pushBlob(at(registry), BLOB)).toBe(true);
    expect(await client.pushBlob(at(registry), BLOB)).toBe(false);
    const longer = Buffer.concat([BLOB, BLOB]);
    const progress: number[] = [];
    await client.pushBlob(at(registry), longer, { chunkBytes: 65_536, onProgress: (sent) => progress.push(sent) });
    expect(registry.blobs.get(digestOf(longer))).toEqual(longer);
    expect(progress).toEqual([65_536, 131_072, 196_608, 200_000]);
    const digest = await client.pushManifest(at(registry), MANIFEST);
    expect(digest).toBe(digestOf(MANIFEST));
    expect(await client.resolve(at(registry))).toBe(digest);
    expect((await client.pullManifest({ ...at(registry), digest })).manifest).toMatchObject({ kind: "manifest" });
    expect(await pull(registry)).toEqual(BLOB);
  });

  test("a chunk that was lost on the way goes again from where the registry is", async () => {
    const registry = await start();
    let lost = 0;
    registry.misbehave = (request) => {
      if (request.method !== "PATCH" || ++lost > 2) return false;
      request.socket.destroy();
      return true;
    };
    await clientOf().pushBlob(at(registry), BLOB, { chunkBytes: 30_000 });
    expect(registry.blobs.get(digestOf(BLOB))).toEqual(BLOB);
    expect(lost).toBeGreaterThan(2);
  });

  test("a blob that broke off is read on from there, from storages without ranges too", async () => {
    for (const knowsRanges of [true, false]) {
      const registry = await start();
      registry.blobs.set(digestOf(BLOB), BLOB);
      let broken = 0;
      registry.misbehave = (request, response, url) => {
        if (!url.pathname.includes("/blobs/") || broken > 1) {
          if (!knowsRanges) delete request.headers.range;
          return false;
        }
        response.writeHead(200, { "content-length": String(BLOB.byteLength) });
        response.write(BLOB.subarray(0, ++broken * 10_000), () => setTimeout(() => response.destroy(), 20));
        return true;
      };
      expect(await pull(registry)).toEqual(BLOB);
      expect(registry.seen.at(-1)?.headers["range"] !== undefined).toBe(knowsRanges);
    }
  });

  test("tags over pages, each once", async () => {
    const registry = await start({ pageSize: 2 });
    for (const tag of ["a", "b", "c", "d", "e"]) await clientOf().pushManifest(at(registry, tag), MANIFEST);
    expect(await clientOf().listTags(at(registry))).toEqual(["a", "b", "c", "d", "e"]);
    registry.misbehave = (_request, response, url) => {
      response.writeHead(200, { link: `<${url.pathname}${url.search}>; rel="next"` }).end('{"tags":["x"]}');
      return true;
    };
    await expect(clientOf().listTags(at(registry))).rejects.toMatchObject({ code: "OCI_RESPONSE_INVALID" });
  });

  test.each([true, false])("referrers, where the registry keeps them itself: %s", async (referrers) => {
    const registry = await start({ referrers });
    const client = clientOf();
    const subject = await client.pushManifest(at(registry), MANIFEST);
    for (const artifactType of ["application/x.sig", "application/x.sbom", "application/x.sig"]) {
      const bytes = encodeImageManifest({
        artifactType,
        config: EMPTY_DESCRIPTOR,
        layers: [],
        subject: describeBytes(MANIFEST, "application/vnd.oci.image.manifest.v1+json"),
      });
      const { registry: host, repository } = at(registry);
      await client.pushManifest({ registry: host, repository }, bytes);
    }
    expect(await client.listReferrers(at(registry), subject)).toHaveLength(2);
    const artifactType = "application/x.sbom";
    expect(await client.listReferrers(at(registry), subject, { artifactType })).toMatchObject([{ artifactType }]);
    expect(await client.listReferrers(at(registry), digestOf(EMPTY_CONFIG))).toEqual([]);
  });
});

describe("OciClient authenticates", () => {
  test.each(["basic", "bearer"] as const)("by %s, once per repository and access", async (auth) => {
    const registry = await start({ auth });
    const client = clientOf(asUser);
    await client.pushBlob(at(registry), BLOB);
    await client.pushManifest(at(registry), MANIFEST);
    expect(await pull(registry, client)).toEqual(BLOB);
    await client.resolve(at(registry));
    expect(registry.seen.filter(({ headers }) => headers.authorization === undefined)).toHaveLength(2);
    const asked = registry.seen.filter(({ path }) => path.startsWith("/token"));
    // What the challenge asks for is wider; the client's own scope is what it gets.
    expect(asked.map(({ path }) => new URLSearchParams(path.split("?")[1]).get("scope"))).toEqual(
      auth === "bearer" ? ["repository:a/b:pull,push", "repository:a/b:pull"] : [],
    );
  });

  test("by an identity token, which goes to the token server alone", async () => {
    const registry = await start({ auth: "bearer" });
    const withToken = (token: string): OciClient =>
      clientOf({ credentials: () => Promise.resolve({ kind: "identity", token }) });
    expect(await withToken(IDENTITY).pushManifest(at(registry), MANIFEST)).toBe(digestOf(MANIFEST));
    await expect(withToken("other").resolve(at(registry))).rejects.toMatchObject({ code: "OCI_AUTH_REFUSED" });
    expect(registry.seen.every(({ headers }) => !headers.authorization?.includes(IDENTITY))).toBe(true);
  });

  test("anew once a token's time is over", async () => {
    const registry = await start({ auth: "bearer" });
    let nowMs = 0;
    const client = clientOf({ ...asUser, nowMs: () => nowMs });
    await client.pushManifest(at(registry), MANIFEST);
    const asked = (): number => registry.seen.filter(({ path }) => path.startsWith("/token")).length;
    await client.pushManifest(at(registry), MANIFEST);
    expect(asked()).toBe(1);
    nowMs = 300_000;
    await client.pushManifest(at(registry), MANIFEST);
    expect(asked()).toBe(2);
  });

  test.each(["basic", "bearer"] as const)("and says by %s whether nobody or the wrong one asked", async (auth) => {
    const registry = await start({ auth });
    await expect(clientOf().resolve(at(registry))).rejects.toMatchObject({ code: "OCI_AUTH_REQUIRED" });
    const wrong = { credentials: () => Promise.resolve({ kind: "password" as const, user: USER, password: "no" }) };
    await expect(clientOf(wrong).resolve(at(registry))).rejects.toMatchObject({ code: "OCI_AUTH_REFUSED" });
  });

  test("never at a token server without TLS that isn't this machine, or that isn't HTTP", async () => {
    for (const realm of ["http://tokens.test/token", "file:///etc/passwd", "", "https://u:p@tokens.test/"]) {
      const registry = await start();
      registry.misbehave = (_request, response) => {
        response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}"` }).end();
        return true;
      };
      await expect(clientOf(asUser).resolve(at(registry))).rejects.toMatchObject({ code: "OCI_AUTH_REALM_REFUSED" });
    }
  });
});

describe("OciClient against registries that mean ill", () => {
  const answer = (registry: RegistryStandIn, respond: (response: ServerResponse) => void): void => {
    registry.misbehave = (_request, response) => (respond(response), true);
  };

  test("takes no blob of another digest, length or end", async () => {
    const registry = await start();
    answer(registry, (response) => response.end(Buffer.alloc(BLOB.byteLength)));
    await expect(pull(registry)).rejects.toMatchObject({ code: "OCI_DIGEST_MISMATCH" });
    answer(registry, (response) => {
      response.write(BLOB.subarray(0, 50_000));
      response.end();
    });
    await expect(pull(registry)).rejects.toMatchObject({ code: "OCI_SIZE_MISMATCH" });
    answer(registry, (response) => response.writeHead(200, { "content-length": "10" }).end(BLOB.subarray(0, 10)));
    await expect(pull(registry)).rejects.toMatchObject({ code: "OCI_SIZE_MISMATCH" });
    answer(registry, (response) => {
      response.writeHead(200, { "content-length": String(BLOB.byteLength) }).write("01234");
      setTimeout(() => response.destroy(), 20);
    });
    await expect(pull(registry)).rejects.toMatchObject({ code: "OCI_REGISTRY_UNAVAILABLE" });
    answer(registry, (response) => response.writeHead(206, { "content-range": "bytes 5-9/10" }).end("56789"));
    await expect(pull(registry)).rejects.toMatchObject({ code: "OCI_RESPONSE_INVALID" });
  });

  test("reads no more than was promised of bodies that never end, compressed ones too", async () => {
    const registry = await start();
    let written = 0;
    const endless = (response: ServerResponse): void => {
      const more = (): void => {
        if (response.destroyed) return;
        written += 65_536;
        if (response.write(Buffer.alloc(65_536, 0x20))) setImmediate(more);
        else response.once("drain", more);
      };
      more();
    };
    answer(registry, endless);
    await expect(pull(registry)).rejects.toMatchObject({ code: "OCI_BODY_TOO_LARGE" });
    await expect(clientOf().pullManifest(at(registry))).rejects.toMatchObject({ code: "OCI_BODY_TOO_LARGE" });
    await expect(clientOf().listTags(at(registry))).rejects.toMatchObject({ code: "OCI_BODY_TOO_LARGE" });
    expect(written).toBeLessThan(64 << 20);
    expect(registry.seen.every(({ headers }) => headers["accept-encoding"] === "identity")).toBe(true);
  });

  test("gives up on one that falls silent", async () => {
    const registry = await start();
    answer(registry, () => undefined);
    const client = clientOf({ idleTimeoutMs: 50 });
    await expect(client.resolve(at(registry))).rejects.toMatchObject({ code: "OCI_REGISTRY_UNAVAILABLE" });
    answer(registry, (response) => response.write("x"));
    await expect(pull(registry, client)).rejects.toMatchObject({ code: "OCI_REGISTRY_UNAVAILABLE" });
  });

  test("takes no manifest of another digest than asked for, or than the registry says", async () => {
    const registry = await start();
    answer(registry, (response) => response.end(MANIFEST));
    const other = digestOf(BLOB);
    await expect(clientOf().pullManifest({ ...at(registry), digest: other })).rejects.toMatchObject({
      code: "OCI_DIGEST_MISMATCH",
    });
    answer(registry, (response) => response.writeHead(200, { "docker-content-digest": other }).end(MANIFEST));
    await expect(clientOf().pullManifest(at(registry))).rejects.toMatchObject({ code: "OCI_DIGEST_MISMATCH" });
  });

  test.each([
    "nonsense",
    "[]",
    "{}",
    '{"schemaVersion":1,"layers":[]}',
    '{"schemaVersion":2,"layers":[],"manifests":[]}',
    '{"schemaVersion":2,"config":{"mediaType":"x","digest":"sha256:../../etc","size":2},"layers":[]}',
    `{"schemaVersion":2,"config":{"mediaType":"x","digest":"${digestOf(EMPTY_CONFIG)}","size":-1},"layers":[]}`,
    `{"schemaVersion":2,"config":{"mediaType":"x","digest":"${digestOf(EMPTY_CONFIG)}","size":1e300},"layers":[]}`,
    `${'{"a":'.repeat(1_000)}1${"}".repeat(1_000)}`,
  ])("refuses as a manifest %s", async (text) => {
    const registry = await start();
    answer(registry, (response) => response.end(text));
    await expect(clientOf().pullManifest(at(registry))).rejects.toMatchObject({ code: "OCI_MANIFEST_INVALID" });
  });

  test("takes who it is to no other origin, and answers no challenge there", async () => {
    const registry = await start({ auth: "basic" });
    const storage = await start();
    const client = clientOf(asUser);
    await client.pushBlob(at(registry), BLOB);
    registry.misbehave = (request, response, url) => {
      if (!url.pathname.includes("/blobs/") || request.headers.authorization === undefined) return false;
      response.writeHead(307, { location: `http://${storage.host}/elsewhere` }).end();
      return true;
    };
    storage.misbehave = (_request, response) => (response.end(BLOB), true);
    expect(await pull(registry, client)).toEqual(BLOB);
    storage.misbehave = (_request, response) => {
      response.writeHead(401, { "www-authenticate": 'Basic realm="mine"' }).end();
      return true;
    };
    await expect(pull(registry, client)).rejects.toMatchObject({ code: "OCI_AUTH_REFUSED" });
    expect(storage.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  });

  test("follows redirects of blobs alone, not for ever, and not to plain http elsewhere", async () => {
    const registry = await start();
    const to = (location: string): void => answer(registry, (response) => response.writeHead(302, { location }).end());
    for (const location of ["/v2/a/b/blobs/loop", "http://r.test/x", "file:///etc/passwd", "http://u:p@127.0.0.1/"]) {
      to(location);
      await expect(pull(registry), location).rejects.toMatchObject({ code: "OCI_REDIRECT_REFUSED" });
    }
    const other = await start();
    to(`http://${other.host}/v2/a/b/manifests/v1`);
    const client = clientOf();
    await expect(client.pullManifest(at(registry))).rejects.toMatchObject({ code: "OCI_REDIRECT_REFUSED" });
    await expect(client.pushManifest(at(registry), MANIFEST)).rejects.toMatchObject({ code: "OCI_REDIRECT_REFUSED" });
    await expect(client.listTags(at(registry))).rejects.toMatchObject({ code: "OCI_REDIRECT_REFUSED" });
    expect(other.seen).toEqual([]);
  });

  test("uploads and pages on at no other host", async () => {
    const registry = await start();
    const other = await start();
    registry.misbehave = (request, response) => {
      if (request.method === "HEAD") return false;
      const place = `http://${other.host}/v2/a/b/blobs/uploads/1`;
      const headers = { location: place, link: `<${place}>; rel="next"` };
      response.writeHead(request.method === "POST" ? 202 : 200, headers).end('{"tags":[]}');
      return true;
    };
    await expect(clientOf().pushBlob(at(registry), BLOB)).rejects.toMatchObject({ code: "OCI_REDIRECT_REFUSED" });
    await expect(clientOf().listTags(at(registry))).rejects.toMatchObject({ code: "OCI_REDIRECT_REFUSED" });
    expect(other.seen).toEqual([]);
  });

  test("ends an upload that never goes on", async () => {
    const registry = await start();
    registry.misbehave = (request, response, url) => {
      if (request.method !== "PATCH") return false;
      response.writeHead(202, { location: url.pathname, range: "0-0" }).end();
      return true;
    };
    await expect(clientOf().pushBlob(at(registry), BLOB, { chunkBytes: 1_000 })).rejects.toMatchObject({
      code: "OCI_RESPONSE_INVALID",
    });
  });

  test.each([
    [403, "OCI_ACCESS_DENIED"],
    [404, "OCI_NOT_FOUND"],
    [429, "OCI_RATE_LIMITED"],
    [500, "OCI_REGISTRY_UNAVAILABLE"],
    [418, "OCI_RESPONSE_INVALID"],
  ])("says status %i as %s, without the registry's words", async (status, code) => {
    const registry = await start();
    answer(registry, (response) => response.writeHead(status).end("\u001b[31mforged"));
    const error: unknown = await clientOf()
      .pullManifest(at(registry))
      .catch((error: unknown) => error);
    expect(error).toMatchObject({ code });
    expect(String(error)).not.toContain("forged");
  });
});
