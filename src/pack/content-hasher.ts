import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { GreenticError, nextTurn, Pace } from "../types/index.ts";
import { loadBlake3 } from "./blake3.ts";
import type { Blake3 } from "./blake3.ts";
import { checkContent, checksum, inflateEntry } from "./entry-content.ts";
import type { EntryClaims } from "./entry-content.ts";
import type { HashAnswer, HashRequest } from "./hash-protocol.ts";
import type { ZipEntry } from "./zip-read.ts";

/** An entry's bytes and what they hash to. */
export interface HashedContent {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** BLAKE3, lower-case hex. */
  readonly hash: string;
}

/**
 * Above this, work goes to a worker. Measured: checking and hashing take 2.2 ms a MiB in place, inflating about twice that;
 * starting a worker takes 105 ms of another core, which a pack with one component of 1 MiB shouldn't wait for.
 */
const INLINE_BYTES = 2 << 20;
/** Copying this much for the worker takes about half a millisecond of the event loop. */
const CHUNK_BYTES = 1 << 20;
/** What handling contents in place takes, in microseconds: each by itself, and for so many bytes. */
const STEPS_PER_CONTENT = 15;
const STORED_BYTES_PER_STEP = 450;
const INFLATED_BYTES_PER_STEP = 150;

/**
 * Inflates, checks and hashes contents without holding up the event loop; starts a worker only when a content is large.
 * One call at a time.
 */
export class ContentHasher implements AsyncDisposable {
  readonly #blake3: Blake3;
  readonly #pace: Pace;
  #worker: Worker | undefined;
  /** Goes to the worker and back: new memory for each chunk would be more work than to copy it. */
  #chunk = new ArrayBuffer(0);

  private constructor(blake3: Blake3, pace: Pace) {
    this.#blake3 = blake3;
    this.#pace = pace;
  }

  /** Opens one; its work counts in the given pace. */
  static async open(pace = new Pace()): Promise<ContentHasher> {
    return new ContentHasher(await loadBlake3(), pace);
  }

  /** Reads an entry of an archive, held to its header. @throws PACK_ZIP_INFLATE_FAILED, PACK_ZIP_SIZE_MISMATCH, PACK_ZIP_CHECKSUM_MISMATCH */
  async readEntry(entry: ZipEntry): Promise<HashedContent> {
    const isDeflated = entry.method === "deflate";
    if (Math.max(entry.sizeBytes, entry.packed.length) > INLINE_BYTES)
      return this.#hashApart(entry.packed, isDeflated, entry);
    await this.#breathe(entry.sizeBytes / (isDeflated ? INFLATED_BYTES_PER_STEP : STORED_BYTES_PER_STEP));
    const bytes = isDeflated ? inflateEntry(entry.packed, entry) : entry.packed;
    checkContent(entry, { sizeBytes: bytes.length, crc32: checksum(bytes) });
    return { path: entry.path, bytes, hash: this.#blake3(bytes).toHex() };
  }

  /** Hashes a file that goes into an archive. */
  async hashFile(path: string, bytes: Uint8Array): Promise<HashedContent> {
    if (bytes.length > INLINE_BYTES) return this.#hashApart(bytes, false, { path, crc32: -1, sizeBytes: bytes.length });
    await this.#breathe(bytes.length / STORED_BYTES_PER_STEP);
    return { path, bytes, hash: this.#blake3(bytes).toHex() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  async #breathe(steps: number): Promise<void> {
    if (this.#pace.spend(STEPS_PER_CONTENT + steps)) await nextTurn();
  }

  async #hashApart(packed: Uint8Array, isDeflated: boolean, claims: EntryClaims): Promise<HashedContent> {
    const { path, crc32, sizeBytes } = claims;
    for (let at = 0; at < packed.length; at += CHUNK_BYTES) {
      const part = packed.subarray(at, at + CHUNK_BYTES);
      const buffer = this.#chunk.byteLength === 0 ? new ArrayBuffer(CHUNK_BYTES) : this.#chunk;
      const bytes = new Uint8Array(buffer, 0, part.length);
      bytes.set(part);
      const handed = await this.#ask({ kind: "chunk", bytes, isDeflated }, [buffer]);
      this.#chunk = (handed.kind === "more" ? handed.buffer : undefined) ?? new ArrayBuffer(0);
    }
    const answer = await this.#ask({ kind: "finish", isDeflated, claims: { path, crc32, sizeBytes } }, []);
    if (answer.kind === "failed") throw new GreenticError(answer.code, answer.message, { details: { path } });
    if (answer.kind === "more") throw new TypeError("hash worker: answer out of order");
    return { path, bytes: answer.inflated ?? packed, hash: answer.hash };
  }

  async #ask(request: HashRequest, transfer: ArrayBuffer[]): Promise<HashAnswer> {
    this.#worker ??= new Worker(new URL("hash.worker.ts", import.meta.url), { env: {}, execArgv: [] });
    this.#worker.postMessage(request, transfer);
    const [answer] = (await once(this.#worker, "message")) as [HashAnswer];
    return answer;
  }
}
