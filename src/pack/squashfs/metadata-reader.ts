import { inflateBlock } from "./inflate-block.ts";
import { damagedSquashfs, METADATA_BYTES, STORED_METADATA } from "./superblock.ts";
import type { Superblock } from "./superblock.ts";

/** Inodes, listings and tables together may cost this much to inflate: ten times what 4,096 entries of the largest size need. */
const MAX_METADATA_BYTES = 64 << 20;
const KEPT_BLOCKS = 64;

interface MetadataBlock {
  readonly bytes: Uint8Array;
  /** Where the block after it begins. */
  readonly next: number;
}

/** Reads metadata: blocks of at most 8 KiB, one behind the other, each under a header of two bytes that tells its packed size. */
export class MetadataReader {
  readonly #image: Uint8Array;
  readonly #view: DataView;
  readonly #compressor: Superblock["compressor"];
  readonly #blocks = new Map<number, MetadataBlock>();
  #readBytes = 0;

  constructor(image: Uint8Array, { compressor, bytesUsed }: Superblock) {
    this.#image = image.subarray(0, bytesUsed);
    this.#view = new DataView(image.buffer, image.byteOffset, bytesUsed);
    this.#compressor = compressor;
  }

  /** Starts to read at `offset` within the inflated block at `start`. @throws PACK_SQUASHFS_INVALID */
  open(start: number, offset: number): MetadataCursor {
    return new MetadataCursor((at) => this.#block(at), { start, offset });
  }

  #block(start: number): MetadataBlock {
    const known = this.#blocks.get(start);
    if (known !== undefined) return known;
    if (start + 2 > this.#image.length) throw damagedSquashfs("metadata begins outside of it");
    const header = this.#view.getUint16(start, true);
    const size = header & (STORED_METADATA - 1);
    const next = start + 2 + size;
    if (size === 0 || next > this.#image.length) throw damagedSquashfs("a metadata block reaches past its end");
    const packed = this.#image.subarray(start + 2, next);
    const isStored = (header & STORED_METADATA) !== 0;
    if (isStored && size > METADATA_BYTES) throw damagedSquashfs("a metadata block is too large");
    const bytes = isStored ? packed : inflateBlock(packed, { compressor: this.#compressor, maxBytes: METADATA_BYTES });
    this.#readBytes += bytes.length;
    if (this.#readBytes > MAX_METADATA_BYTES) throw damagedSquashfs("its metadata is too large");
    if (this.#blocks.size >= KEPT_BLOCKS) this.#blocks.clear();
    const block = { bytes, next };
    this.#blocks.set(start, block);
    return block;
  }
}

/** Reads numbers and bytes of metadata, over the ends of its blocks. */
export class MetadataCursor {
  readonly #blockAt: (start: number) => MetadataBlock;
  #block: MetadataBlock;
  #at: number;

  constructor(
    blockAt: (start: number) => MetadataBlock,
    { start, offset }: { readonly start: number; readonly offset: number },
  ) {
    this.#blockAt = blockAt;
    this.#block = blockAt(start);
    this.#at = offset;
    if (offset > this.#block.bytes.length) throw damagedSquashfs("metadata begins outside of its block");
  }

  u16(): number {
    const [a = 0, b = 0] = this.bytes(2);
    return a | (b << 8);
  }

  i16(): number {
    return (this.u16() << 16) >> 16;
  }

  u32(): number {
    return this.u16() + this.u16() * 0x10000;
  }

  /** A place or a size; larger ones than a double holds are outside of any image. */
  u64(): number {
    return this.u32() + this.u32() * 0x1_0000_0000;
  }

  /** @throws PACK_SQUASHFS_INVALID where the metadata ends before */
  bytes(count: number): Uint8Array {
    const { bytes } = this.#block;
    if (this.#at + count <= bytes.length) return bytes.subarray(this.#at, (this.#at += count));
    const out = new Uint8Array(count);
    for (let done = 0; done < count;) {
      if (this.#at === this.#block.bytes.length) {
        this.#block = this.#blockAt(this.#block.next);
        this.#at = 0;
        if (this.#block.bytes.length === 0) throw damagedSquashfs("an empty metadata block");
      }
      const part = this.#block.bytes.subarray(this.#at, this.#at + count - done);
      out.set(part, done);
      done += part.length;
      this.#at += part.length;
    }
    return out;
  }
}
