import { rm } from "node:fs/promises";
import type { FileSecretStore } from "./file-secret-store.ts";
import type { SealedSecretStore } from "./sealed/sealed-secret-store.ts";
import type { WritableSecretStore } from "./secret-store.ts";
import type { SecretUri } from "./secret-uri.ts";
import { formatSecretUri } from "./secret-uri.ts";

/** The secrets of a data directory: what is written is sealed; a plain file, which older versions wrote, is read until it is sealed. */
export class LocalSecretStore implements WritableSecretStore {
  readonly sealed: SealedSecretStore;
  readonly plain: FileSecretStore;

  constructor(parts: { readonly sealed: SealedSecretStore; readonly plain: FileSecretStore }) {
    this.sealed = parts.sealed;
    this.plain = parts.plain;
  }

  async read(uri: SecretUri): Promise<string | undefined> {
    return (await this.sealed.read(uri)) ?? (await this.plain.read(uri));
  }

  async write(uri: SecretUri, value: string): Promise<void> {
    await this.sealed.write(uri, value);
    // An older value as plain text is one more that can be found.
    await this.plain.remove(uri);
  }

  async remove(uri: SecretUri): Promise<boolean> {
    const wasSealed = await this.sealed.remove(uri);
    return (await this.plain.remove(uri)) || wasSealed;
  }

  async list(): Promise<readonly SecretUri[]> {
    const uris = [...(await this.sealed.list()), ...(await this.plain.list())];
    const byAddress = new Map(uris.map((uri) => [formatSecretUri(uri), uri]));
    return [...byAddress].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, uri]) => uri);
  }

  /** Seals what the plain file has and removes the file; what is sealed already has the last word. Returns what was sealed. */
  async seal(): Promise<readonly SecretUri[]> {
    const known = new Set((await this.sealed.list()).map(formatSecretUri));
    const entries: (readonly [SecretUri, string])[] = [];
    for (const uri of await this.plain.list()) {
      const value = await this.plain.read(uri);
      if (value !== undefined && !known.has(formatSecretUri(uri))) entries.push([uri, value]);
    }
    await this.sealed.writeAll(entries);
    await rm(this.plain.file, { force: true });
    return entries.map(([uri]) => uri);
  }
}
