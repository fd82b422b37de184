import { erasureFilter } from "../session/index.ts";
import type { Erasure } from "../session/index.ts";
import type { SessionKeyText } from "../types/index.ts";
import { blobUrl, digestOf, scopeOf } from "./blob-url.ts";
import { digestContent } from "./digest-content.ts";
import type { BlobScope, BlobStore, KeptBlob, OpenBlob, PutOptions, SweepOptions } from "./store.ts";

interface Kept {
  readonly chunks: readonly Uint8Array[];
  readonly sizeBytes: number;
  /** Owner → until when. */
  readonly claims: Map<SessionKeyText, number>;
}

/** Opens a store that forgets everything with its process: for tests and throw-away hosts. */
export function openMemoryBlobs(): BlobStore {
  return new MemoryBlobs();
}

class MemoryBlobs implements BlobStore {
  readonly isDurable = false;
  readonly #kept = new Map<string, Kept>();

  async put(owner: SessionKeyText, content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<KeptBlob> {
    const passing = digestContent(content, options.maxBytes);
    const chunks: Uint8Array[] = [];
    for await (const chunk of passing) chunks.push(chunk.slice());
    const { digest, sizeBytes } = passing.result();
    const name = nameOf(scopeOf(owner), digest);
    if (!this.#kept.has(name)) this.#kept.set(name, { chunks, sizeBytes, claims: new Map() });
    await this.claim(owner, blobUrl(digest), options.keepUntilMs);
    return { url: blobUrl(digest), sizeBytes };
  }

  async claim(owner: SessionKeyText, url: string, keepUntilMs: number): Promise<KeptBlob | undefined> {
    const kept = this.#find(scopeOf(owner), url);
    if (kept === undefined) return undefined;
    kept.claims.set(owner, Math.max(keepUntilMs, kept.claims.get(owner) ?? 0));
    return { url, sizeBytes: kept.sizeBytes };
  }

  async open(scope: BlobScope, url: string): Promise<OpenBlob | undefined> {
    const kept = this.#find(scope, url);
    if (kept === undefined) return undefined;
    const { chunks, sizeBytes } = kept;
    return {
      sizeBytes,
      read: async function* () {
        yield* chunks;
      },
    };
  }

  async owners(scope: BlobScope, url: string): Promise<readonly SessionKeyText[]> {
    return [...(this.#find(scope, url)?.claims.keys() ?? [])].toSorted();
  }

  async storedBytes({ env, tenant }: BlobScope): Promise<number> {
    const files = this.#kept.entries().filter(([name]) => name.startsWith(`${env}:${tenant}:`));
    return files.reduce((bytes, [, { sizeBytes }]) => bytes + sizeBytes, 0);
  }

  async release(owner: SessionKeyText, url: string): Promise<void> {
    const digest = digestOf(url);
    if (digest !== undefined) this.#drop(nameOf(scopeOf(owner), digest), [owner]);
  }

  async erase(whose: Erasure): Promise<number> {
    const isWanted = erasureFilter(whose);
    let gone = 0;
    for (const [name, { claims }] of this.#kept) gone += this.#drop(name, [...claims.keys()].filter(isWanted));
    return gone;
  }

  async sweep(nowMs: number, { isKept, extendMs }: SweepOptions): Promise<number> {
    let gone = 0;
    for (const [name, { claims }] of this.#kept) {
      const past: SessionKeyText[] = [];
      for (const [owner, untilMs] of claims) {
        if (untilMs > nowMs) continue;
        if (await isKept(owner)) claims.set(owner, nowMs + extendMs);
        else past.push(owner);
      }
      gone += this.#drop(name, past);
    }
    return gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#kept.clear();
  }

  #find(scope: BlobScope, url: string): Kept | undefined {
    const digest = digestOf(url);
    return digest === undefined ? undefined : this.#kept.get(nameOf(scope, digest));
  }

  /** Takes claims back; returns 1 where the file went with them. */
  #drop(name: string, owners: readonly SessionKeyText[]): number {
    const kept = this.#kept.get(name);
    if (kept === undefined || owners.length === 0) return 0;
    for (const owner of owners) kept.claims.delete(owner);
    return kept.claims.size === 0 && this.#kept.delete(name) ? 1 : 0;
  }
}

const nameOf = ({ env, tenant }: BlobScope, digest: string): string => `${env}:${tenant}:${digest}`;
