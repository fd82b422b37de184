/**
 * The superblock of SquashFS 4.0, 96 bytes, little-endian: magic, inode count, time, block size, fragment count (u32 each);
 * compressor, block log, flags, id count, version (u16 each); root inode, bytes used, and where the tables of ids, extended
 * attributes, inodes, directories, fragments and exports begin (u64 each).
 */
import { GreenticError } from "../../types/index.ts";

export const SUPERBLOCK_BYTES = 96;
export const MAGIC = 0x73717368;
/** A table that an image doesn't have. */
export const NO_TABLE = 0xffff_ffff_ffff_ffffn;
/** A file without a fragment. */
export const NO_FRAGMENT = 0xffff_ffff;
/** In the size of a data block: stored, not deflated. */
export const STORED_BLOCK = 1 << 24;
/** In the size of a metadata block: stored, not deflated. */
export const STORED_METADATA = 1 << 15;
export const METADATA_BYTES = 8192;
export const GZIP = 1;
export const XZ = 4;

/** Kinds of inodes; those of extended inodes are seven more. */
export const INODE_KINDS = { folder: 1, file: 2, link: 3, blockDevice: 4, characterDevice: 5, fifo: 6, socket: 7 };
export const EXTENDED = 7;

const COMPRESSORS = ["none", "gzip", "lzma", "lzo", "xz", "lz4", "zstd"];

/** What of a superblock reading needs. */
export interface Superblock {
  readonly inodeCount: number;
  readonly blockBytes: number;
  readonly fragmentCount: number;
  readonly compressor: typeof GZIP | typeof XZ;
  /** Where the root's inode is: offset of its metadata block in the inode table << 16, offset within it. */
  readonly rootInode: bigint;
  readonly inodeTable: number;
  readonly directoryTable: number;
  readonly fragmentTable: number;
  readonly bytesUsed: number;
}

/** Tells whether bytes begin as a SquashFS image. */
export function isSquashfs(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0x68 && bytes[1] === 0x73 && bytes[2] === 0x71 && bytes[3] === 0x73;
}

/** Reads and checks a superblock. @throws PACK_SQUASHFS_INVALID, PACK_SQUASHFS_COMPRESSION_UNSUPPORTED */
export function readSuperblock(bytes: Uint8Array): Superblock {
  if (!isSquashfs(bytes) || bytes.length < SUPERBLOCK_BYTES) throw damagedSquashfs("no superblock");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = [view.getUint16(28, true), view.getUint16(30, true)].join(".");
  if (version !== "4.0") throw damagedSquashfs(`expected version 4.0, got ${version}`);
  const compressor = view.getUint16(20, true);
  if (compressor !== GZIP && compressor !== XZ)
    throw new GreenticError(
      "PACK_SQUASHFS_COMPRESSION_UNSUPPORTED",
      `Read SquashFS: expected gzip or xz, got ${COMPRESSORS[compressor] ?? `compressor ${compressor}`}`,
    );
  const [blockBytes, log] = [view.getUint32(12, true), view.getUint16(22, true)];
  if (log < 12 || log > 20 || blockBytes !== 1 << log) throw damagedSquashfs(`block size ${blockBytes}`);
  const place = (offset: number, name: string): number => {
    const at = view.getBigUint64(offset, true);
    if (at < SUPERBLOCK_BYTES || at > bytes.length) throw damagedSquashfs(`the ${name} begins outside of it`);
    return Number(at);
  };
  const fragmentCount = view.getUint32(16, true);
  return {
    inodeCount: view.getUint32(4, true),
    blockBytes,
    fragmentCount,
    compressor,
    rootInode: view.getBigUint64(32, true),
    inodeTable: place(64, "inode table"),
    directoryTable: place(72, "directory table"),
    fragmentTable: fragmentCount === 0 ? 0 : place(80, "fragment table"),
    bytesUsed: place(40, "end"),
  };
}

/** Makes the error for an image that isn't whole. */
export function damagedSquashfs(what: string, path?: string): GreenticError {
  const of = path === undefined ? "" : ` entry ${JSON.stringify(path)}`;
  return new GreenticError("PACK_SQUASHFS_INVALID", `Read SquashFS${of}: ${what}`, {
    details: path === undefined ? undefined : { path },
  });
}
