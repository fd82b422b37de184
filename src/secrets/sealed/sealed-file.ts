/**
 * The format of `secrets.sealed`, JSON:
 *   { "format": "greentic-sealed-secrets/1", "keeper": "file" | "keyring", "keyId": …, "wrapped": …, "revision": N,
 *     "records": { "secrets://{env}/{tenant}/{team}/{category}/{name}@{N}": … }, "seal": … }
 * `wrapped` is the data key under the master key, each record a value under the data key with its address and version as additional
 * data, all AES-256-GCM as base64 of nonce (12 bytes), ciphertext and tag (16). `seal` is an HMAC-SHA256 over everything else, by a key
 * derived from the data key: a record can't be taken out or brought back unseen.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";
import { GreenticError, isJsonObject, parseJson, quote } from "../../types/index.ts";
import type { JsonValue } from "../../types/index.ts";

const FORMAT = "greentic-sealed-secrets/1";
const NONCE = 12;
const TAG = 16;
export const KEY_BYTES = 32;
const DATA_KEY = `${FORMAT} data key`;

/** Where a master key is kept. */
export type Keeper = "file" | "keyring";

/** What the file holds, still sealed. */
export interface SealedFile {
  readonly keeper: Keeper;
  /** Tells master keys apart; nothing of the key is in it. */
  readonly keyId: string;
  readonly wrapped: string;
  /** Counts writes. */
  readonly revision: number;
  /** Address with version → value. */
  readonly records: ReadonlyMap<string, string>;
}

/** Names a master key. */
export function keyIdOf(master: Uint8Array): string {
  return createHash("sha256").update(`${FORMAT} key id`).update(master).digest("hex").slice(0, 16);
}

/** Seals bytes to what they belong to. */
function sealBytes(key: Uint8Array, plain: Uint8Array, belongsTo: string): string {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG }).setAAD(Buffer.from(belongsTo));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString("base64");
}

/** Opens what was sealed; undefined where it isn't that, or belongs elsewhere. */
function openBytes(key: Uint8Array, sealed: string, belongsTo: string): Buffer | undefined {
  const bytes = Buffer.from(sealed, "base64");
  if (bytes.length < NONCE + TAG || bytes.toString("base64") !== sealed) return undefined;
  const cipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE), { authTagLength: TAG });
  cipher.setAAD(Buffer.from(belongsTo)).setAuthTag(bytes.subarray(-TAG));
  try {
    return Buffer.concat([cipher.update(bytes.subarray(NONCE, -TAG)), cipher.final()]);
  } catch {
    return undefined;
  }
}

/** Wraps a data key. */
export function wrapDataKey(master: Uint8Array, dataKey: Uint8Array): Pick<SealedFile, "keyId" | "wrapped"> {
  return { keyId: keyIdOf(master), wrapped: sealBytes(master, dataKey, DATA_KEY) };
}

/** @throws SECRETS_SEAL_BROKEN */
export function unwrapDataKey(master: Uint8Array, { wrapped }: SealedFile, path: string): Buffer {
  const key = openBytes(master, wrapped, DATA_KEY);
  if (key?.length !== KEY_BYTES) throw broken(path, "the data key");
  return key;
}

/** Seals a value to its address and version. */
export function sealRecord(dataKey: Uint8Array, record: string, value: string): string {
  return sealBytes(dataKey, Buffer.from(value), record);
}

/** @throws SECRETS_SEAL_BROKEN naming the record */
export function openRecord(
  dataKey: Uint8Array,
  record: string,
  { sealed, path }: { readonly sealed: string; readonly path: string },
): string {
  const value = openBytes(dataKey, sealed, record);
  if (value === undefined) throw broken(path, `record ${quote(record)}`);
  return value.toString("utf8");
}

/** Formats the file with its seal. */
export function formatSealedFile(file: SealedFile, dataKey: Uint8Array): string {
  return `${JSON.stringify({ ...plainOf(file), seal: sealOf(file, dataKey) }, null, 2)}\n`;
}

/** Reads the file; its seal is judged by {@link checkSeal}. @throws SECRETS_FILE_INVALID */
export function parseSealedFile(bytes: Uint8Array, path: string): SealedFile & { readonly seal: string } {
  let value: JsonValue;
  try {
    value = parseJson(bytes);
  } catch (error) {
    throw invalid(path, error instanceof GreenticError ? error.message : "not JSON");
  }
  if (!isJsonObject(value) || value["format"] !== FORMAT) throw invalid(path, `expected ${quote(FORMAT)}`);
  const { keeper, keyId, wrapped, revision, records, seal } = value;
  const areTexts = [keyId, wrapped, seal].every((text) => typeof text === "string");
  if ((keeper !== "file" && keeper !== "keyring") || !areTexts || !Number.isSafeInteger(revision))
    throw invalid(path, "expected keeper, keyId, wrapped, revision and seal");
  if (
    records === undefined ||
    !isJsonObject(records) ||
    Object.values(records).some((each) => typeof each !== "string")
  )
    throw invalid(path, "expected records to map addresses to texts");
  return {
    keeper,
    keyId: keyId as string,
    wrapped: wrapped as string,
    revision: revision as number,
    records: new Map(Object.entries(records as Readonly<Record<string, string>>)),
    seal: seal as string,
  };
}

/** Judges the whole: every record is what was sealed, none is missing. @throws SECRETS_SEAL_BROKEN naming the record that isn't */
export function checkSeal(file: SealedFile & { readonly seal: string }, dataKey: Uint8Array, path: string): void {
  const expected = Buffer.from(sealOf(file, dataKey));
  const got = Buffer.from(file.seal);
  if (got.length === expected.length && timingSafeEqual(got, expected)) return;
  for (const [record, sealed] of file.records) openRecord(dataKey, record, { sealed, path });
  throw broken(path, "the list of records");
}

function plainOf({ keeper, keyId, wrapped, revision, records }: SealedFile): object {
  const sorted = [...records].sort(([a], [b]) => (a < b ? -1 : 1));
  return { format: FORMAT, keeper, keyId, wrapped, revision, records: Object.fromEntries(sorted) };
}

function sealOf(file: SealedFile, dataKey: Uint8Array): string {
  const key = Buffer.from(hkdfSync("sha256", dataKey, "", `${FORMAT} seal`, KEY_BYTES));
  return createHmac("sha256", key)
    .update(JSON.stringify(plainOf(file)))
    .digest("base64");
}

function broken(path: string, what: string): GreenticError {
  return new GreenticError("SECRETS_SEAL_BROKEN", `Open ${quote(path)}: ${what} isn't as it was sealed`);
}

function invalid(path: string, why: string): GreenticError {
  return new GreenticError("SECRETS_FILE_INVALID", `Read sealed secrets: ${quote(path)} is damaged: ${why}`);
}
