import { parseSessionKey } from "../types/index.ts";
import type { SessionKeyText } from "../types/index.ts";
import type { BlobScope } from "./store.ts";

const URL_FORM = /^blob:([0-9a-f]{64})$/;

/** Writes the reference of a content by its SHA-256 in hex. */
export function blobUrl(digest: string): string {
  return `blob:${digest}`;
}

/** Reads the SHA-256 in hex out of a reference; undefined where it is none of ours. */
export function digestOf(url: string | undefined): string | undefined {
  return url === undefined ? undefined : URL_FORM.exec(url)?.[1];
}

/** Whether a URL names a kept file. */
export function isBlobUrl(url: string | undefined): url is string {
  return digestOf(url) !== undefined;
}

/** The tenant that a session is of. */
export function scopeOf(owner: SessionKeyText): BlobScope {
  const { env, tenant } = parseSessionKey(owner);
  return { env, tenant };
}
