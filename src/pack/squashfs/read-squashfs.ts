import { GreenticError, quote } from "../../types/index.ts";
import type { ErrorCode } from "../../types/index.ts";
import { comparePaths } from "../entry-path.ts";
import { PACK_LIMITS } from "../pack-limits.ts";
import type { PackLimits } from "../pack-limits.ts";
import { NameCheck } from "../zip-header.ts";
import { inflateBlock } from "./inflate-block.ts";
import { readInode } from "./inode.ts";
import type { Inode } from "./inode.ts";
import { MetadataReader } from "./metadata-reader.ts";
import { damagedSquashfs, readSuperblock, STORED_BLOCK } from "./superblock.ts";
import type { Superblock } from "./superblock.ts";

/** A file of an image. */
export interface SquashfsFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

type FileInode = Extract<Inode, { readonly kind: "file" }>;
type FolderInode = Extract<Inode, { readonly kind: "folder" }>;

const utf8 = new TextDecoder("utf-8", { fatal: true });
/** Others get their turn after this much was inflated, the usual size of a block: 10 ms of xz, and 1 of gzip. */
const BREATH_BYTES = 128 << 10;

/**
 * Reads all regular files of a SquashFS 4.0 image of gzip or xz, in path order. Links, devices, pipes and sockets are refused,
 * and everything that could cost more than its size: the caps hold while it is read, whatever its tables claim.
 * @throws PACK_SQUASHFS_INVALID, PACK_SQUASHFS_COMPRESSION_UNSUPPORTED, PACK_ZIP_FILE_IRREGULAR, PACK_ZIP_NAME_…,
 * PACK_ZIP_TOO_LARGE, PACK_ZIP_ENTRY_TOO_LARGE, PACK_ZIP_TOO_MANY_ENTRIES, PACK_ZIP_RATIO_EXCEEDED
 */
export async function readSquashfs(
  image: Uint8Array,
  limits: PackLimits = PACK_LIMITS,
): Promise<readonly SquashfsFile[]> {
  if (image.length > limits.maxTotalBytes)
    throw refuse("PACK_ZIP_TOO_LARGE", `expected at most ${limits.maxTotalBytes} bytes, got ${image.length}`);
  const walk = new Walk(image, limits);
  const files = walk.list();
  const content = new ContentReader(image, walk);
  const found: SquashfsFile[] = [];
  for (const [path, inode] of files) found.push({ path, bytes: await content.read(inode, path) });
  return found.toSorted((a, b) => comparePaths(a.path, b.path));
}

/** Walks an image's folders and finds its files. */
class Walk {
  readonly superblock: Superblock;
  readonly metadata: MetadataReader;
  readonly #limits: PackLimits;
  readonly #names = new NameCheck();
  readonly #visited = new Set<string>();
  readonly #files: [string, FileInode][] = [];
  readonly #pending: { readonly inode: FolderInode; readonly path: string }[] = [];
  readonly #imageBytes: number;
  #entries = 0;
  #totalBytes = 0;

  constructor(image: Uint8Array, limits: PackLimits) {
    this.superblock = readSuperblock(image);
    this.metadata = new MetadataReader(image, this.superblock);
    this.#limits = limits;
    this.#imageBytes = image.length;
  }

  list(): readonly (readonly [string, FileInode])[] {
    const { rootInode } = this.superblock;
    const root = this.#inodeAt(Number(rootInode >> 16n), { offset: Number(rootInode & 0xffffn), path: "" });
    if (root.kind !== "folder") throw damagedSquashfs("its root is no folder");
    this.#pending.push({ inode: root, path: "" });
    for (let next = this.#pending.pop(); next !== undefined; next = this.#pending.pop()) this.#readListing(next);
    return this.#files;
  }

  #inodeAt(start: number, { offset, path }: { readonly offset: number; readonly path: string }): Inode {
    // Hard links, and folders within themselves: two names for one inode.
    const place = `${start}:${offset}`;
    if (this.#visited.has(place)) throw refuse("PACK_ZIP_FILE_IRREGULAR", "a second name of an entry", path);
    this.#visited.add(place);
    const { superblock } = this;
    return readInode(
      this.metadata,
      { start: superblock.inodeTable + start, offset },
      { superblock, limits: this.#limits, path },
    );
  }

  #readListing({ inode, path }: { readonly inode: FolderInode; readonly path: string }): void {
    if (inode.listingBytes === 0) return;
    const cursor = this.metadata.open(this.superblock.directoryTable + inode.listingStart, inode.listingOffset);
    for (let left = inode.listingBytes; left > 0;) {
      const [count, start] = [cursor.u32() + 1, cursor.u32()];
      cursor.u32();
      left -= 12;
      if (count > 256) throw damagedSquashfs("a listing of more than 256 entries at once", path);
      for (let i = 0; i < count; i++) {
        const offset = cursor.u16();
        cursor.bytes(4);
        const name = nameOf(cursor.bytes(cursor.u16() + 1), path);
        left -= 8 + name.sizeBytes;
        this.#addEntry(`${path}${name.text}`, { start, offset });
      }
    }
  }

  #addEntry(path: string, { start, offset }: { readonly start: number; readonly offset: number }): void {
    const { maxEntries, maxTotalBytes, maxRatio } = this.#limits;
    if (++this.#entries > maxEntries)
      throw refuse("PACK_ZIP_TOO_MANY_ENTRIES", `expected at most ${maxEntries} entries, got more`);
    // Folders count: where their names collide, files end up in one that are of two.
    this.#names.check(path);
    const inode = this.#inodeAt(start, { offset, path });
    if (inode.kind === "folder") {
      this.#pending.push({ inode, path: `${path}/` });
      return;
    }
    this.#totalBytes += inode.sizeBytes;
    if (this.#totalBytes > maxTotalBytes)
      throw refuse("PACK_ZIP_TOO_LARGE", `expected at most ${maxTotalBytes} bytes unpacked, got more`, path);
    // Blocks are shared, files have holes: what counts is what the whole image may become.
    if (this.#totalBytes > this.#imageBytes * maxRatio)
      throw refuse("PACK_ZIP_RATIO_EXCEEDED", `expected at most ${maxRatio}:1`, path);
    this.#files.push([path, inode]);
  }
}

/** Reads files' content: blocks of their own, and their ends out of blocks that they share. */
class ContentReader {
  readonly #image: Uint8Array;
  readonly #superblock: Superblock;
  readonly #metadata: MetadataReader;
  #fragment: { readonly index: number; readonly bytes: Uint8Array } | undefined;
  #sinceBreath = 0;

  constructor(image: Uint8Array, { superblock, metadata }: Walk) {
    this.#image = image.subarray(0, superblock.bytesUsed);
    this.#superblock = superblock;
    this.#metadata = metadata;
  }

  async read(inode: FileInode, path: string): Promise<Uint8Array> {
    const { blockBytes } = this.#superblock;
    const bytes = new Uint8Array(inode.sizeBytes);
    let [at, from] = [0, inode.dataStart];
    for (const size of inode.blocks) {
      const expected = Math.min(blockBytes, inode.sizeBytes - at);
      const packed = size & (STORED_BLOCK - 1);
      // A block of no size is a hole: zeros.
      if (packed > 0) {
        const block = await this.#block(from, size, path);
        if (block.length !== expected)
          throw damagedSquashfs(`expected a block of ${expected} bytes, got ${block.length}`, path);
        bytes.set(block, at);
      }
      from += packed;
      at += expected;
    }
    if (inode.fragment === undefined) return bytes;
    const { index, offset } = inode.fragment;
    const fragment = await this.#fragmentAt(index, path);
    const left = inode.sizeBytes - at;
    if (offset + left > fragment.length) throw damagedSquashfs("its end lies outside of its fragment", path);
    bytes.set(fragment.subarray(offset, offset + left), at);
    return bytes;
  }

  async #fragmentAt(index: number, path: string): Promise<Uint8Array> {
    if (this.#fragment?.index === index) return this.#fragment.bytes;
    const { fragmentCount, fragmentTable } = this.#superblock;
    if (index >= fragmentCount) throw damagedSquashfs(`no fragment ${index}`, path);
    // Places of metadata blocks with 512 entries of 16 bytes each.
    const place = fragmentTable + Math.trunc(index / 512) * 8;
    if (place + 8 > this.#image.length) throw damagedSquashfs("the fragment table is cut off", path);
    const view = new DataView(this.#image.buffer, this.#image.byteOffset, this.#image.byteLength);
    const cursor = this.#metadata.open(Number(view.getBigUint64(place, true)), (index % 512) * 16);
    const start = cursor.u64();
    const bytes = await this.#block(start, cursor.u32(), path);
    this.#fragment = { index, bytes };
    return bytes;
  }

  async #block(start: number, size: number, path: string): Promise<Uint8Array> {
    const { blockBytes, compressor } = this.#superblock;
    const packedBytes = size & (STORED_BLOCK - 1);
    const packed = this.#image.subarray(start, start + packedBytes);
    if (packedBytes > blockBytes || packed.length < packedBytes)
      throw damagedSquashfs("a block reaches past its end", path);
    if ((size & STORED_BLOCK) !== 0) return packed;
    this.#sinceBreath += blockBytes;
    if (this.#sinceBreath >= BREATH_BYTES) {
      this.#sinceBreath = 0;
      await new Promise<void>((resume) => {
        setImmediate(resume);
      });
    }
    return inflateBlock(packed, { compressor, maxBytes: blockBytes });
  }
}

function nameOf(bytes: Uint8Array, path: string): { readonly text: string; readonly sizeBytes: number } {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (error) {
    throw new GreenticError("PACK_ZIP_NAME_INVALID", `Read SquashFS: a name in ${quote(path)} is not UTF-8`, {
      cause: error,
    });
  }
  if (text.includes("/")) throw refuse("PACK_ZIP_NAME_INVALID", "a slash in a name", `${path}${text}`);
  return { text, sizeBytes: bytes.length };
}

function refuse(code: ErrorCode, state: string, path?: string): GreenticError {
  return new GreenticError(code, `Read SquashFS${path === undefined ? "" : ` entry ${quote(path)}`}: ${state}`, {
    details: path === undefined ? undefined : { path },
  });
}
