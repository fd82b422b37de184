import { DEFAULT_LIMITS } from "../limits.ts";
import { Trap } from "../trap.ts";
import type { FileSource } from "./file-source.ts";
import { Files } from "./files.ts";

/** What a guest may see of the world; everything absent is absent for the guest too. */
export interface WasiOptions {
  /** Wall clock in milliseconds since 1970; the guest sees whole milliseconds. */
  readonly nowMs: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
  /** Takes what the guest writes to stdout and stderr, up to {@link maxLogBytes} together. */
  readonly log?: (stream: "stdout" | "stderr", bytes: Uint8Array) => void;
  readonly maxLogBytes?: number;
  readonly maxRandomBytes?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly stdin?: Uint8Array;
  /** Files that the guest finds, read-only, under `/assets`. */
  readonly files?: FileSource;
  /** Bytes of files, request bodies and responses that the guest may have the host hold for it. Default 64 MiB. */
  readonly maxBufferBytes?: number;
}

const MAX_BUFFER_BYTES = 64 << 20;

/** Timers run at most this long at once, so that what a stopped guest waited for goes away by itself. */
const MAX_TIMER_MS = 10_000;

/** The WASI world of one instance. Disposing of it ends what the guest still waits for. */
export class Wasi implements Disposable {
  readonly env: readonly (readonly [string, string])[];
  readonly args: readonly string[];
  readonly stdin: Uint8Array;
  readonly files: Files | undefined;
  /** Bytes of stdout and stderr that were dropped behind the cap. */
  droppedLogBytes = 0;
  readonly #options: WasiOptions;
  readonly #maxRandomBytes: number;
  #logBytesLeft: number;
  #bufferBytesLeft: number;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  constructor(options: WasiOptions) {
    this.#options = options;
    this.env = Object.entries(options.env ?? {});
    this.args = options.args ?? [];
    this.stdin = options.stdin ?? new Uint8Array(0);
    this.files = options.files && new Files(options.files, (bytes) => this.takeBuffer(bytes));
    this.#bufferBytesLeft = options.maxBufferBytes ?? MAX_BUFFER_BYTES;
    this.#logBytesLeft = options.maxLogBytes ?? DEFAULT_LIMITS.maxLogBytes;
    this.#maxRandomBytes = options.maxRandomBytes ?? DEFAULT_LIMITS.maxRandomBytes;
  }

  /** Wall time in whole milliseconds: a finer clock helps to read other tenants' secrets. */
  nowMs(): number {
    return Math.floor(this.#options.nowMs());
  }

  monotonicMs(): number {
    return Math.floor(performance.now());
  }

  random(count: bigint): Uint8Array {
    if (count > BigInt(this.#maxRandomBytes)) {
      throw new Trap("host", `Run guest: it asks for ${count} random bytes, at most ${this.#maxRandomBytes}`);
    }
    return this.#options.randomBytes(Number(count));
  }

  randomU64(): bigint {
    const bytes = this.#options.randomBytes(8);
    return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  }

  write(stream: "stdout" | "stderr", bytes: Uint8Array): void {
    const kept = Math.min(bytes.length, this.#logBytesLeft);
    this.#logBytesLeft -= kept;
    this.droppedLogBytes += bytes.length - kept;
    if (kept > 0) this.#options.log?.(stream, kept < bytes.length ? bytes.subarray(0, kept) : bytes);
  }

  /** Begins another call of the same instance: what is counted for a call starts anew, and files are listed and fetched again. */
  beginCall(): void {
    this.#bufferBytesLeft = this.#options.maxBufferBytes ?? MAX_BUFFER_BYTES;
    this.files?.forget();
  }

  /** Takes from the bytes that the host may hold for the guest; false where the call has used them up. */
  takeBuffer(bytes: number): boolean {
    if (bytes > this.#bufferBytesLeft) return false;
    this.#bufferBytesLeft -= bytes;
    return true;
  }

  /** Waits until the monotonic clock shows at least this, or the world ends. */
  async waitUntil(dueMs: number): Promise<void> {
    for (;;) {
      const leftMs = dueMs - this.monotonicMs();
      if (leftMs <= 0) return;
      await this.#timer(Math.min(leftMs, MAX_TIMER_MS));
    }
  }

  #timer(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        resolve();
      }, ms);
      this.#timers.add(timer);
    });
  }

  [Symbol.dispose](): void {
    // What waits is left unresolved: the guest behind it is gone.
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}

/** Makes the WASI world of one instance; it goes into the instance's state as `wasi`. */
export function createWasi(options: WasiOptions): Wasi {
  return new Wasi(options);
}
