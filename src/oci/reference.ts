import { GreenticError, quote } from "../types/index.ts";
import type { OciDigest } from "./digest.ts";
import { isDigest } from "./digest.ts";

/** Where an artifact is. Only the registry that it names is ever asked. */
export interface OciReference {
  /** `host` or `host:port`, lower case. */
  readonly registry: string;
  readonly repository: string;
  /** Says which version is meant while there is no digest; beside one it is a note. */
  readonly tag?: string;
  readonly digest?: OciDigest;
}

// Distribution specification 1.1, "Pulling manifests"; the length is that of registries.
const NAME_PART = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const HOST = /^(?:\[[0-9a-f:]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::([1-9]\d{0,4}))?$/;
const SCHEME = "oci://";

/** Tells whether a text is meant as an OCI reference. */
export function isOciReference(text: string): boolean {
  return /^oci:/i.test(text);
}

/**
 * Reads `oci://host[:port]/name[:tag][@sha256:…]`. The host is never guessed: a reference without one is an error.
 * @throws OCI_REFERENCE_INVALID with the position in the text
 */
export function parseOciReference(text: string): OciReference {
  const invalid = (expected: string, offset: number): GreenticError =>
    new GreenticError(
      "OCI_REFERENCE_INVALID",
      `Read reference ${quote(text)}: expected ${expected} at character ${offset + 1}`,
      { details: { character: offset + 1 } },
    );
  if (!text.startsWith(SCHEME)) throw invalid("oci://", 0);
  if (text.length > 512) throw invalid("at most 512 characters", 512);
  const slash = text.indexOf("/", SCHEME.length);
  const hostEnd = slash === -1 ? text.length : slash;
  const registry = text.slice(SCHEME.length, hostEnd);
  const port = HOST.exec(registry)?.[1];
  if (!HOST.test(registry) || registry.includes("..") || Number(port ?? 1) > 65_535)
    throw invalid("a lower-case host, with a port or without", SCHEME.length);
  if (slash === -1) throw invalid("a slash and a name behind the host", text.length);

  const start = slash + 1;
  const at = text.indexOf("@", start);
  const nameAndTagEnd = at === -1 ? text.length : at;
  const digest = at === -1 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) throw invalid("sha256: and 64 lower-case hex digits", at + 1);
  const colon = text.slice(start, nameAndTagEnd).indexOf(":");
  const nameEnd = colon === -1 ? nameAndTagEnd : start + colon;
  const repository = text.slice(start, nameEnd);
  let offset = start;
  for (const part of repository.split("/")) {
    if (!NAME_PART.test(part))
      throw invalid("a name of lower-case letters and digits, with . _ - between them", offset);
    offset += part.length + 1;
  }
  if (repository.length > 255) throw invalid("a name of at most 255 characters", start + 255);
  const tag = colon === -1 ? undefined : text.slice(nameEnd + 1, nameAndTagEnd);
  if (tag !== undefined && !TAG.test(tag)) throw invalid("a tag of at most 128 characters A-Za-z0-9._-", nameEnd + 1);
  return { registry, repository, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
}

/** Writes a reference as {@link parseOciReference} reads it. */
export function formatOciReference({ registry, repository, tag, digest }: OciReference): string {
  return `${SCHEME}${registry}/${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/** Tells whether a registry is this machine, by its name alone. */
export function isLoopback(registry: string): boolean {
  const host = registry.replace(/:\d+$/, "");
  return host === "localhost" || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
