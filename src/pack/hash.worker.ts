/**
 * Inflates, checks and hashes the entries of large packs beside the event loop. One message at a time:
 * { chunk } is hashed and its memory handed back, or kept where it is deflated; { finish: { deflated, path, crc32, sizeBytes } }
 * ends the entry and answers with its hash.
 */
import { parentPort } from "node:worker_threads";
import { isGreenticError } from "../types/index.ts";
import { createBlake3Stream } from "./blake3.ts";
import { checkContent, checksum, inflateEntry } from "./entry-content.ts";
import type { HashAnswer, HashRequest } from "./hash-protocol.ts";

const port = parentPort;
if (port === null) throw new TypeError("hash.worker.ts runs as a worker only");
const blake3 = await createBlake3Stream();
let deflated: Uint8Array<ArrayBuffer>[] = [];
let crc32 = 0;
let sizeBytes = 0;

function add(content: Uint8Array): void {
  crc32 = checksum(content, crc32);
  sizeBytes += content.length;
  blake3.add(content);
}

/** Ends an entry, whatever becomes of it: the next one begins with nothing of it. */
function end(): { readonly hash: string; readonly actual: { readonly sizeBytes: number; readonly crc32: number } } {
  const ended = { hash: blake3.end(), actual: { sizeBytes, crc32 } };
  crc32 = 0;
  sizeBytes = 0;
  return ended;
}

port.on("message", (request: HashRequest) => {
  if (request.kind === "chunk") {
    if (request.isDeflated) deflated.push(request.bytes);
    else add(request.bytes);
    const buffer = request.isDeflated ? undefined : request.bytes.buffer;
    return port.postMessage({ kind: "more", buffer } satisfies HashAnswer, buffer === undefined ? [] : [buffer]);
  }
  const parts = deflated;
  deflated = [];
  try {
    const inflated = request.isDeflated ? inflateEntry(Buffer.concat(parts), request.claims) : undefined;
    if (inflated !== undefined) add(inflated);
    const { hash, actual } = end();
    if (request.claims.crc32 >= 0) checkContent(request.claims, actual);
    port.postMessage(
      { kind: "done", hash, inflated } satisfies HashAnswer,
      inflated === undefined ? [] : [inflated.buffer],
    );
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
