import { deflateSync } from "node:zlib";
import { GreenticError, quote } from "../../types/index.ts";
import { comparePaths, entryPathProblem } from "../entry-path.ts";
import { ImageBuffer, MetadataWriter } from "./metadata-writer.ts";
import type { SquashfsFile } from "./read-squashfs.ts";
import {
  EXTENDED,
  GZIP,
  INODE_KINDS,
  MAGIC,
  NO_FRAGMENT,
  NO_TABLE,
  STORED_BLOCK,
  SUPERBLOCK_BYTES,
} from "./superblock.ts";

const BLOCK_LOG = 17;
const BLOCK_BYTES = 1 << BLOCK_LOG;
/** 1980-01-01, as in archives of packs. */
const TIME = 315_532_800;
const FLAG_NO_FRAGMENTS = 0x10;
const FLAG_NO_ATTRIBUTES = 0x200;
/** Inodes, data and ids stand there as they are. */
const FLAGS_STORED = 0x1 | 0x2 | 0x800;
const NO_ATTRIBUTES = 0xffff_ffff;
/** Listings and numbers that an ordinary folder's inode can tell. */
const MAX_LISTING_BYTES = 0xffff - 3;
const LISTED_AT_ONCE = 256;

export interface WriteSquashfsOptions {
  /** Stores instead of deflating: larger, and the same bytes whatever zlib the machine has. */
  readonly isStored?: boolean;
}

/** Where an inode was written, and as which. */
interface WrittenInode {
  readonly name: string;
  readonly kind: number;
  readonly number: number;
  readonly start: number;
  readonly offset: number;
}

interface Folder {
  readonly folders: Map<string, Folder>;
  readonly files: Map<string, Uint8Array>;
}

/**
 * Writes a SquashFS 4.0 image of gzip with blocks of 128 KiB: path order, time 1980-01-01, owner 0, modes 0644 and 0755, no
 * fragments, so that the same files give the same bytes. @throws PACK_ZIP_NAME_INVALID
 */
export function writeSquashfs(files: readonly SquashfsFile[], options: WriteSquashfsOptions = {}): Uint8Array {
  return new ImageWriter(options.isStored === true).write(treeOf(files));
}

function treeOf(files: readonly SquashfsFile[]): Folder {
  const root: Folder = { folders: new Map(), files: new Map() };
  for (const { path, bytes } of files.toSorted((a, b) => comparePaths(a.path, b.path))) {
    const problem = entryPathProblem(path, { characters: "any" });
    if (problem !== undefined)
      throw new GreenticError("PACK_ZIP_NAME_INVALID", `Write SquashFS entry ${quote(path)}: ${problem}`);
    const segments = path.split("/");
    const name = segments.pop() ?? "";
    let folder = root;
    for (const segment of segments) {
      let next = folder.folders.get(segment);
      if (next === undefined) folder.folders.set(segment, (next = { folders: new Map(), files: new Map() }));
      folder = next;
    }
    folder.files.set(name, bytes);
  }
  return root;
}

class ImageWriter {
  readonly #isStored: boolean;
  readonly #image = new ImageBuffer();
  readonly #inodes: MetadataWriter;
  readonly #listings: MetadataWriter;
  #inodeCount = 0;

  constructor(isStored: boolean) {
    this.#isStored = isStored;
    this.#inodes = new MetadataWriter(isStored);
    this.#listings = new MetadataWriter(isStored);
  }

  write(root: Folder): Uint8Array {
    this.#image.append(new Uint8Array(SUPERBLOCK_BYTES));
    const top = this.#folder(root, { name: "", parent: 0 });
    const inodeTable = this.#image.append(this.#inodes.finish());
    const directoryTable = this.#image.append(this.#listings.finish());
    const ids = new MetadataWriter(this.#isStored);
    ids.u32(0);
    const idBlock = this.#image.append(ids.finish());
    const idTable = this.#image.append(u64(BigInt(idBlock)));
    const image = this.#image.finish();
    const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
    for (const [offset, value] of [
      [0, MAGIC],
      [4, this.#inodeCount],
      [8, TIME],
      [12, BLOCK_BYTES],
      [16, 0],
    ] as const)
      view.setUint32(offset, value, true);
    const flags = FLAG_NO_FRAGMENTS | FLAG_NO_ATTRIBUTES | (this.#isStored ? FLAGS_STORED : 0);
    for (const [offset, value] of [
      [20, GZIP],
      [22, BLOCK_LOG],
      [24, flags],
      [26, 1],
      [28, 4],
      [30, 0],
    ] as const)
      view.setUint16(offset, value, true);
    for (const [offset, value] of [
      [32, (BigInt(top.start) << 16n) | BigInt(top.offset)],
      [40, BigInt(image.length)],
      [48, BigInt(idTable)],
      [56, NO_TABLE],
      [64, BigInt(inodeTable)],
      [72, BigInt(directoryTable)],
      // Without fragments their table is empty, and where the ids' block begins.
      [80, BigInt(idBlock)],
      [88, NO_TABLE],
    ] as const)
      view.setBigUint64(offset, value, true);
    return image;
  }

  /** Writes what a folder holds, then its listing, then itself. */
  #folder(folder: Folder, { name, parent }: { readonly name: string; readonly parent: number }): WrittenInode {
    const number = ++this.#inodeCount;
    const entries: WrittenInode[] = [];
    for (const [child, sub] of folder.folders) entries.push(this.#folder(sub, { name: child, parent: number }));
    for (const [child, bytes] of folder.files) entries.push(this.#file(child, bytes));
    // The kernel looks names up in the order of their bytes.
    entries.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
    const listing = this.#listing(entries);
    const { start, offset } = this.#inodes.place;
    const isLarge = listing.sizeBytes > MAX_LISTING_BYTES;
    this.#inodeHead({ kind: INODE_KINDS.folder + (isLarge ? EXTENDED : 0), mode: 0o755, number });
    const links = 2 + folder.folders.size;
    if (isLarge) {
      this.#inodes.u32(links, listing.sizeBytes + 3, listing.start, parent);
      this.#inodes.u16(0, listing.offset);
      this.#inodes.u32(NO_ATTRIBUTES);
    } else {
      this.#inodes.u32(listing.start, links);
      this.#inodes.u16(listing.sizeBytes + 3, listing.offset);
      this.#inodes.u32(parent);
    }
    return { name, kind: INODE_KINDS.folder, number, start, offset };
  }

  /** Entries share a head as long as their inodes share a metadata block, and their numbers are near. */
  #listing(entries: readonly WrittenInode[]): {
    readonly start: number;
    readonly offset: number;
    readonly sizeBytes: number;
  } {
    const { start, offset } = this.#listings.place;
    let sizeBytes = 0;
    for (let from = 0; from < entries.length;) {
      const first = entries[from] as WrittenInode;
      const to = endOfRun(entries, from);
      this.#listings.u32(to - from - 1, first.start, first.number);
      sizeBytes += 12;
      for (const entry of entries.slice(from, to)) {
        const name = Buffer.from(entry.name);
        this.#listings.u16(entry.offset, (entry.number - first.number) & 0xffff, entry.kind, name.length - 1);
        this.#listings.bytes(name);
        sizeBytes += 8 + name.length;
      }
      from = to;
    }
    return { start, offset, sizeBytes };
  }

  #file(name: string, bytes: Uint8Array): WrittenInode {
    const number = ++this.#inodeCount;
    const dataStart = this.#image.sizeBytes;
    const sizes: number[] = [];
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
      const plain = bytes.subarray(at, at + BLOCK_BYTES);
      const packed = this.#isStored ? plain : deflateSync(plain, { level: 9 });
      const isSmaller = packed.length < plain.length;
      this.#image.append(isSmaller ? packed : plain);
      sizes.push(isSmaller ? packed.length : plain.length | STORED_BLOCK);
    }
    const { start, offset } = this.#inodes.place;
    this.#inodeHead({ kind: INODE_KINDS.file, mode: 0o644, number });
    this.#inodes.u32(dataStart, NO_FRAGMENT, 0, bytes.length, ...sizes);
    return { name, kind: INODE_KINDS.file, number, start, offset };
  }

  #inodeHead({ kind, mode, number }: { readonly kind: number; readonly mode: number; readonly number: number }): void {
    this.#inodes.u16(kind, mode, 0, 0);
    this.#inodes.u32(TIME, number);
  }
}

function endOfRun(entries: readonly WrittenInode[], from: number): number {
  const first = entries[from] as WrittenInode;
  let to = from + 1;
  for (; to < entries.length && to - from < LISTED_AT_ONCE; to++) {
    const { start, number } = entries[to] as WrittenInode;
    if (start !== first.start || Math.abs(number - first.number) > 0x7fff) break;
  }
  return to;
}

function u64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}
