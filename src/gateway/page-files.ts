import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { GatewayAnswer, GatewayRequest } from "./exchange.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".map": "application/json; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".webp": "image/webp",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
};
const PACKED = new Set([".html", ".js", ".mjs", ".css", ".json", ".svg", ".webmanifest", ".map", ".txt"]);
/** Names that the bundler gives: `assets/main-Bx3_9aQz.js`. */
const HASHED = /^\/assets\/.+-[A-Za-z0-9_-]{8,}\.\w+$/;

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "media-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

const pack = promisify(gzip);

interface PageFile {
  readonly headers: Readonly<Record<string, string>>;
  readonly etag: string;
  readonly body: Uint8Array;
  readonly packed: Uint8Array | undefined;
  readonly isPage: boolean;
}

export interface PageFileOptions {
  /** Keeps everything in memory from the first request on; otherwise files are read anew. */
  readonly isFixed: boolean;
  /** The tenant that a page is for where its address names none. Default what the page's own meta element says. */
  readonly tenant?: string;
  /** Other sites that may frame the page that a request asks for. */
  readonly framers: (request: Pick<GatewayRequest, "query">) => readonly string[];
}

/**
 * Serves a directory's files. Only paths that a listing of it gave are served, so no request's path ever reaches the file system.
 */
export function servePageFiles(
  dir: string,
  options: PageFileOptions,
): (request: Pick<GatewayRequest, "path" | "query" | "header">) => Promise<GatewayAnswer | undefined> {
  let kept: Promise<ReadonlyMap<string, PageFile>> | undefined;
  return async (request) => {
    const path = request.path === "/" ? "/index.html" : request.path;
    let file: PageFile | undefined;
    if (options.isFixed) {
      kept ??= readAll(dir, options.tenant);
      kept.catch(() => (kept = undefined));
      file = (await kept).get(path);
    } else {
      const name = (await list(dir)).find((name) => `/${name}` === path);
      file = name === undefined ? undefined : await read(dir, name, options.tenant);
    }
    if (file === undefined) return undefined;
    const framing = file.isPage
      ? { "content-security-policy": `${POLICY}; frame-ancestors ${["'self'", ...options.framers(request)].join(" ")}` }
      : {};
    const headers = { ...file.headers, ...framing, etag: file.etag, vary: "accept-encoding" };
    if (request.header("if-none-match") === file.etag) return { status: 304, headers, body: "" };
    const accepts = /\bgzip\b/.test(request.header("accept-encoding") ?? "");
    return accepts && file.packed !== undefined
      ? { status: 200, headers: { ...headers, "content-encoding": "gzip" }, body: file.packed }
      : { status: 200, headers, body: file.body };
  };
}

async function readAll(dir: string, tenant: string | undefined): Promise<ReadonlyMap<string, PageFile>> {
  const names = await list(dir);
  return new Map(await Promise.all(names.map(async (name) => [`/${name}`, await read(dir, name, tenant)] as const)));
}

async function list(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
    .map((entry) => join(entry.parentPath, entry.name).slice(join(dir, "/").length).replaceAll("\\", "/"));
}

const TENANT_META = /(<meta\s+name="greentic-tenant"\s+content=")[^"]*/;

async function read(dir: string, name: string, tenant: string | undefined): Promise<PageFile> {
  const source = await readFile(join(dir, name));
  const extension = extname(name).toLowerCase();
  const isPage = extension === ".html";
  const body =
    isPage && tenant !== undefined
      ? Buffer.from(source.toString().replace(TENANT_META, (_all, head: string) => head + tenant))
      : source;
  return {
    body,
    isPage,
    etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`,
    packed: PACKED.has(extension) && body.byteLength > 512 ? await pack(body, { level: 9 }) : undefined,
    headers: {
      "content-type": TYPES[extension] ?? "application/octet-stream",
      "cache-control": HASHED.test(`/${name}`) ? "public, max-age=31536000, immutable" : "no-cache",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      // Scripts and styles are public and embedded by other sites; who may frame the page is its tenant's to say.
      ...(isPage
        ? {
            "permissions-policy": "camera=(), geolocation=(), microphone=()",
            "cross-origin-opener-policy": "same-origin",
          }
        : { "access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin" }),
    },
  };
}
