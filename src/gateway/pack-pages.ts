import type { WebAnswer, WebFile } from "../runner/index.ts";
import type { GatewayAnswer, GatewayRequest } from "./exchange.ts";

/**
 * A pack's page is its author's code on the host's address. In a sandbox it has an origin of its own: it can neither read what the
 * host's own page keeps in the browser nor speak as it.
 */
const SANDBOX = "sandbox allow-scripts allow-forms allow-popups allow-downloads";
const POLICY = [
  "default-src 'self' data: blob:",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "connect-src 'self'",
  "object-src 'none'",
  "base-uri 'self'",
  "frame-ancestors 'self'",
].join("; ");
const DOCUMENT = /^(?:text\/html|application\/xhtml\+xml|image\/svg\+xml|text\/xml|application\/xml)\b/;

/** Answers with a file that a pack shows the web. */
export function packPage(request: GatewayRequest, found: WebAnswer): GatewayAnswer {
  if (found.kind === "folder") {
    const location = `${request.path}/${request.query === "" ? "" : `?${request.query}`}`;
    return { status: 308, headers: { location, "cache-control": "no-cache" }, body: "" };
  }
  const headers = headersOf(found);
  return request.header("if-none-match") === headers["etag"]
    ? { status: 304, headers, body: "" }
    : { status: 200, headers, body: found.bytes };
}

function headersOf({ mediaType, hash, isTrusted }: WebFile): Record<string, string> {
  return {
    "content-type": /^text\/[a-z]+$/.test(mediaType) ? `${mediaType}; charset=utf-8` : mediaType,
    etag: `"${hash.slice(0, 32)}"`,
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    ...(DOCUMENT.test(mediaType)
      ? { "content-security-policy": isTrusted ? POLICY : `${SANDBOX}; ${POLICY}` }
      : // Pages in the sandbox load their own scripts from what is another origin to them.
        { "access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin" }),
  };
}
