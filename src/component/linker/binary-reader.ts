import { GreenticError, quote } from "../../types/index.ts";

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Longer names have no honest use. */
const MAX_NAME_BYTES = 4096;

/** Reads the primitives of the WebAssembly binary format within bounds. @throws COMPONENT_BINARY_INVALID with the offset */
export class BinaryReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  /** Where `bytes` begin in what a person would look at. */
  readonly base: number;
  offset: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length, base = 0) {
    this.bytes = bytes;
    this.offset = start;
    this.end = end;
    this.base = base;
  }

  /** Gives another reader of a part of the same bytes. */
  part(start = this.offset, end = this.end): BinaryReader {
    return new BinaryReader(this.bytes, start, end, this.base);
  }

  get done(): boolean {
    return this.offset >= this.end;
  }

  /** Refuses the binary at the current place. */
  fail(reason: string, at = this.offset): never {
    const offset = this.base + at;
    throw new GreenticError("COMPONENT_BINARY_INVALID", `Parse component at offset ${offset}: ${reason}`, {
      details: { offset },
    });
  }

  /** Refuses a feature of core WebAssembly by name. */
  refuse(feature: string, at = this.offset): never {
    const offset = this.base + at;
    throw new GreenticError(
      "COMPONENT_OPCODE_REFUSED",
      `Parse component at offset ${offset}: a core module uses ${feature}`,
      { details: { offset } },
    );
  }

  byte(): number {
    if (this.offset >= this.end) this.fail("unexpected end");
    return this.bytes[this.offset++] as number;
  }

  peek(): number {
    if (this.offset >= this.end) this.fail("unexpected end");
    return this.bytes[this.offset] as number;
  }

  /** Reads one byte that the format fixes. */
  expect(value: number, what: string): void {
    const got = this.byte();
    if (got !== value)
      this.fail(`expected ${what} 0x${value.toString(16)}, got 0x${got.toString(16)}`, this.offset - 1);
  }

  /** Reads an unsigned LEB128 of at most 32 bits. */
  u32(): number {
    const start = this.offset;
    const first = this.bytes[start] ?? 0x80;
    if (first < 0x80 && start < this.end) {
      this.offset = start + 1;
      return first;
    }
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (value > 0xffff_ffff) this.fail("number above 32 bits", start);
        return value;
      }
    }
    return this.fail("number longer than 5 bytes", start);
  }

  /** Skips a LEB128 of at most `maxBytes` bytes, signed or not. */
  skipLeb(maxBytes: number): void {
    const start = this.offset;
    for (let count = 0; count < maxBytes; count++) if (this.byte() < 0x80) return;
    this.fail(`number longer than ${maxBytes} bytes`, start);
  }

  skip(count: number): void {
    if (this.offset + count > this.end) this.fail("unexpected end");
    this.offset += count;
  }

  name(): string {
    const length = this.u32();
    const start = this.offset;
    if (length > MAX_NAME_BYTES) this.fail(`name of ${length} bytes, at most ${MAX_NAME_BYTES}`, start);
    this.skip(length);
    try {
      return UTF8.decode(this.bytes.subarray(start, this.offset));
    } catch {
      return this.fail("name is not UTF-8", start);
    }
  }

  /** Reads a count that the remaining bytes can hold, as every element takes at least one. */
  count(): number {
    const start = this.offset;
    const count = this.u32();
    if (count > this.end - this.offset) this.fail(`${count} elements in ${this.end - this.offset} bytes`, start);
    return count;
  }

  vector<T>(read: () => T): T[] {
    const count = this.count();
    const items: T[] = [];
    for (let index = 0; index < count; index++) items.push(read());
    return items;
  }

  /** Reads a value behind a presence byte. */
  optional<T>(read: () => T): T | null {
    const flag = this.byte();
    if (flag > 1) this.fail(`presence byte ${flag}`, this.offset - 1);
    return flag === 1 ? read() : null;
  }

  /** Picks from an index space. */
  pick<T>(space: readonly T[], index: number, what: string): T {
    const item = space[index];
    if (item === undefined) this.fail(`${what} ${index} is not defined; there are ${space.length}`);
    return item;
  }

  /** Refuses a name that stands twice. */
  duplicate(name: string): never {
    return this.fail(`${quote(name)} stands twice`);
  }
}
