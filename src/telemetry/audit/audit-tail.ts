import { open } from "node:fs/promises";
import { join } from "node:path";
import type { ChainHead, ChainPoint } from "./audit-chain.ts";
import { GENESIS, parseAuditLine, pointOf } from "./audit-chain.ts";

/** More than any line has. */
const TAIL_BYTES = 1 << 16;
const BREAK = 0x0a;

/** Where a writer goes on. */
interface Tail {
  readonly first: ChainPoint;
  readonly last: ChainPoint;
  /** The last line that is really there. */
  readonly end: ChainPoint | undefined;
  /** Of the last file, up to the end of its last whole line. */
  readonly sizeBytes: number;
}

/**
 * Finds where the chain goes on. Where the head knows of lines that aren't there, or that are others, the next line is chained to what
 * the head knows: the gap stays to be found.
 */
export async function readTail(dir: string, files: readonly string[], head: ChainHead | undefined): Promise<Tail> {
  let sizeBytes = 0;
  let end: ChainPoint | undefined;
  for (const [index, name] of files.toReversed().entries()) {
    const read = await readEnd(join(dir, name));
    if (index === 0) ({ sizeBytes } = read);
    if (read.line === undefined) continue;
    const line = parseAuditLine(read.line);
    if (line !== undefined) end = pointOf(line.seq, read.line);
    break;
  }
  return { first: head?.first ?? GENESIS, last: lastOf(end, head, files), end, sizeBytes };
}

function lastOf(end: ChainPoint | undefined, head: ChainHead | undefined, files: readonly string[]): ChainPoint {
  if (head === undefined) {
    // Somebody removed the head: the line that isn't chained to the one before it says so for ever.
    const seq = end?.seq ?? Number.parseInt(files.at(-1) ?? "0", 10);
    return { seq, hash: GENESIS.hash };
  }
  return end !== undefined && end.seq > head.last.seq ? end : head.last;
}

async function readEnd(path: string): Promise<{ readonly line?: Buffer; readonly sizeBytes: number }> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - TAIL_BYTES);
    const bytes = Buffer.alloc(size - start);
    await file.read(bytes, 0, bytes.length, start);
    const stop = bytes.lastIndexOf(BREAK);
    if (stop < 0) return { sizeBytes: start };
    const begin = stop === 0 ? 0 : bytes.lastIndexOf(BREAK, stop - 1) + 1;
    return { line: bytes.subarray(begin, stop), sizeBytes: start + stop + 1 };
  } finally {
    await file.close();
  }
}
