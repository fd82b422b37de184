/** Files that processes share, in the PostgreSQL database of their sessions: pieces of 256 KiB, named by their digest once they are whole. */
import { randomBytes } from "node:crypto";
import type { Erasure, PostgresFunction, PostgresLink, PostgresPlaceOptions } from "../session/index.ts";
import { erasureFilter, openPostgresLink } from "../session/index.ts";
import type { SessionKeyText } from "../types/index.ts";
import { blobUrl, digestOf, scopeOf } from "./blob-url.ts";
import { chunked } from "./chunked.ts";
import { checkContent, damaged, digestContent } from "./digest-content.ts";
import type { BlobScope, BlobStore, KeptBlob, OpenBlob, PutOptions, SweepOptions } from "./store.ts";

const CHUNK_BYTES = 256 << 10;
/** An upload whose process died goes after this. */
const UPLOAD_MS = 3_600_000;
const PAGE = 1_000;
const CONNECTIONS = 2;

type Found = readonly [upload: string, sizeBytes: number, chunks: number] | null;
type Past = readonly [scope: string, digest: string, owner: SessionKeyText, untilMs: number];

/** Opens a store that gateways, workers and senders share. @throws STORE_URL_INVALID, STORE_UNAVAILABLE, STORE_DURABILITY_WEAK, STORE_SERVER_UNFIT */
export async function openPostgresBlobs(options: PostgresPlaceOptions): Promise<BlobStore> {
  return new PostgresBlobs(await openPostgresLink({ ...options, connections: CONNECTIONS }));
}

class PostgresBlobs implements BlobStore {
  readonly isDurable = true;
  readonly #link: PostgresLink;

  constructor(link: PostgresLink) {
    this.#link = link;
  }

  async put(owner: SessionKeyText, content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<KeptBlob> {
    const upload = randomBytes(16).toString("hex");
    const passing = digestContent(content, options.maxBytes);
    let chunks = 0;
    try {
      for await (const chunk of chunked(passing, CHUNK_BYTES))
        await this.#ask("blob_write", upload, chunks++, Buffer.from(chunk));
      const { digest, sizeBytes } = passing.result();
      const untilMs = Math.ceil(options.keepUntilMs);
      const named = [scopeText(scopeOf(owner)), digest, owner, untilMs, upload, sizeBytes, chunks];
      const counts = (await this.#ask("blob_claim", ...named)) as Found;
      if (counts?.[0] !== upload) await this.#ask("blob_unlink", upload);
      return { url: blobUrl(digest), sizeBytes };
    } catch (error) {
      await this.#ask("blob_unlink", upload).catch(() => undefined);
      throw error;
    }
  }

  async claim(owner: SessionKeyText, url: string, keepUntilMs: number): Promise<KeptBlob | undefined> {
    const digest = digestOf(url);
    if (digest === undefined) return undefined;
    const claim = [scopeText(scopeOf(owner)), digest, owner, Math.ceil(keepUntilMs), null, 0, 0];
    const counts = (await this.#ask("blob_claim", ...claim)) as Found;
    return counts === null ? undefined : { url, sizeBytes: counts[1] };
  }

  async open(scope: BlobScope, url: string): Promise<OpenBlob | undefined> {
    const digest = digestOf(url);
    if (digest === undefined) return undefined;
    const found = (await this.#ask("blob_find", scopeText(scope), digest)) as Found;
    if (found === null) return undefined;
    const [upload, sizeBytes, chunks] = found;
    return { sizeBytes, read: () => checkContent(this.#read(upload, chunks), digest) };
  }

  async owners(scope: BlobScope, url: string): Promise<readonly SessionKeyText[]> {
    const digest = digestOf(url);
    if (digest === undefined) return [];
    return (await this.#ask("blob_owners", scopeText(scope), digest)) as SessionKeyText[];
  }

  async storedBytes(scope: BlobScope): Promise<number> {
    return Number(await this.#ask("blob_bytes", scopeText(scope)));
  }

  async release(owner: SessionKeyText, url: string): Promise<void> {
    const digest = digestOf(url);
    if (digest !== undefined) await this.#drop(scopeText(scopeOf(owner)), digest, [[owner, Number.MAX_SAFE_INTEGER]]);
  }

  async erase(whose: Erasure): Promise<number> {
    const isWanted = erasureFilter(whose);
    const scope = scopeText(whose);
    let gone = 0;
    for (let after: readonly [string, string] | undefined = ["", ""]; after !== undefined;) {
      const page = (await this.#ask("blob_claims", scope, ...after, PAGE)) as (readonly [string, SessionKeyText])[];
      for (const [digest, owner] of page) {
        if (isWanted(owner)) gone += await this.#drop(scope, digest, [[owner, Number.MAX_SAFE_INTEGER]]);
      }
      after = page.length < PAGE ? undefined : page.at(-1);
    }
    return gone;
  }

  async sweep(nowMs: number, { isKept, extendMs }: SweepOptions): Promise<number> {
    let gone = 0;
    for (const [scope, digest, owner, untilMs] of (await this.#ask("blob_past", nowMs, UPLOAD_MS, PAGE)) as Past[]) {
      if (await isKept(owner)) await this.claim(owner, blobUrl(digest), nowMs + extendMs);
      else gone += await this.#drop(scope, digest, [[owner, untilMs]]);
    }
    return gone;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#link.close();
  }

  /** Takes claims back that weren't renewed meanwhile; 1 where the file went with them. */
  async #drop(scope: string, digest: string, claims: readonly (readonly [SessionKeyText, number])[]): Promise<number> {
    const owners = claims.map(([owner]) => owner);
    const untils = claims.map(([, untilMs]) => untilMs);
    return (await this.#ask("blob_drop", scope, digest, owners, untils)) === true ? 1 : 0;
  }

  async *#read(upload: string, chunks: number): AsyncGenerator<Uint8Array, void> {
    for (let n = 0; n < chunks; n++) {
      const chunk = await this.#ask("blob_read", upload, n);
      if (typeof chunk !== "string") throw damaged(`chunk ${n} of ${chunks} is gone`);
      yield Buffer.from(chunk, "base64");
    }
  }

  #ask(name: PostgresFunction, ...args: readonly unknown[]): Promise<unknown> {
    return this.#link.call({ name, args });
  }
}

const scopeText = ({ env, tenant }: BlobScope): string => `${env}:${tenant}`;
