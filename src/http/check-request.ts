import { validateHeaderName, validateHeaderValue } from "node:http";
import { GreenticError, quote } from "../types/index.ts";
import type { HttpHeader, HttpRequest } from "./http-message.ts";

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
const MAX_URL_LENGTH = 8192;
const MAX_HEADERS = 64;
const MAX_HEADER_BYTES = 16_384;
// Framing and routing belong to the connection; a caller that could set them could smuggle a second request.
const OWNED_BY_CONNECTION = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Reads an absolute http or https URL. Nothing of it but the scheme reaches the message: paths and queries carry tokens.
 * @throws HTTP_URL_INVALID
 */
export function checkUrl(text: string, base?: URL): URL {
  const url = text.length > MAX_URL_LENGTH ? null : URL.parse(text, base);
  const problem = (got: string): GreenticError =>
    new GreenticError("HTTP_URL_INVALID", `Send an HTTP request: expected an http or https URL, got ${got}`);
  if (url === null) throw problem(text.length > MAX_URL_LENGTH ? `${text.length} characters` : "text that is no URL");
  if (url.protocol !== "http:" && url.protocol !== "https:") throw problem(`scheme ${quote(url.protocol)}`);
  if (url.username !== "" || url.password !== "") throw problem("user name or password in it");
  url.hash = "";
  return url;
}

/** Checks the method. @throws HTTP_METHOD_INVALID */
export function checkMethod(method: string): string {
  const upper = method.toUpperCase();
  if (!METHODS.has(upper)) {
    throw new GreenticError("HTTP_METHOD_INVALID", `Send an HTTP request: got method ${quote(method)}`);
  }
  return upper;
}

/**
 * Checks headers and drops those that belong to the connection. Names become lower case. Values never reach a message.
 * @throws HTTP_HEADER_INVALID
 */
export function checkHeaders(headers: HttpRequest["headers"]): HttpHeader[] {
  let bytes = 0;
  const kept: HttpHeader[] = [];
  for (const [name, value] of headers) {
    bytes += name.length + value.length + 4;
    if (headers.length > MAX_HEADERS || bytes > MAX_HEADER_BYTES) {
      throw new GreenticError(
        "HTTP_HEADER_INVALID",
        `Send an HTTP request: expected at most ${MAX_HEADERS} headers and ${MAX_HEADER_BYTES} bytes, got more`,
      );
    }
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch {
      throw new GreenticError("HTTP_HEADER_INVALID", `Send an HTTP request: malformed header ${quote(name)}`);
    }
    const lower = name.toLowerCase();
    if (!OWNED_BY_CONNECTION.has(lower)) kept.push([lower, value]);
  }
  return kept;
}
