import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";

/** `sha256:` and 64 lower-case hex digits: the one algorithm that every registry has. */
export type OciDigest = `sha256:${string}`;

/** Tells whether a text is a digest that this client verifies. */
export function isDigest(text: unknown): text is OciDigest {
  return typeof text === "string" && /^sha256:[0-9a-f]{64}$/.test(text);
}

/** Hashes few bytes at once. */
export function digestOf(bytes: Uint8Array): OciDigest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Few milliseconds of hashing on a slow machine. */
const SLICE_BYTES = 1 << 20;

/** Hashes bytes in memory, giving way to others between slices: a large pack would hold up every turn of a host. */
export async function hashBytes(bytes: Uint8Array): Promise<OciDigest> {
  const hash = new DigestStream();
  for (let offset = 0; offset < bytes.byteLength; offset += SLICE_BYTES) {
    hash.add(bytes.subarray(offset, offset + SLICE_BYTES));
    await setImmediate();
  }
  return hash.end();
}

/** Hashes bytes as they pass, and counts them. */
export class DigestStream {
  readonly #hash = createHash("sha256");
  #sizeBytes = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  add(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#sizeBytes += chunk.byteLength;
  }

  /** Ends the hash; call it once. */
  end(): OciDigest {
    return `sha256:${this.#hash.digest("hex")}`;
  }
}
