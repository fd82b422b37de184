/**
 * The trust file: whom to trust, written by whoever keeps the root key, for hosts to fetch. A DSSE envelope around JSON
 * `{ version, expires, threshold?, trusted_publishers: [{ key: PEM, names?, publisher?, not_before?, not_after? }], revoked }`.
 * Its version only grows and it expires, so that nobody can bring back an old one that still trusts a revoked key.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { GreenticError, isGreenticError, isJsonObject, parseJson, quote } from "../types/index.ts";
import type { JsonObject, JsonValue } from "../types/index.ts";
import { formatEnvelope, parseEnvelope, signEnvelope, signersOf } from "./dsse.ts";
import type { SigningKey } from "./keys.ts";
import { readPublicKey } from "./public-key.ts";
import type { PublisherKey } from "./public-key.ts";
import { checkKeyId, checkThreshold, dayMs, trustedPublisher } from "./trust.ts";
import type { TrustedPublisher, TrustPolicy } from "./trust.ts";
import { writeFileAtomic } from "../files/index.ts";

const TRUST_TYPE = "application/vnd.greentic.trust+json";
const KEYS = ["version", "expires", "threshold", "trusted_publishers", "revoked"];
const PUBLISHER_KEYS = ["key", "names", "publisher", "not_before", "not_after"];

/** What a trust file says, once its signature holds. */
export interface SignedTrust {
  readonly version: number;
  /** Wall clock; the file counts no more from here on. */
  readonly expiresMs: number;
  readonly publishers: readonly TrustedPublisher[];
  readonly revoked: ReadonlySet<string>;
  readonly threshold: number;
  /** SHA-256 of the payload, lower-case hex. */
  readonly digest: string;
}

/** Signs a trust file's JSON. @throws PACK_TRUST_INVALID where a host wouldn't take it */
export async function signTrustFile(payload: Uint8Array, key: SigningKey): Promise<string> {
  await readPayload(payload);
  return formatEnvelope(signEnvelope({ payloadType: TRUST_TYPE, payload }, key));
}

/** Reads a trust file that one of the roots signed. @throws PACK_ENVELOPE_INVALID, PACK_TRUST_INVALID, PACK_TRUST_UNSIGNED, PACK_TRUST_EXPIRED */
export async function readTrustFile(
  bytes: Uint8Array,
  { roots, nowMs }: { readonly roots: readonly PublisherKey[]; readonly nowMs: number },
): Promise<SignedTrust> {
  const envelope = parseEnvelope(bytes, TRUST_TYPE);
  if (signersOf(envelope, roots).size === 0)
    throw new GreenticError("PACK_TRUST_UNSIGNED", "Read trust file: no signature of trust_root holds");
  const trust = await readPayload(envelope.payload);
  if (nowMs >= trust.expiresMs)
    throw new GreenticError("PACK_TRUST_EXPIRED", `Read trust file: version ${trust.version} has expired`);
  return trust;
}

/** Remembers the newest trust file that this host has seen, in one small file. */
export class TrustVersions {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Takes a trust file that isn't older than the newest one. @throws PACK_TRUST_ROLLED_BACK, PACK_TRUST_INVALID where the memory is damaged */
  async admit({ version, digest }: SignedTrust): Promise<void> {
    const seen = await this.#read();
    if (seen !== undefined && (version < seen.version || (version === seen.version && digest !== seen.digest)))
      throw new GreenticError(
        "PACK_TRUST_ROLLED_BACK",
        version === seen.version
          ? `Read trust file: version ${version} was another file before`
          : `Read trust file: expected at least version ${seen.version}, got ${version}`,
      );
    if (seen?.version !== version)
      await writeFileAtomic(this.#path, Buffer.from(`${JSON.stringify({ version, digest })}\n`));
  }

  async #read(): Promise<{ readonly version: number; readonly digest: string } | undefined> {
    const bytes = await readFile(this.#path).catch((error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    });
    if (bytes === undefined) return undefined;
    const value = parsed(bytes);
    const { version, digest } = value;
    // Guessing would let an old file in.
    if (typeof version !== "number" || typeof digest !== "string") throw invalid(`${quote(this.#path)} is damaged`);
    return { version, digest };
  }
}

/** Adds what a trust file says to what the configuration says: publishers and revoked keys of both, the higher threshold. */
export function combineTrust(local: TrustPolicy, file: SignedTrust): TrustPolicy {
  return {
    publishers: [...local.publishers, ...file.publishers],
    revoked: new Set([...local.revoked, ...file.revoked]),
    threshold: Math.max(local.threshold, file.threshold),
    rejectUnsigned: local.rejectUnsigned,
    requireProvenance: local.requireProvenance,
  };
}

async function readPayload(payload: Uint8Array): Promise<SignedTrust> {
  const root = parsed(payload);
  checkKeys(root, KEYS);
  const { version, expires, threshold = 1, trusted_publishers: list, revoked = [] } = root;
  if (typeof version !== "number" || !Number.isSafeInteger(version) || version < 1)
    throw invalid("version: expected a whole number from 1");
  if (typeof expires !== "string") throw invalid("expires: expected a day YYYY-MM-DD");
  if (typeof threshold !== "number") throw invalid("threshold: expected a number");
  if (!Array.isArray(list)) throw invalid("trusted_publishers: expected a list");
  return {
    version,
    expiresMs: dayMs("expires", expires) + 24 * 60 * 60 * 1000,
    threshold: checkThreshold(threshold),
    revoked: new Set(texts("revoked", revoked).map(checkKeyId)),
    publishers: await Promise.all(list.map(readPublisher)),
    digest: createHash("sha256").update(payload).digest("hex"),
  };
}

async function readPublisher(value: JsonValue): Promise<TrustedPublisher> {
  if (!isJsonObject(value)) throw invalid("trusted_publishers: expected objects with a key");
  checkKeys(value, PUBLISHER_KEYS);
  const { names } = value;
  return trustedPublisher(await readPublicKey(text(value, "key") ?? ""), {
    names: names === undefined ? undefined : texts("names", names),
    publisher: text(value, "publisher"),
    not_before: text(value, "not_before"),
    not_after: text(value, "not_after"),
  });
}

function parsed(bytes: Uint8Array): JsonObject {
  let value: JsonValue;
  try {
    value = parseJson(bytes, { maxBytes: 4 << 20 });
  } catch (error) {
    throw isGreenticError(error) ? invalid(`not JSON: ${error.message}`) : error;
  }
  if (!isJsonObject(value)) throw invalid("expected an object");
  return value;
}

function checkKeys(value: JsonObject, known: readonly string[]): void {
  const other = Object.keys(value).find((key) => !known.includes(key));
  if (other !== undefined) throw invalid(`unknown key ${quote(other)}`);
}

function text(value: JsonObject, key: string): string | undefined {
  const found = value[key];
  if (found !== undefined && typeof found !== "string") throw invalid(`${key}: expected text`);
  return found;
}

function texts(key: string, value: JsonValue): readonly string[] {
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string"))
    throw invalid(`${key}: expected a list of texts`);
  return value;
}

function invalid(state: string): GreenticError {
  return new GreenticError("PACK_TRUST_INVALID", `Read trust file: ${state}`);
}
