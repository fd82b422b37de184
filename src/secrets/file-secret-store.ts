import type { Stats } from "node:fs";
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { GreenticError, isJsonObject, parseJson, quote } from "../types/index.ts";
import type { JsonValue } from "../types/index.ts";
import type { WritableSecretStore } from "./secret-store.ts";
import { formatSecretUri, parseSecretUri } from "./secret-uri.ts";
import type { SecretUri } from "./secret-uri.ts";

/**
 * Keeps secrets in one JSON file, URI → text, readable by its owner alone. Reads follow the file's modification time, so that
 * a rotated secret is used without a restart.
 */
export class FileSecretStore implements WritableSecretStore {
  readonly file: string;
  #cached: { readonly stamp: string; readonly entries: ReadonlyMap<string, string> } | undefined;

  constructor(file: string) {
    this.file = file;
  }

  /** @throws SECRETS_FILE_EXPOSED where others may read the file, SECRETS_FILE_INVALID */
  async read(uri: SecretUri): Promise<string | undefined> {
    return this.#load().get(formatSecretUri(uri));
  }

  async write(uri: SecretUri, value: string): Promise<void> {
    const entries = new Map(this.#load());
    entries.set(formatSecretUri(uri), value);
    this.#save(entries);
  }

  async remove(uri: SecretUri): Promise<boolean> {
    const entries = new Map(this.#load());
    const isThere = entries.delete(formatSecretUri(uri));
    if (isThere) this.#save(entries);
    return isThere;
  }

  async list(): Promise<readonly SecretUri[]> {
    return [...this.#load().keys()].sort().map(parseSecretUri);
  }

  #load(): ReadonlyMap<string, string> {
    // Channels read their secrets for every request: one look at the file has to do.
    const stat = lookAt(this.file);
    if (stat === undefined) return new Map();
    if (process.platform !== "win32" && (stat.mode & 0o077) !== 0) {
      throw new GreenticError(
        "SECRETS_FILE_EXPOSED",
        `Read secrets: ${quote(this.file)} is open to others (mode ${(stat.mode & 0o777).toString(8)})`,
      );
    }
    const stamp = `${stat.mtimeMs}:${stat.size}:${stat.ino}`;
    if (this.#cached?.stamp === stamp) return this.#cached.entries;
    const value = this.#parse();
    if (!isJsonObject(value) || Object.values(value).some((entry) => typeof entry !== "string")) {
      throw new GreenticError(
        "SECRETS_FILE_INVALID",
        `Read secrets: expected ${quote(this.file)} to map URIs to texts`,
      );
    }
    const entries = new Map(Object.entries(value as Readonly<Record<string, string>>));
    for (const key of entries.keys()) parseSecretUri(key);
    this.#cached = { stamp, entries };
    return entries;
  }

  #parse(): JsonValue {
    try {
      return parseJson(readFileSync(this.file));
    } catch (error) {
      if (!(error instanceof GreenticError)) throw error;
      throw new GreenticError("SECRETS_FILE_INVALID", `Read secrets: ${quote(this.file)} is damaged: ${error.message}`);
    }
  }

  /** Writes beside and renames, so that a crash leaves the old file or the new one. */
  #save(entries: ReadonlyMap<string, string>): void {
    mkdirSync(dirname(this.file), { recursive: true, mode: 0o700 });
    const next = `${this.file}.${process.pid}.tmp`;
    const handle = openSync(next, "w", 0o600);
    try {
      // Writes to the last byte or throws: on a full disk a single write may end short, and the rename would lose the rest.
      writeFileSync(
        handle,
        `${JSON.stringify(Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1))), null, 2)}\n`,
      );
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    chmodSync(next, 0o600);
    renameSync(next, this.file);
    this.#cached = undefined;
  }
}

/** A file that can't be looked at is as one that isn't there. */
function lookAt(file: string): Stats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
