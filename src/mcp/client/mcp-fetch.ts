import type { FetchLike } from "@modelcontextprotocol/client";
import type { HttpHeader, HttpRequest, HttpStream } from "../../http/index.ts";

/** Sends one request under the egress policy and streams the answer. */
export type OpenRequest = (request: HttpRequest, signal?: AbortSignal) => Promise<HttpStream>;

const WITHOUT_BODY = new Set([204, 205, 304]);

/**
 * Makes the `fetch` through which the SDK reaches a server and its authorization servers: addresses, origins and redirects are
 * judged as for every other request that leaves.
 */
export function createMcpFetch(open: OpenRequest, origins: readonly string[]): FetchLike {
  return async (url, init = {}) => {
    const headers: HttpHeader[] = [...new Headers(init.headers)];
    const body = bodyOf(init.body, headers);
    const response = await open(
      {
        method: init.method ?? "GET",
        url: String(url),
        headers,
        origins,
        followRedirects: init.redirect === undefined || init.redirect === "follow",
        ...(body === undefined ? {} : { body }),
      },
      init.signal ?? undefined,
    );
    const hasBody = !WITHOUT_BODY.has(response.status);
    if (!hasBody) await response.body.cancel();
    return new Response(hasBody ? response.body : null, {
      status: response.status,
      headers: response.headers.map(([name, value]): [string, string] => [name, value]),
    });
  };
}

function bodyOf(body: RequestInit["body"], headers: HttpHeader[]): Uint8Array | undefined {
  if (body === undefined || body === null) return undefined;
  if (typeof body === "string") return Buffer.from(body);
  if (body instanceof URLSearchParams) {
    if (!headers.some(([name]) => name === "content-type"))
      headers.push(["content-type", "application/x-www-form-urlencoded;charset=UTF-8"]);
    return Buffer.from(body.toString());
  }
  throw new TypeError("Send an MCP request: expected a text or form as its body");
}
