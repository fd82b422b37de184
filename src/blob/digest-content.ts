import { createHash } from "node:crypto";
import { GreenticError } from "../types/index.ts";

/** Content that is hashed and counted while it passes. */
export interface DigestedContent extends AsyncIterable<Uint8Array> {
  /** SHA-256 in hex and length; once the content has passed. */
  readonly result: () => { readonly digest: string; readonly sizeBytes: number };
}

/** Hashes and counts content while it passes. It fails with BLOB_TOO_LARGE at the first byte above `maxBytes`. */
export function digestContent(content: AsyncIterable<Uint8Array>, maxBytes: number): DigestedContent {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  let digest: string | undefined;
  return {
    async *[Symbol.asyncIterator]() {
      for await (const chunk of content) {
        sizeBytes += chunk.byteLength;
        if (sizeBytes > maxBytes)
          throw new GreenticError("BLOB_TOO_LARGE", `Keep file: expected at most ${maxBytes} bytes, got more`);
        hash.update(chunk);
        yield chunk;
      }
      digest = hash.digest("hex");
    },
    result: () => {
      if (digest === undefined) throw new TypeError("Digest content: it hasn't passed yet");
      return { digest, sizeBytes };
    },
  };
}

/** Passes kept content on and holds it to its digest. @throws BLOB_DAMAGED behind the last byte */
export async function* checkContent(
  content: AsyncIterable<Uint8Array>,
  digest: string,
): AsyncGenerator<Uint8Array, void> {
  const hash = createHash("sha256");
  for await (const chunk of content) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest("hex") !== digest) throw damaged("its bytes are others");
}

/** The error of a file that isn't what was kept. */
export function damaged(state: string, cause?: unknown): GreenticError {
  return new GreenticError("BLOB_DAMAGED", `Read kept file: ${state}`, cause === undefined ? {} : { cause });
}
