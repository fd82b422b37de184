import { GreenticError } from "../types/index.ts";

/** The names of this machine: a page elsewhere that resolves its name to it gets nothing. */
export const LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"] as const;

/** Compares what the Host header names with what is served; defends against names that others point here. @throws ADMIN_HOST_DENIED */
export function checkHost(host: string | null, served: readonly string[]): void {
  const name = /^(\[[0-9a-fA-F:.]+\]|[^:]+)(?::\d+)?$/.exec(host ?? "")?.[1];
  if (name === undefined || !served.includes(name.toLowerCase()))
    throw new GreenticError("ADMIN_HOST_DENIED", "Handle admin request: this host isn't named so");
}

/** Takes requests of pages only of sites that are named, `null` and the host's own among the others. @throws ADMIN_ORIGIN_DENIED */
export function checkOrigin(origin: string | null, allowed: readonly string[]): string | undefined {
  if (origin === null) return undefined;
  if (origin !== "null" && allowed.includes(origin)) return origin;
  throw new GreenticError("ADMIN_ORIGIN_DENIED", "Handle admin request: pages of that site aren't served");
}

/** What lets a page of an allowed site read an answer. Never a wildcard, never credentials of the browser. */
export function corsHeaders(origin: string): Readonly<Record<string, string>> {
  return {
    "access-control-allow-origin": origin,
    "access-control-expose-headers": "etag, retry-after",
    vary: "origin",
  };
}

/** Answers the question that browsers ask first. */
export function preflight(origin: string): Response {
  return new Response(null, {
    status: 204,
    headers: {
      ...corsHeaders(origin),
      "access-control-allow-methods": "GET, POST, PUT, DELETE",
      "access-control-allow-headers": "authorization, content-type, if-match",
      "access-control-max-age": "600",
    },
  });
}
