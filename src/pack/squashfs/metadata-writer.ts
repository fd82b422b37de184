import { deflateSync } from "node:zlib";
import { METADATA_BYTES, STORED_METADATA } from "./superblock.ts";

/** Bytes that grow at their end. */
export class ImageBuffer {
  readonly #parts: Uint8Array[] = [];
  #sizeBytes = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Appends bytes; returns where they begin. */
  append(bytes: Uint8Array): number {
    const at = this.#sizeBytes;
    this.#parts.push(bytes);
    this.#sizeBytes += bytes.length;
    return at;
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts, this.#sizeBytes);
  }
}

/** Writes metadata: blocks of 8 KiB, each deflated where that makes it smaller. */
export class MetadataWriter {
  readonly #isStored: boolean;
  readonly #out = new ImageBuffer();
  readonly #block = Buffer.alloc(METADATA_BYTES);
  #filled = 0;

  constructor(isStored: boolean) {
    this.#isStored = isStored;
  }

  /** Where the next byte goes: the offset of its block in the table, and its own within the block. */
  get place(): { readonly start: number; readonly offset: number } {
    return { start: this.#out.sizeBytes, offset: this.#filled };
  }

  u16(...values: readonly number[]): void {
    for (const value of values) this.bytes(Uint8Array.of(value & 0xff, value >> 8));
  }

  u32(...values: readonly number[]): void {
    const bytes = Buffer.alloc(4);
    for (const value of values) {
      bytes.writeUInt32LE(value);
      this.bytes(bytes);
    }
  }

  bytes(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + METADATA_BYTES - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === METADATA_BYTES) this.#flush();
    }
  }

  /** Ends the last block; returns the whole table. */
  finish(): Uint8Array {
    if (this.#filled > 0) this.#flush();
    return this.#out.finish();
  }

  #flush(): void {
    const plain = Buffer.from(this.#block.subarray(0, this.#filled));
    const packed = this.#isStored ? plain : deflateSync(plain, { level: 9 });
    const isSmaller = packed.length < plain.length;
    const header = Buffer.alloc(2);
    header.writeUInt16LE(isSmaller ? packed.length : plain.length | STORED_METADATA);
    this.#out.append(header);
    this.#out.append(isSmaller ? packed : plain);
    this.#filled = 0;
  }
}
