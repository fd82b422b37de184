const UTF8 = new TextEncoder();

/** Builds a piece of a WebAssembly binary; every method but `finish` returns the writer. */
export class ByteWriter {
  #buffer: Uint8Array;
  #length = 0;

  constructor(expectedBytes = 64) {
    this.#buffer = new Uint8Array(Math.max(16, expectedBytes));
  }

  get length(): number {
    return this.#length;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }

  raw(...values: readonly number[]): this {
    this.#reserve(values.length);
    for (const value of values) this.#buffer[this.#length++] = value;
    return this;
  }

  bytes(values: Uint8Array): this {
    this.#reserve(values.length);
    this.#buffer.set(values, this.#length);
    this.#length += values.length;
    return this;
  }

  /** Writes an unsigned LEB128 of at most 32 bits. */
  u32(value: number): this {
    this.#reserve(5);
    let rest = value >>> 0;
    for (; rest >= 0x80; rest >>>= 7) this.#buffer[this.#length++] = (rest & 0x7f) | 0x80;
    this.#buffer[this.#length++] = rest;
    return this;
  }

  /** Writes a non-negative safe integer as a signed LEB128. */
  s64(value: number): this {
    this.#reserve(10);
    let rest = value;
    for (;;) {
      const low = rest % 128;
      rest = (rest - low) / 128;
      const isLast = rest === 0 && low < 64;
      this.#buffer[this.#length++] = isLast ? low : low | 0x80;
      if (isLast) return this;
    }
  }

  name(value: string): this {
    const encoded = UTF8.encode(value);
    return this.u32(encoded.length).bytes(encoded);
  }

  /** Writes another writer's bytes behind their length. */
  sized(other: ByteWriter): this {
    return this.u32(other.#length).bytes(other.#buffer.subarray(0, other.#length));
  }

  section(id: number, body: Uint8Array): this {
    return this.raw(id).u32(body.length).bytes(body);
  }

  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }
}
