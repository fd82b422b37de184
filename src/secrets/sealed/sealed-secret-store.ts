import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { withFileLock, writeFileAtomic } from "../../files/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import type { WritableSecretStore } from "../secret-store.ts";
import type { SecretUri } from "../secret-uri.ts";
import { formatSecretUri, parseSecretUri } from "../secret-uri.ts";
import type { KeyOptions } from "./master-key.ts";
import { chooseKeeper, keeperOf, pickKey } from "./master-key.ts";
import type { SealedFile } from "./sealed-file.ts";
import {
  checkSeal,
  formatSealedFile,
  KEY_BYTES,
  openRecord,
  parseSealedFile,
  sealRecord,
  unwrapDataKey,
  wrapDataKey,
} from "./sealed-file.ts";

export interface SealedOptions extends KeyOptions {
  /** How many versions of each secret stay. Default 3. */
  readonly keepVersions?: number;
}

interface Opened {
  readonly stamp: string;
  readonly file: SealedFile;
  readonly dataKey: Buffer;
  /** Address → versions, the newest first. */
  readonly versions: ReadonlyMap<string, readonly number[]>;
}

const MAX_VALUE = 1 << 20;

/**
 * Keeps secrets in one file, each sealed to its address and version. Reads follow the file, so that a rotated secret is used without a
 * restart; writers of all processes take turns, and leave the old file or the new one.
 */
export class SealedSecretStore implements WritableSecretStore {
  readonly file: string;
  readonly #options: SealedOptions;
  #opened: Opened | undefined;

  constructor(options: SealedOptions) {
    this.file = options.file;
    this.#options = options;
  }

  /** @throws SECRETS_SEAL_BROKEN, SECRETS_KEY_MISSING, SECRETS_FILE_INVALID, SECRETS_FILE_EXPOSED */
  async read(uri: SecretUri): Promise<string | undefined> {
    const opened = await this.#open();
    const { version, ...unversioned } = uri;
    const address = formatSecretUri(unversioned);
    const record = `${address}@${version ?? opened?.versions.get(address)?.[0]}`;
    const sealed = opened?.file.records.get(record);
    if (opened === undefined || sealed === undefined) return undefined;
    return openRecord(opened.dataKey, record, { sealed, path: this.file });
  }

  /** Adds a version; the oldest beyond those to keep go. Makes file and key where there are none. */
  async write(uri: SecretUri, value: string): Promise<void> {
    await this.writeAll([[uri, value]]);
  }

  /** Adds a version of each in one write; without any, makes file and key where there are none. */
  async writeAll(entries: readonly (readonly [SecretUri, string])[]): Promise<void> {
    for (const [uri, value] of entries) {
      if (uri.version !== undefined)
        throw new GreenticError(
          "SECRETS_URI_INVALID",
          `Write ${formatSecretUri(uri)}: versions are counted by the store`,
        );
      if (Buffer.byteLength(value) > MAX_VALUE)
        throw new GreenticError("SECRETS_VALUE_INVALID", `Write ${formatSecretUri(uri)}: over ${MAX_VALUE} bytes`);
    }
    await this.#change((opened) => {
      const records = new Map(opened.file.records);
      for (const [uri, value] of entries) {
        const address = formatSecretUri(uri);
        const known = opened.versions.get(address) ?? [];
        const record = `${address}@${(known[0] ?? 0) + 1}`;
        records.set(record, sealRecord(opened.dataKey, record, value));
        for (const old of known.slice((this.#options.keepVersions ?? 3) - 1)) records.delete(`${address}@${old}`);
      }
      return { ...opened.file, records };
    });
  }

  /** Removes a secret with all its versions, or the version that the address names. */
  async remove(uri: SecretUri): Promise<boolean> {
    let isThere = false;
    if ((await this.#open()) === undefined) return false;
    await this.#change(({ file, versions }) => {
      const { version, ...unversioned } = uri;
      const address = formatSecretUri(unversioned);
      const records = new Map(file.records);
      for (const each of version === undefined ? (versions.get(address) ?? []) : [version])
        isThere = records.delete(`${address}@${each}`) || isThere;
      return isThere ? { ...file, records } : undefined;
    });
    return isThere;
  }

  async list(): Promise<readonly SecretUri[]> {
    return [...((await this.#open())?.versions.keys() ?? [])].sort().map(parseSecretUri);
  }

  /** Who keeps the key, how many writes there were; undefined where there is no file. */
  async describe(): Promise<Pick<SealedFile, "keeper" | "keyId" | "revision"> | undefined> {
    return (await this.#open())?.file;
  }

  /**
   * Puts a new master key in the place of the one that is there; with `isResealed` a new data key too, under which every record is
   * sealed anew. Whenever it is interrupted, the file opens with what the keeper has. @throws SECRETS_NOT_FOUND where there is no file
   */
  async rotateKey({ isResealed = false }: { readonly isResealed?: boolean } = {}): Promise<void> {
    await this.#locked(async () => {
      const opened = await this.#open();
      if (opened === undefined)
        throw new GreenticError("SECRETS_NOT_FOUND", `Rotate the key of secrets: no file ${quote(this.file)}`);
      const keys = await keeperOf(opened.file.keeper, this.#options);
      const old = await pickKey(keys, { keyId: opened.file.keyId, path: this.file });
      const fresh = randomBytes(KEY_BYTES);
      await keys.write([fresh, old]);
      const dataKey = isResealed ? randomBytes(KEY_BYTES) : opened.dataKey;
      const records = isResealed ? this.#reseal(opened, dataKey) : opened.file.records;
      await this.#save({ ...opened.file, keeper: keys.keeper, ...wrapDataKey(fresh, dataKey), records }, dataKey);
      await keys.write([fresh]);
    });
  }

  #reseal({ file, dataKey }: Opened, fresh: Buffer): ReadonlyMap<string, string> {
    return new Map(
      [...file.records].map(([record, sealed]) => [
        record,
        sealRecord(fresh, record, openRecord(dataKey, record, { sealed, path: this.file })),
      ]),
    );
  }

  async #change(change: (opened: Opened) => SealedFile | undefined): Promise<void> {
    await this.#locked(async () => {
      const opened = (await this.#open()) ?? (await this.#create());
      const file = change(opened);
      if (file !== undefined) await this.#save(file, opened.dataKey);
    });
  }

  async #locked<T>(task: () => Promise<T>): Promise<T> {
    await mkdir(dirname(this.file), { recursive: true, mode: 0o700 });
    return withFileLock(`${this.file}.lock`, task);
  }

  async #create(): Promise<Opened> {
    const { keys, master } = await chooseKeeper(this.#options);
    const dataKey = randomBytes(KEY_BYTES);
    const file = { keeper: keys.keeper, ...wrapDataKey(master, dataKey), revision: 0, records: new Map() };
    return { stamp: "", file, dataKey, versions: new Map() };
  }

  async #save(file: SealedFile, dataKey: Buffer): Promise<void> {
    const next = { ...file, revision: file.revision + 1 };
    await writeFileAtomic(this.file, Buffer.from(formatSealedFile(next, dataKey)), 0o600);
    this.#opened = undefined;
  }

  async #open(): Promise<Opened | undefined> {
    const stamp = stampOf(this.file);
    if (stamp === undefined) return undefined;
    if (this.#opened?.stamp === stamp) return this.#opened;
    const file = parseSealedFile(await readFile(this.file), this.file);
    const keys = await keeperOf(file.keeper, this.#options);
    const master = await pickKey(keys, { keyId: file.keyId, path: this.file });
    const dataKey = unwrapDataKey(master, file, this.file);
    checkSeal(file, dataKey, this.file);
    return (this.#opened = { stamp, file, dataKey, versions: versionsOf(file) });
  }
}

/** One look at the file has to do: channels read their secrets for every request. */
function stampOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  if (stat === undefined) return undefined;
  if (process.platform !== "win32" && (stat.mode & 0o077n) !== 0n)
    throw new GreenticError("SECRETS_FILE_EXPOSED", `Read secrets: ${quote(path)} is open to others`);
  return `${stat.mtimeNs}:${stat.size}:${stat.ino}`;
}

function versionsOf({ records }: SealedFile): ReadonlyMap<string, readonly number[]> {
  const versions = new Map<string, number[]>();
  for (const record of records.keys()) {
    const { version, ...uri } = parseSecretUri(record);
    const address = formatSecretUri(uri);
    versions.set(address, [...(versions.get(address) ?? []), Number(version)]);
  }
  for (const each of versions.values()) each.sort((a, b) => b - a);
  return versions;
}
