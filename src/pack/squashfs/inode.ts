import { GreenticError, quote } from "../../types/index.ts";
import type { PackLimits } from "../pack-limits.ts";
import type { MetadataCursor, MetadataReader } from "./metadata-reader.ts";
import { damagedSquashfs, EXTENDED, INODE_KINDS, NO_FRAGMENT } from "./superblock.ts";
import type { Superblock } from "./superblock.ts";

/** A folder or a regular file of an image; everything else is refused. */
export type Inode =
  | {
      readonly kind: "folder";
      /** Where its listing begins, from the start of the directory table. */
      readonly listingStart: number;
      readonly listingOffset: number;
      readonly listingBytes: number;
    }
  | {
      readonly kind: "file";
      readonly sizeBytes: number;
      readonly dataStart: number;
      /** Packed sizes of its blocks, with their flags. */
      readonly blocks: readonly number[];
      readonly fragment: { readonly index: number; readonly offset: number } | undefined;
    };

const NAMES = ["", "folder", "file", "symbolic link", "block device", "character device", "pipe", "socket"];
/** Sizes of listings count three bytes for the entries `.` and `..`, which aren't there. */
const LISTING_EXTRA = 3;

/** Reads an inode. @throws PACK_SQUASHFS_INVALID, PACK_ZIP_FILE_IRREGULAR, PACK_ZIP_ENTRY_TOO_LARGE */
export function readInode(
  metadata: MetadataReader,
  place: { readonly start: number; readonly offset: number },
  context: { readonly superblock: Superblock; readonly limits: PackLimits; readonly path: string },
): Inode {
  const cursor = metadata.open(place.start, place.offset);
  const kind = cursor.u16();
  // Mode, owner, group, time and number decide nothing here.
  cursor.bytes(14);
  switch (kind) {
    case INODE_KINDS.folder:
      return readFolder(cursor);
    case INODE_KINDS.folder + EXTENDED:
      return readExtendedFolder(cursor);
    case INODE_KINDS.file:
    case INODE_KINDS.file + EXTENDED:
      return readFile(cursor, { ...context, isExtended: kind !== INODE_KINDS.file });
    default: {
      const name = NAMES[kind > EXTENDED ? kind - EXTENDED : kind];
      if (name === undefined) throw damagedSquashfs(`inode of kind ${kind}`, context.path);
      throw new GreenticError(
        "PACK_ZIP_FILE_IRREGULAR",
        `Read SquashFS entry ${quote(context.path)}: expected a folder or a regular file, got a ${name}`,
        { details: { path: context.path } },
      );
    }
  }
}

function readFolder(cursor: MetadataCursor): Inode {
  const listingStart = cursor.u32();
  cursor.u32();
  const listingBytes = Math.max(0, cursor.u16() - LISTING_EXTRA);
  return { kind: "folder", listingStart, listingBytes, listingOffset: cursor.u16() };
}

function readExtendedFolder(cursor: MetadataCursor): Inode {
  cursor.u32();
  const listingBytes = Math.max(0, cursor.u32() - LISTING_EXTRA);
  const listingStart = cursor.u32();
  cursor.bytes(6);
  return { kind: "folder", listingStart, listingBytes, listingOffset: cursor.u16() };
}

interface FileContext {
  readonly superblock: Superblock;
  readonly limits: PackLimits;
  readonly path: string;
  readonly isExtended: boolean;
}

function readFile(cursor: MetadataCursor, { superblock, limits, path, isExtended }: FileContext): Inode {
  const dataStart = isExtended ? cursor.u64() : cursor.u32();
  let sizeBytes = 0;
  if (isExtended) {
    sizeBytes = cursor.u64();
    // Bytes that holes save, and links to it.
    cursor.bytes(12);
  }
  const [index, offset] = [cursor.u32(), cursor.u32()];
  if (isExtended) cursor.u32();
  else sizeBytes = cursor.u32();
  if (sizeBytes > limits.maxEntryBytes)
    throw new GreenticError(
      "PACK_ZIP_ENTRY_TOO_LARGE",
      `Read SquashFS entry ${quote(path)}: expected at most ${limits.maxEntryBytes} bytes, got ${sizeBytes}`,
      { details: { path } },
    );
  const fragment = index === NO_FRAGMENT ? undefined : { index, offset };
  const whole = sizeBytes / superblock.blockBytes;
  const blocks = Array.from({ length: fragment === undefined ? Math.ceil(whole) : Math.floor(whole) }, () =>
    cursor.u32(),
  );
  return { kind: "file", sizeBytes, dataStart, blocks, fragment };
}
