import { createHash } from "node:crypto";

/** `sha256:` and 64 lower-case hex digits: the one algorithm that every registry has. */
export type OciDigest = `sha256:${string}`;

/** Tells whether a text is a digest that this client verifies. */
export function isDigest(text: unknown): text is OciDigest {
  return typeof text === "string" && /^sha256:[0-9a-f]{64}$/.test(text);
}

/** Hashes bytes in memory. */
export function digestOf(bytes: Uint8Array): OciDigest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
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
