import { GreenticError, quote } from "../types/index.ts";

/** Sends requests under one URL prefix somewhere else: how packs made for real platforms run against stand-ins. */
export interface HttpRewrite {
  readonly from: URL;
  readonly to: URL;
}

/**
 * Reads the rewrite table of `GREENTIC_HTTP_REWRITE`: `https://from=http://to`, separated by commas.
 * @throws HTTP_REWRITE_REFUSED where env is neither dev nor test; HTTP_REWRITE_INVALID
 */
export function parseHttpRewrites(text: string, env: string): readonly HttpRewrite[] {
  const entries = text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  if (entries.length === 0) return [];
  if (env !== "dev" && env !== "test") {
    throw new GreenticError(
      "HTTP_REWRITE_REFUSED",
      `Read the HTTP rewrites: expected env dev or test, got ${quote(env)}`,
    );
  }
  return entries.map((entry, index) => {
    const [from, to, ...rest] = entry.split("=").map((url) => URL.parse(url));
    if (!from || !to || rest.length > 0 || !isPlain(from) || !isPlain(to)) {
      throw new GreenticError(
        "HTTP_REWRITE_INVALID",
        `Read the HTTP rewrites: expected from=to of two URLs without query, entry ${index + 1} differs`,
      );
    }
    return { from, to };
  });
}

/** Gives the URL that a request really goes to; undefined where no rewrite matches. Prefixes end at whole path segments. */
export function rewriteUrl(url: URL, rewrites: readonly HttpRewrite[]): URL | undefined {
  for (const { from, to } of rewrites) {
    if (from.origin !== url.origin) continue;
    const prefix = withoutSlash(from.pathname);
    if (url.pathname !== prefix && !url.pathname.startsWith(`${prefix}/`)) continue;
    const target = new URL(to);
    target.pathname = `${withoutSlash(to.pathname)}${url.pathname.slice(prefix.length)}`;
    target.search = url.search;
    return target;
  }
  return undefined;
}

const withoutSlash = (path: string): string => (path.endsWith("/") ? path.slice(0, -1) : path);

function isPlain(url: URL): boolean {
  return /^https?:$/.test(url.protocol) && url.username === "" && url.search === "" && url.hash === "";
}
