import { createReadStream } from "node:fs";
import { mkdir, open, readFile, readdir, rename, rm, rmdir, stat, utimes, writeFile } from "node:fs/promises";
import { createHash, randomUUID } from "node:crypto";
import { dirname, join } from "node:path";
import { GreenticError, isJsonObject, parseJson, quote } from "../types/index.ts";
import type { OciDigest } from "./digest.ts";
import { DigestStream, hashBytes, isDigest } from "./digest.ts";
import { MAX_MANIFEST_BYTES, parseManifest } from "./manifest.ts";

/** What garbage collection took and left. */
export interface CollectedCache {
  readonly removed: number;
  readonly removedBytes: number;
  readonly kept: number;
  readonly keptBytes: number;
}

/** What may stay. */
export interface CollectOptions {
  readonly nowMs: number;
  /** Content that wasn't used for so long goes. */
  readonly maxAgeMs?: number;
  /** The least recently used goes until so much is left. */
  readonly maxBytes?: number;
}

/** Writing the time of use once a minute is enough to order content by it. */
const TOUCH_MS = 60_000;
/** A write that takes longer was broken off. */
const PART_MS = 24 * 3_600_000;

/**
 * Content by its digest, in a folder:
 * blobs/sha256/<hex>   content, written beside and renamed; its time of modification is that of its last use
 * tags/<hex>.json      { reference, digest }: what a tag meant when it was first asked for; named after the reference's SHA-256
 * pins/<hex>/<hex>     content that collection keeps, and what the manifest of that digest names; one file for each who needs it,
 *                      which holds its name and is named after the name's SHA-256
 * Any number of processes share it: every file is replaced whole, and everything is hashed when it is read.
 */
export class OciCache {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Where content is, once it is there. */
  pathOf(digest: OciDigest): string {
    return join(this.#dir, "blobs", "sha256", hexOf(digest));
  }

  /** Reads content; undefined where there is none, and where it is damaged, in which case it goes. */
  async read(digest: OciDigest): Promise<Uint8Array | undefined> {
    const path = this.pathOf(digest);
    const bytes = await readFile(path).catch(missingAsUndefined);
    if (bytes === undefined) return undefined;
    if ((await hashBytes(bytes)) !== digest) {
      await rm(path, { force: true });
      return undefined;
    }
    await touch(path);
    return bytes;
  }

  /** Tells whether sound content is there, without holding it in memory. */
  async has(digest: OciDigest): Promise<boolean> {
    const hash = new DigestStream();
    try {
      for await (const chunk of createReadStream(this.pathOf(digest))) hash.add(chunk as Uint8Array);
    } catch (error) {
      return missingAsUndefined(error) ?? false;
    }
    return hash.end() === digest;
  }

  /** Keeps content that is in memory. */
  async add(bytes: Uint8Array): Promise<OciDigest> {
    const digest = await hashBytes(bytes);
    await this.write(digest, [bytes]);
    return digest;
  }

  /** Keeps content as it arrives; what fails or has another digest leaves nothing. @throws OCI_DIGEST_MISMATCH */
  async write(digest: OciDigest, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    const path = this.pathOf(digest);
    const part = await this.#partOf("blobs/sha256", hexOf(digest));
    const hash = new DigestStream();
    try {
      const file = await open(part, "wx", 0o644);
      try {
        for await (const chunk of chunks) {
          hash.add(chunk);
          await file.writeFile(chunk);
        }
        await file.sync();
      } finally {
        await file.close();
      }
      const got = hash.end();
      if (got !== digest) throw new GreenticError("OCI_DIGEST_MISMATCH", `Keep ${digest}: got ${got}; nothing is kept`);
      await rename(part, path);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  }

  /** Reads what a tag meant when it was locked. */
  async lockedTag(reference: string): Promise<OciDigest | undefined> {
    const bytes = await readFile(this.#tagPath(reference)).catch(missingAsUndefined);
    if (bytes === undefined) return undefined;
    try {
      const lock = parseJson(bytes);
      if (isJsonObject(lock) && lock["reference"] === reference && isDigest(lock["digest"])) return lock["digest"];
    } catch {
      // Said below.
    }
    // Asking again would let whoever moved the tag meanwhile choose.
    throw new GreenticError("OCI_DIGEST_MISMATCH", `Read the lock of ${quote(reference)}: the file is damaged`, {
      details: { file: this.#tagPath(reference) },
    });
  }

  /** Locks a tag to a digest, in place of what it meant before. */
  async lockTag(reference: string, digest: OciDigest): Promise<void> {
    const path = this.#tagPath(reference);
    await this.#replace("tags", path, `${JSON.stringify({ reference, digest })}\n`);
  }

  /** Lists the tags of a repository, `oci://host/name`, that were locked. */
  async lockedTags(repository: string): Promise<readonly string[]> {
    const tags: string[] = [];
    for (const name of await list(join(this.#dir, "tags"))) {
      if (!name.endsWith(".json")) continue;
      const bytes = await readFile(join(this.#dir, "tags", name)).catch(missingAsUndefined);
      const reference = bytes === undefined ? undefined : referenceIn(bytes);
      if (reference?.startsWith(`${repository}:`) === true) tags.push(reference.slice(repository.length + 1));
    }
    return tags.toSorted();
  }

  /** Keeps content, and what the manifest of that digest names, from collection, until its last owner unpins it. */
  async pin(digest: OciDigest, owner: string): Promise<void> {
    const path = this.#pinPath(digest, owner);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await this.#replace("pins", path, owner);
  }

  /** Lets collection have it again, as far as this owner goes. */
  async unpin(digest: OciDigest, owner: string): Promise<void> {
    const path = this.#pinPath(digest, owner);
    await rm(path, { force: true });
    // Another owner's pin keeps the folder.
    await rmdir(dirname(path)).catch(() => undefined);
  }

  /** Lists who keeps what. */
  async pins(): Promise<readonly { readonly digest: OciDigest; readonly owner: string }[]> {
    const pins: { readonly digest: OciDigest; readonly owner: string }[] = [];
    for (const name of await list(join(this.#dir, "pins"))) {
      const digest = `sha256:${name}`;
      if (!isDigest(digest)) continue;
      for (const file of await list(join(this.#dir, "pins", name))) {
        const owner = await readFile(join(this.#dir, "pins", name, file), "utf8").catch(missingAsUndefined);
        if (owner !== undefined) pins.push({ digest, owner });
      }
    }
    return pins;
  }

  /** Removes what is too old, and the least recently used of what is too much; pins and locks stay. */
  async collect({ nowMs, maxAgeMs = Infinity, maxBytes = Infinity }: CollectOptions): Promise<CollectedCache> {
    const pinned = await this.#pinned();
    const folder = join(this.#dir, "blobs", "sha256");
    const files: { path: string; size: number; usedMs: number; isPinned: boolean }[] = [];
    for (const name of await list(folder)) {
      const path = join(folder, name);
      const info = await stat(path).catch(missingAsUndefined);
      if (info === undefined) continue;
      if (/^[0-9a-f]{64}$/.test(name))
        files.push({ path, size: info.size, usedMs: info.mtimeMs, isPinned: pinned.has(`sha256:${name}`) });
      else if (name.endsWith(".part") && nowMs - info.mtimeMs > PART_MS) await rm(path, { force: true });
    }
    let keptBytes = files.reduce((sum, { size }) => sum + size, 0);
    let removed = 0;
    let removedBytes = 0;
    for (const { path, size, usedMs, isPinned } of files.sort((a, b) => a.usedMs - b.usedMs)) {
      if (isPinned || (nowMs - usedMs <= maxAgeMs && keptBytes <= maxBytes)) continue;
      await rm(path, { force: true });
      keptBytes -= size;
      removed++;
      removedBytes += size;
    }
    return { removed, removedBytes, kept: files.length - removed, keptBytes };
  }

  async #pinned(): Promise<ReadonlySet<string>> {
    const pinned = new Set<string>();
    const add = async (digest: OciDigest): Promise<void> => {
      if (pinned.has(digest)) return;
      pinned.add(digest);
      const info = await stat(this.pathOf(digest)).catch(missingAsUndefined);
      if (info === undefined || info.size > MAX_MANIFEST_BYTES) return;
      for (const named of namedBy(await readFile(this.pathOf(digest)))) await add(named);
    };
    for (const { digest } of await this.pins()) await add(digest);
    return pinned;
  }

  #tagPath(reference: string): string {
    return join(this.#dir, "tags", `${createHash("sha256").update(reference).digest("hex")}.json`);
  }

  #pinPath(digest: OciDigest, owner: string): string {
    return join(this.#dir, "pins", hexOf(digest), createHash("sha256").update(owner).digest("hex"));
  }

  async #partOf(folder: string, name: string): Promise<string> {
    await mkdir(join(this.#dir, folder), { recursive: true, mode: 0o700 });
    return join(this.#dir, folder, `${name}.${randomUUID()}.part`);
  }

  async #replace(folder: string, path: string, text: string): Promise<void> {
    const part = await this.#partOf(folder, "new");
    await writeFile(part, text, { flush: true });
    await rename(part, path);
  }
}

const hexOf = (digest: OciDigest): string => digest.slice("sha256:".length);

/** The reference that a lock is of; whoever follows a damaged one is told when it is read. */
function referenceIn(bytes: Uint8Array): string | undefined {
  try {
    const lock = parseJson(bytes);
    const reference = isJsonObject(lock) ? lock["reference"] : undefined;
    return typeof reference === "string" ? reference : undefined;
  } catch {
    return undefined;
  }
}

function namedBy(bytes: Uint8Array): readonly OciDigest[] {
  try {
    const manifest = parseManifest(bytes);
    if (manifest.kind === "index") return manifest.manifests.map(({ digest }) => digest);
    return [manifest.config.digest, ...manifest.layers.map(({ digest }) => digest)];
  } catch {
    // Content that is no manifest names nothing.
    return [];
  }
}

async function list(folder: string): Promise<readonly string[]> {
  return (await readdir(folder).catch(missingAsUndefined)) ?? [];
}

async function touch(path: string): Promise<void> {
  const info = await stat(path).catch(missingAsUndefined);
  const now = Date.now();
  // Another process may have collected it meanwhile: the bytes are in memory already.
  if (info !== undefined && now - info.mtimeMs > TOUCH_MS)
    await utimes(path, now / 1_000, now / 1_000).catch(() => undefined);
}

function missingAsUndefined(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
  throw error;
}
