import { ComponentErr, Trap } from "../trap.ts";
import { answer } from "./define.ts";
import type { WasiInterface } from "./define.ts";
import { Pollable } from "./pollable.ts";
import type { Wasi } from "./wasi.ts";

/** `wasi:io/error`: why an operation on a stream failed. */
export class IoError {
  readonly text: string;
  /** What a more specific interface makes of it: an `error-code` of wasi:http. */
  readonly code: unknown;

  constructor(text: string, code?: unknown) {
    this.text = text;
    this.code = code;
  }
}

/** Ends an operation on a stream with an error. */
export function streamFailure(error: IoError): ComponentErr {
  return new ComponentErr({ tag: "last-operation-failed", val: error });
}

/** Ends an operation on a stream that is over. */
export function streamClosed(): ComponentErr {
  return new ComponentErr({ tag: "closed" });
}

/** Bytes that are all there already. */
export class InputStream {
  readonly #bytes: Uint8Array;
  #offset: number;

  constructor(bytes: Uint8Array, offset = 0) {
    this.#bytes = bytes;
    this.#offset = Math.min(offset, bytes.length);
  }

  read(length: bigint): Uint8Array {
    if (this.#offset >= this.#bytes.length) throw streamClosed();
    const left = this.#bytes.length - this.#offset;
    const count = length < BigInt(left) ? Number(length) : left;
    const part = this.#bytes.subarray(this.#offset, this.#offset + count);
    this.#offset += count;
    return part;
  }
}

/** Bytes of this many can be written at once. */
const WRITE_PERMIT = 65_536n;

/** Where written bytes go; throws `streamClosed()` or `streamFailure()`. */
export interface ByteSink {
  write(wasi: Wasi, bytes: Uint8Array): void;
  /** Throws where nothing can be written any more. */
  check?(): void;
}

/** A stream that takes bytes at once: it is always ready, or over. */
export class OutputStream {
  readonly #sink: ByteSink;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  checkWrite(): bigint {
    this.#sink.check?.();
    return WRITE_PERMIT;
  }

  write(wasi: Wasi, bytes: Uint8Array): void {
    this.#sink.write(wasi, bytes);
  }

  writeZeroes(wasi: Wasi, count: bigint): void {
    if (count > WRITE_PERMIT) throw new Trap("host", "Run guest: it writes more than it was permitted to");
    this.write(wasi, new Uint8Array(Number(count)));
  }
}

const read = answer((_wasi, self: InputStream, length: bigint) => self.read(length));
const skip = answer((_wasi, self: InputStream, length: bigint) => BigInt(self.read(length).length));
const subscribe = answer(() => new Pollable());
const write = answer((wasi, self: OutputStream, bytes: Uint8Array) => self.write(wasi, bytes));
const writeZeroes = answer((wasi, self: OutputStream, count: bigint) => self.writeZeroes(wasi, count));
const flush = answer((_wasi, self: OutputStream) => void self.checkWrite());
const splice = answer((wasi, self: OutputStream, source: InputStream, length: bigint) => {
  const bytes = source.read(length < WRITE_PERMIT ? length : WRITE_PERMIT);
  self.write(wasi, bytes);
  return BigInt(bytes.length);
});

export const ioError: WasiInterface = {
  "[method]error.to-debug-string": answer((_wasi, self: IoError) => self.text),
};

export const ioStreams: WasiInterface = {
  "[method]input-stream.read": read,
  "[method]input-stream.blocking-read": read,
  "[method]input-stream.skip": skip,
  "[method]input-stream.blocking-skip": skip,
  "[method]input-stream.subscribe": subscribe,
  "[method]output-stream.check-write": answer((_wasi, self: OutputStream) => self.checkWrite()),
  "[method]output-stream.write": write,
  "[method]output-stream.blocking-write-and-flush": write,
  "[method]output-stream.flush": flush,
  "[method]output-stream.blocking-flush": flush,
  "[method]output-stream.subscribe": subscribe,
  "[method]output-stream.write-zeroes": writeZeroes,
  "[method]output-stream.blocking-write-zeroes-and-flush": writeZeroes,
  "[method]output-stream.splice": splice,
  "[method]output-stream.blocking-splice": splice,
};
