/**
 * Inflates, checks and hashes the entries of large packs beside the event loop. One message at a time:
 * { chunk } is kept or hashed, { finish: { deflated, path, crc32, sizeBytes } } ends the entry and answers with its hash.
 */
import { parentPort } from "node:worker_threads";
import { isGreenticError } from "../types/index.ts";
import { loadBlake3 } from "./blake3.ts";
import { checkContent, checksum, inflateEntry } from "./entry-content.ts";
import type { HashAnswer, HashRequest } from "./hash-protocol.ts";

const port = parentPort;
if (port === null) throw new TypeError("hash.worker.ts runs as a worker only");
const blake3 = await loadBlake3();
let chunks: Uint8Array<ArrayBuffer>[] = [];

port.on("message", (request: HashRequest) => {
  if (request.kind === "chunk") {
    chunks.push(request.bytes);
    return port.postMessage({ kind: "more" } satisfies HashAnswer);
  }
  const parts = chunks;
  chunks = [];
  try {
    const inflated = request.isDeflated ? inflateEntry(Buffer.concat(parts), request.claims) : undefined;
    const content = inflated === undefined ? parts : [inflated];
    let crc = 0;
    let sizeBytes = 0;
    for (const part of content) {
      crc = checksum(part, crc);
      sizeBytes += part.length;
    }
    if (request.claims.crc32 >= 0) checkContent(request.claims, { sizeBytes, crc32: crc });
    const answer: HashAnswer = { kind: "done", hash: blake3(...content).toHex(), inflated };
    port.postMessage(answer, inflated === undefined ? [] : [inflated.buffer]);
  } catch (error) {
    // Errors lose their class on the way: what the other side needs to make it anew is sent as data.
    const answer: HashAnswer = isGreenticError(error)
      ? { kind: "failed", code: error.code, message: error.message, path: request.claims.path }
      : {
          kind: "failed",
          code: "PACK_ZIP_INFLATE_FAILED",
          message: "Read archive entry: failed",
          path: request.claims.path,
        };
    port.postMessage(answer);
  }
});
