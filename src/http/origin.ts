import { GreenticError, quote } from "../types/index.ts";

/** Scheme, host and port that a grant admits; `anyLabel` stands for `*.` before the host. */
export interface OriginPattern {
  readonly protocol: "http:" | "https:";
  /** Canonical: lower case, punycode, IPv4 in dotted form, IPv6 in brackets, no trailing dot. */
  readonly host: string;
  readonly port: string;
  readonly anyLabel: boolean;
}

const ORIGIN = /^(https?):\/\/(\*\.)?([^/?#@*\s\\]+)$/i;
const parsed = new Map<string, OriginPattern>();

/**
 * Reads `https://host[:port]` or `https://*.host`.
 * @throws HTTP_ORIGIN_INVALID
 */
export function parseOrigin(text: string): OriginPattern {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const match = ORIGIN.exec(text);
  const url = match === null ? null : URL.parse(`${match[1]}://${match[3]}`);
  if (match === null || url === null || url.pathname !== "/" || url.username !== "") {
    throw new GreenticError("HTTP_ORIGIN_INVALID", `Read an origin: expected scheme://host[:port], got ${quote(text)}`);
  }
  const pattern: OriginPattern = {
    protocol: url.protocol as OriginPattern["protocol"],
    host: bareHost(url),
    port: portOf(url),
    anyLabel: match[2] !== undefined,
  };
  // Grants come from manifests, so the set is small; the bound keeps a stranger's generator of manifests from growing it.
  if (parsed.size >= 1024) parsed.clear();
  parsed.set(text, pattern);
  return pattern;
}

/** Tells whether a URL's origin is among the patterns; `https://*.a.b` admits exactly one label before `a.b`. */
export function isOriginAllowed(url: URL, origins: readonly string[]): boolean {
  const host = bareHost(url);
  const port = portOf(url);
  return origins.some((text) => {
    const pattern = parseOrigin(text);
    if (pattern.protocol !== url.protocol || pattern.port !== port) return false;
    if (!pattern.anyLabel) return pattern.host === host;
    const dot = host.indexOf(".");
    return dot > 0 && host.slice(dot + 1) === pattern.host;
  });
}

/** The URL's host without the trailing dot that names the same host. */
export function bareHost(url: URL): string {
  return url.hostname.endsWith(".") ? url.hostname.slice(0, -1) : url.hostname;
}

function portOf(url: URL): string {
  if (url.port !== "") return url.port;
  return url.protocol === "https:" ? "443" : "80";
}
