/**
 * Files of one process in a directory:
 * {env}/{tenant}/{two hex digits}/{sha256}        the content
 * {env}/{tenant}/{two hex digits}/{sha256}.json   { sizeBytes, claims: { session: until } }; without it there is no file
 * {env}/{tenant}/{two hex digits}/*.part          what is being written
 * All are 0600 and replaced whole: temporary file, fsync, rename, fsync of the folder.
 */
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { dirname, join } from "node:path";
import { erasureFilter } from "../session/index.ts";
import type { Erasure } from "../session/index.ts";
import type { SessionKeyText } from "../types/index.ts";
import { isJsonObject, parseJson } from "../types/index.ts";
import { blobUrl, digestOf, scopeOf } from "./blob-url.ts";
import { checkContent, damaged, digestContent } from "./digest-content.ts";
import { fileFailure, isMissing } from "./file-failure.ts";
import { KeyedTurns } from "./keyed-turns.ts";
import type { BlobScope, BlobStore, KeptBlob, OpenBlob, PutOptions, SweepOptions } from "./store.ts";

interface Record {
  readonly sizeBytes: number;
  readonly claims: Readonly<{ [owner: SessionKeyText]: number }>;
}

/** Files that one sweep looks at. */
const SWEEP_SLICE = 1_000;
/** A write that takes longer was broken off. */
const PART_MS = 3_600_000;

/** Opens the store of one process over a directory, which it makes as it needs it. */
export function openDirectoryBlobs(dir: string): BlobStore {
  return new DirectoryBlobs(dir);
}

class DirectoryBlobs implements BlobStore {
  readonly isDurable = true;
  readonly #dir: string;
  readonly #turns = new KeyedTurns();
  #walk: AsyncGenerator<string, void> | undefined;

  constructor(dir: string) {
    this.#dir = dir;
  }

  async put(owner: SessionKeyText, content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<KeptBlob> {
    const scope = scopeOf(owner);
    const passing = digestContent(content, options.maxBytes);
    // Its place isn't known before its last byte.
    const part = join(this.#dir, scope.env, scope.tenant, "00", `${randomUUID()}.part`);
    try {
      await mkdir(dirname(part), { recursive: true, mode: 0o700 }).catch(fileFailure);
      await writePart(part, passing);
      const { digest, sizeBytes } = passing.result();
      const path = this.#pathOf(scope, digest);
      await this.#turns.run(path, async () => {
        const before = await readRecord(path);
        if (before === undefined) {
          await mkdir(dirname(path), { recursive: true, mode: 0o700 });
          await rename(part, path);
        }
        await writeRecord(path, withClaim(before ?? { sizeBytes, claims: {} }, owner, options.keepUntilMs));
      });
      return { url: blobUrl(digest), sizeBytes };
    } catch (error) {
      return fileFailure(error);
    } finally {
      await rm(part, { force: true }).catch(() => undefined);
    }
  }

  async claim(owner: SessionKeyText, url: string, keepUntilMs: number): Promise<KeptBlob | undefined> {
    const path = this.#find(scopeOf(owner), url);
    if (path === undefined) return undefined;
    return this.#turns.run(path, async () => {
      const record = await readRecord(path);
      if (record === undefined) return undefined;
      if ((record.claims[owner] ?? 0) < keepUntilMs) await writeRecord(path, withClaim(record, owner, keepUntilMs));
      return { url, sizeBytes: record.sizeBytes };
    });
  }

  async open(scope: BlobScope, url: string): Promise<OpenBlob | undefined> {
    const path = this.#find(scope, url);
    const record = path === undefined ? undefined : await readRecord(path);
    if (path === undefined || record === undefined) return undefined;
    return { sizeBytes: record.sizeBytes, read: () => checkContent(readFrom(path), digestOf(url) ?? "") };
  }

  async owners(scope: BlobScope, url: string): Promise<readonly SessionKeyText[]> {
    const path = this.#find(scope, url);
    const record = path === undefined ? undefined : await readRecord(path);
    return Object.keys(record?.claims ?? {}).toSorted() as SessionKeyText[];
  }

  async storedBytes({ env, tenant }: BlobScope): Promise<number> {
    let bytes = 0;
    for await (const path of this.#records(join(this.#dir, env, tenant)))
      bytes += (await stat(path).catch(() => ({ size: 0 }))).size;
    return bytes;
  }

  async release(owner: SessionKeyText, url: string): Promise<void> {
    const path = this.#find(scopeOf(owner), url);
    if (path !== undefined) await this.#judge(path, async (other) => other !== owner);
  }

  async erase(whose: Erasure): Promise<number> {
    const isWanted = erasureFilter(whose);
    let gone = 0;
    for await (const path of this.#records(join(this.#dir, whose.env, whose.tenant)))
      gone += await this.#judge(path, async (owner) => !isWanted(owner));
    return gone;
  }

  async sweep(nowMs: number, { isKept, extendMs }: SweepOptions): Promise<number> {
    let gone = 0;
    this.#walk ??= this.#allRecords();
    for (let looked = 0; looked < SWEEP_SLICE; looked++) {
      const next = await this.#walk.next();
      if (next.done === true) {
        this.#walk = undefined;
        break;
      }
      gone += await this.#judge(next.value, async (owner, untilMs) => {
        if (untilMs > nowMs) return true;
        return (await isKept(owner)) ? nowMs + extendMs : false;
      });
    }
    return gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#walk?.return();
  }

  #pathOf({ env, tenant }: BlobScope, digest: string): string {
    return join(this.#dir, env, tenant, digest.slice(0, 2), digest);
  }

  #find(scope: BlobScope, url: string): string | undefined {
    const digest = digestOf(url);
    return digest === undefined ? undefined : this.#pathOf(scope, digest);
  }

  /** Asks of each claim whether it stays, or until when it does now; the file goes with its last one: 1 where it did. */
  #judge(path: string, isKept: (owner: SessionKeyText, untilMs: number) => Promise<boolean | number>): Promise<number> {
    return this.#turns.run(path, async () => {
      const record = await readRecord(path).catch(() => undefined);
      if (record === undefined) return 0;
      const kept: [string, number][] = [];
      let isChanged = false;
      for (const [owner, untilMs] of Object.entries(record.claims)) {
        const verdict = await isKept(owner as SessionKeyText, untilMs);
        if (verdict !== false) kept.push([owner, verdict === true ? untilMs : verdict]);
        isChanged ||= verdict !== true;
      }
      if (!isChanged) return 0;
      if (kept.length > 0) {
        await writeRecord(path, { ...record, claims: Object.fromEntries(kept) });
        return 0;
      }
      // Without its record it is nobody's; what a crash leaves of it goes with a later sweep.
      await rm(`${path}.json`, { force: true });
      await rm(path, { force: true });
      await syncFolder(dirname(path));
      return 1;
    });
  }

  async *#allRecords(): AsyncGenerator<string, void> {
    for (const env of await listFolder(this.#dir))
      for (const tenant of await listFolder(join(this.#dir, env))) yield* this.#records(join(this.#dir, env, tenant));
  }

  /** Walks the files of a tenant; what was left half written long ago goes on the way. */
  async *#records(folder: string): AsyncGenerator<string, void> {
    for (const slice of await listFolder(folder)) {
      const names = await listFolder(join(folder, slice));
      const there = new Set(names);
      for (const name of names) {
        const path = join(folder, slice, name);
        if (name.endsWith(".json")) yield path.slice(0, -".json".length);
        else if (!there.has(`${name}.json`)) await dropLeftOver(path);
      }
    }
  }
}

function withClaim(record: Record, owner: SessionKeyText, untilMs: number): Record {
  return { ...record, claims: { ...record.claims, [owner]: Math.max(untilMs, record.claims[owner] ?? 0) } };
}

async function readRecord(path: string): Promise<Record | undefined> {
  try {
    const record = parseJson(await readFile(`${path}.json`));
    if (isJsonObject(record) && typeof record["sizeBytes"] === "number" && isJsonObject(record["claims"] ?? null))
      return record as unknown as Record;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw damaged("its record can't be read", error);
  }
  throw damaged("its record is of another form");
}

async function writeRecord(path: string, record: Record): Promise<void> {
  const part = `${path}.${randomUUID()}.part`;
  try {
    await writePart(part, [Buffer.from(JSON.stringify(record))]);
    await rename(part, `${path}.json`);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(part, { force: true }).catch(() => undefined);
    fileFailure(error);
  }
}

async function writePart(path: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    for await (const chunk of chunks) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes what was renamed in a folder durable. Windows can't open folders; its rename is durable without. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function* readFrom(path: string): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const chunk of createReadStream(path)) yield chunk as Uint8Array;
  } catch (error) {
    throw damaged("its content can't be read", error);
  }
}

async function listFolder(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isMissing(error) || (error as NodeJS.ErrnoException).code === "ENOTDIR") return [];
    return fileFailure(error);
  }
}

async function dropLeftOver(path: string): Promise<void> {
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
  if (Date.now() - mtimeMs > PART_MS) await rm(path, { force: true });
}
