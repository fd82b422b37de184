import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** What a test makes a registry do instead; true where it answered. */
type Misbehave = (request: IncomingMessage, response: ServerResponse, url: URL) => boolean;

/** A registry in memory, with what a test makes of it. */
export interface RegistryStandIn extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly blobs: Map<string, Buffer>;
  readonly seen: { readonly method: string; readonly path: string; readonly headers: IncomingHttpHeaders }[];
  misbehave: Misbehave;
}

export interface RegistryStandInOptions {
  readonly auth?: "basic" | "bearer";
  /** Whether it keeps referrers itself. */
  readonly referrers?: boolean;
  readonly pageSize?: number;
}

export const USER = "robot";
export const IDENTITY = "identity token";
export const PASSWORD = "p:ss wörd";
const digestOf = (bytes: Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

export async function startRegistryStandIn(options: RegistryStandInOptions = {}): Promise<RegistryStandIn> {
  const uploads = new Map<string, Buffer>();
  const tokens = new Map<string, string>();
  const server = createServer((request, response) => void serve(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const standIn: RegistryStandIn = {
    host,
    blobs: new Map(),
    seen: [],
    misbehave: () => false,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  const { blobs } = standIn;
  type Manifests = Map<string, { readonly type: string; readonly bytes: Buffer }>;
  const repositories = new Map<string, Manifests>();
  /** By tag or digest. */
  function manifestsOf(repository: string): Manifests {
    const manifests: Manifests = repositories.get(repository) ?? new Map();
    repositories.set(repository, manifests);
    return manifests;
  }

  function isAllowed({ headers, method }: IncomingMessage, repository: string): boolean {
    if (options.auth === undefined) return true;
    const [scheme, value = ""] = (headers.authorization ?? "").split(" ");
    if (options.auth === "basic") return scheme === "Basic" && isUser(value);
    const scope = tokens.get(value) ?? "";
    const wanted = `repository:${repository}:${method === "GET" || method === "HEAD" ? "pull" : "pull,push"}`;
    return scheme === "Bearer" && scope.startsWith(wanted);
  }
  const isUser = (base64: string): boolean => Buffer.from(base64, "base64").toString() === `${USER}:${PASSWORD}`;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", `http://${host}`);
    standIn.seen.push({ method: request.method ?? "", path: url.pathname + url.search, headers: request.headers });
    if (standIn.misbehave(request, response, url)) return;
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const body = Buffer.concat(chunks);
    const end = (status: number, headers: Record<string, string> = {}, bytes: Buffer | string = ""): void =>
      void response.writeHead(status, headers).end(request.method === "HEAD" ? undefined : bytes);
    if (url.pathname === "/token") {
      const form = new URLSearchParams(body.toString());
      const isKnown =
        request.method === "POST"
          ? form.get("grant_type") === "refresh_token" && form.get("refresh_token") === IDENTITY
          : isUser((request.headers.authorization ?? "").replace("Basic ", ""));
      if (!isKnown) return end(401);
      const token = randomUUID();
      tokens.set(token, url.searchParams.get("scope") ?? form.get("scope") ?? "");
      return end(200, {}, JSON.stringify({ token, expires_in: 300 }));
    }
    const [, repository = "", kind, rest = ""] =
      /^\/v2\/(.+?)\/(manifests|blobs|tags|referrers)\/(.*)$/.exec(url.pathname) ?? [];
    if (!isAllowed(request, repository)) {
      const bearer = `Bearer realm="http://${host}/token",service="stand-in",scope="repository:*:*"`;
      return end(401, { "www-authenticate": options.auth === "bearer" ? bearer : 'Basic realm="stand-in"' });
    }
    const paged = (all: readonly unknown[], make: (page: readonly unknown[]) => object, type: string): void => {
      const size = options.pageSize ?? all.length;
      const from = Number(url.searchParams.get("from") ?? 0);
      const next = new URL(url);
      next.searchParams.set("from", String(from + size));
      const link = from + size < all.length ? { link: `<${next.pathname}${next.search}>; rel="next"` } : undefined;
      end(200, { "content-type": type, ...link }, JSON.stringify(make(all.slice(from, from + size))));
    };
    switch (kind) {
      case "manifests": {
        if (request.method === "PUT") {
          const type = request.headers["content-type"] ?? "";
          for (const key of [rest, digestOf(body)]) manifestsOf(repository).set(key, { type, bytes: body });
          const { subject } = JSON.parse(body.toString()) as { subject?: { digest: string } };
          const kept = options.referrers === true && subject ? { "oci-subject": subject.digest } : undefined;
          return end(201, { "docker-content-digest": digestOf(body), ...kept });
        }
        const found = manifestsOf(repository).get(rest);
        if (!found) return end(404);
        const headers = { "content-type": found.type, "docker-content-digest": digestOf(found.bytes) };
        return end(200, { ...headers, "content-length": String(found.bytes.byteLength) }, found.bytes);
      }
      case "blobs":
        return serveBlob(rest, { request, body, url, end, repository });
      case "tags": {
        const tags = [...manifestsOf(repository).keys()].filter((key) => !key.includes(":")).sort();
        return paged(tags, (page) => ({ name: repository, tags: page }), "application/json");
      }
      case "referrers": {
        if (options.referrers !== true) return end(404);
        const found = [...manifestsOf(repository)].flatMap(([key, { type, bytes }]) => {
          const manifest = JSON.parse(bytes.toString()) as { subject?: { digest: string }; artifactType?: string };
          if (!key.includes(":") || manifest.subject?.digest !== rest) return [];
          return [{ mediaType: type, digest: key, size: bytes.byteLength, artifactType: manifest.artifactType }];
        });
        const type = "application/vnd.oci.image.index.v1+json";
        return paged(found, (page) => ({ schemaVersion: 2, mediaType: type, manifests: page }), type);
      }
      default:
        return end(404);
    }
  }

  interface BlobRequest {
    readonly request: IncomingMessage;
    readonly body: Buffer;
    readonly url: URL;
    readonly repository: string;
    readonly end: (status: number, headers?: Record<string, string>, bytes?: Buffer) => void;
  }

  function serveBlob(rest: string, { request, body, url, repository, end }: BlobRequest): void {
    const range = (size: number): { range: string } => ({ range: `0-${Math.max(0, size - 1)}` });
    if (rest.startsWith("uploads/")) {
      const id = request.method === "POST" ? randomUUID() : rest.slice("uploads/".length);
      const before = uploads.get(id) ?? Buffer.alloc(0);
      const location = `/v2/${repository}/blobs/uploads/${id}`;
      if (request.method === "GET") return end(204, { location, ...range(before.byteLength) });
      const start = Number(/^(\d+)-/.exec(request.headers["content-range"] ?? "")?.[1] ?? before.byteLength);
      if (start !== before.byteLength) return end(416);
      const after = Buffer.concat([before, body]);
      uploads.set(id, after);
      if (request.method !== "PUT") return end(202, { location, ...range(after.byteLength) });
      const digest = digestOf(after);
      if (digest !== url.searchParams.get("digest")) return end(400);
      blobs.set(digest, after);
      return end(201, { "docker-content-digest": digest });
    }
    const blob = blobs.get(rest);
    if (!blob) return end(404);
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const part = blob.subarray(from);
    if (from === 0) return end(200, { "content-length": String(blob.byteLength) }, blob);
    return end(206, { "content-range": `bytes ${from}-${blob.byteLength - 1}/${blob.byteLength}` }, part);
  }
  return standIn;
}
