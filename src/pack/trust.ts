import { resolve } from "node:path";
import { GreenticError, quote } from "../types/index.ts";
import { loadPublicKey } from "./keys.ts";
import type { PublisherKey } from "./public-key.ts";

/** `[security]` of greentic.toml, as far as packs go. Paths are relative to the file that they stand in. */
export interface TrustConfig {
  readonly trusted_publishers?: readonly (string | TrustedPublisherConfig)[] | undefined;
  /** Key ids, hex. */
  readonly revoked?: readonly string[] | undefined;
  readonly threshold?: number | undefined;
  readonly reject_unsigned?: boolean | undefined;
  readonly require_provenance?: boolean | undefined;
}

export interface TrustedPublisherConfig {
  /** Path of the public key, SPKI PEM. */
  readonly key: string;
  /** Pack names that the key may sign, `*` for any run of characters; any name where absent. */
  readonly names?: readonly string[] | undefined;
  /** First day, YYYY-MM-DD in UTC. */
  readonly not_before?: string | undefined;
  /** Last day, YYYY-MM-DD in UTC. */
  readonly not_after?: string | undefined;
  /** Who it is: keys of one publisher count once towards the threshold. Each key is its own publisher where absent. */
  readonly publisher?: string | undefined;
}

/** A publisher that the operator trusts. */
export interface TrustedPublisher {
  readonly key: PublisherKey;
  /** Undefined means any name. */
  readonly names?: readonly string[] | undefined;
  /** Whose key it is; the key's own id where absent. */
  readonly publisher?: string | undefined;
  /** Wall clock; the key doesn't count before. */
  readonly notBeforeMs?: number | undefined;
  /** Wall clock; the key doesn't count from here on. */
  readonly notAfterMs?: number | undefined;
}

/** Whose signatures count, and how many it takes. */
export interface TrustPolicy {
  readonly publishers: readonly TrustedPublisher[];
  /** Key ids, lower-case hex. */
  readonly revoked: ReadonlySet<string>;
  /** Hashes of packs that run under no policy, lower-case hex. */
  readonly revokedPacks?: ReadonlySet<string> | undefined;
  /** How many different publishers must have signed; at least 1. */
  readonly threshold: number;
  /** Refuses packs whose signatures don't reach the threshold. */
  readonly rejectUnsigned: boolean;
  /** Refuses packs without a statement by a trusted publisher that tells how they were built. Default false. */
  readonly requireProvenance?: boolean | undefined;
}

/** Trusts nobody and refuses everything unsigned. */
export const TRUST_NOBODY: TrustPolicy = { publishers: [], revoked: new Set(), threshold: 1, rejectUnsigned: true };

/**
 * Loads the keys that a configuration names. A key that isn't fit for trust is an error, not a skipped line.
 * @throws PACK_TRUST_INVALID, PACK_FILE_UNREADABLE, PACK_KEY_INVALID, PACK_KEY_WEAK
 */
export async function loadTrust(config: TrustConfig, { baseDir }: { readonly baseDir: string }): Promise<TrustPolicy> {
  const publishers: TrustedPublisher[] = [];
  for (const item of config.trusted_publishers ?? []) {
    const publisher: TrustedPublisherConfig = typeof item === "string" ? { key: item } : item;
    if (typeof publisher.key !== "string") throw invalid("expected a path or a table with `key`");
    publishers.push(trustedPublisher(await loadPublicKey(resolve(baseDir, publisher.key)), publisher));
  }
  const threshold = checkThreshold(config.threshold ?? 1);
  const revoked = (config.revoked ?? []).map(checkKeyId);
  return {
    publishers,
    revoked: new Set(revoked),
    threshold,
    rejectUnsigned: config.reject_unsigned ?? true,
    ...(config.require_provenance === true && { requireProvenance: true }),
  };
}

/** Makes the trusted form of a key and what is written beside it. @throws PACK_TRUST_INVALID */
export function trustedPublisher(key: PublisherKey, config: Omit<TrustedPublisherConfig, "key">): TrustedPublisher {
  const { names, publisher, not_before: notBefore, not_after: notAfter } = config;
  const notBeforeMs = notBefore === undefined ? undefined : dayMs("not_before", notBefore);
  const notAfterMs = notAfter === undefined ? undefined : dayMs("not_after", notAfter) + DAY_MS;
  if (notBeforeMs !== undefined && notAfterMs !== undefined && notBeforeMs >= notAfterMs)
    throw invalid(`not_before: expected a day up to not_after, got ${quote(notBefore ?? "")}`);
  return { key, names: names?.map(checkPattern), publisher, notBeforeMs, notAfterMs };
}

/** @throws PACK_TRUST_INVALID */
export function checkThreshold(threshold: number): number {
  if (!Number.isInteger(threshold) || threshold < 1)
    throw invalid(`threshold: expected a whole number from 1, got ${threshold}`);
  return threshold;
}

/** Returns a key id in lower case. @throws PACK_TRUST_INVALID */
export function checkKeyId(id: string): string {
  if (!/^[0-9a-fA-F]{64}$/.test(id)) throw invalid(`revoked: expected a key id of 64 hex digits, got ${quote(id)}`);
  return id.toLowerCase();
}

/** Makes the policy of `verify --pubkey`: this key signs, or nobody does. */
export function trustKey(key: PublisherKey): TrustPolicy {
  return { ...TRUST_NOBODY, publishers: [{ key }] };
}

/** Tells whether one of the patterns covers a pack name; `*` stands for any run of characters. */
export function isNameCovered(name: string, patterns: readonly string[] | undefined): boolean {
  if (patterns === undefined) return true;
  return patterns.some((pattern) => matchesPattern(name, pattern.split("*")));
}

/** Matches without a regular expression, so that no pattern can be slow. */
function matchesPattern(name: string, literals: readonly string[]): boolean {
  const [first = "", ...rest] = literals;
  const last = rest.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const literal of rest) {
    const found = name.indexOf(literal, at);
    if (found < 0) return false;
    at = found + literal.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}

function checkPattern(pattern: string): string {
  if (!/^[a-z0-9*-]{1,64}$/.test(pattern)) throw invalid(`names: expected a pack name with "*", got ${quote(pattern)}`);
  return pattern;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** When a day begins in UTC. @throws PACK_TRUST_INVALID */
export function dayMs(key: string, day: string): number {
  const startMs = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  // Date.parse takes 31 February for 3 March.
  if (Number.isNaN(startMs) || !new Date(startMs).toISOString().startsWith(day))
    throw invalid(`${key}: expected a day YYYY-MM-DD, got ${quote(day)}`);
  return startMs;
}

function invalid(state: string): GreenticError {
  return new GreenticError("PACK_TRUST_INVALID", `Read trusted publishers: ${state}`);
}
