import { ComponentErr, Trap } from "../trap.ts";
import { answer, wait } from "./define.ts";
import type { WasiInterface } from "./define.ts";
import type { Wasi } from "./wasi.ts";

/** Something to wait for: ready from `dueMs` of the monotonic clock on. */
export class Pollable {
  readonly dueMs: number;

  constructor(dueMs = Number.NEGATIVE_INFINITY) {
    this.dueMs = dueMs;
  }
}

/** `wasi:io/error`; nothing here ever makes one. */
class IoError {
  readonly text = "denied";
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
    if (this.#offset >= this.#bytes.length) throw new ComponentErr({ tag: "closed" });
    const left = this.#bytes.length - this.#offset;
    const count = length < BigInt(left) ? Number(length) : left;
    const part = this.#bytes.subarray(this.#offset, this.#offset + count);
    this.#offset += count;
    return part;
  }
}

/** Bytes of this many can be written at once. */
const WRITE_PERMIT = 65_536n;

/** Stdout or stderr: always ready, capped behind the scenes. */
export class OutputStream {
  readonly #stream: "stdout" | "stderr";

  constructor(stream: "stdout" | "stderr") {
    this.#stream = stream;
  }

  write(wasi: Wasi, bytes: Uint8Array): void {
    wasi.write(this.#stream, bytes);
  }

  writeZeroes(wasi: Wasi, count: bigint): void {
    if (count > WRITE_PERMIT) throw new Trap("host", "Run guest: it writes more than it was permitted to");
    wasi.write(this.#stream, new Uint8Array(Number(count)));
  }
}

const read = answer((_wasi, self: InputStream, length: bigint) => self.read(length));
const skip = answer((_wasi, self: InputStream, length: bigint) => BigInt(self.read(length).length));
const subscribe = answer(() => new Pollable());
const write = answer((wasi, self: OutputStream, bytes: Uint8Array) => self.write(wasi, bytes));
const writeZeroes = answer((wasi, self: OutputStream, count: bigint) => self.writeZeroes(wasi, count));
const flush = answer(() => undefined);
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
  "[method]output-stream.check-write": answer(() => WRITE_PERMIT),
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

function readyIndices(wasi: Wasi, pollables: readonly Pollable[]): Uint32Array {
  const nowMs = wasi.monotonicMs();
  return Uint32Array.from([...pollables.keys()].filter((index) => (pollables[index]?.dueMs ?? 0) <= nowMs));
}

export const ioPoll: WasiInterface = {
  "[method]pollable.ready": answer((wasi, self: Pollable) => self.dueMs <= wasi.monotonicMs()),
  "[method]pollable.block": wait((wasi, self: Pollable) =>
    self.dueMs <= wasi.monotonicMs() ? undefined : wasi.waitUntil(self.dueMs),
  ),
  poll: wait((wasi, pollables: readonly Pollable[]) => {
    if (pollables.length === 0) throw new Trap("host", "Run guest: it polls an empty list");
    const ready = readyIndices(wasi, pollables);
    if (ready.length > 0) return ready;
    const firstMs = Math.min(...pollables.map((pollable) => pollable.dueMs));
    return wasi.waitUntil(firstMs).then(() => readyIndices(wasi, pollables));
  }),
};
