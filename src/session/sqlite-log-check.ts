// SQLite's write-ahead log, https://sqlite.org/fileformat2.html#the_write_ahead_log: a header of 32 bytes (magic, version, page size,
// checkpoint number, two salts, two sums), then frames of a header of 24 bytes (page, size of the database after a commit or 0, two
// salts, two sums) and a page. Sums run on from frame to frame, in words of the order that the magic says. SQLite reads up to the
// first frame whose sum doesn't fit and forgets the rest: right for a tail that was being written when the power went, and silent
// where a frame in the middle went bad.
import { existsSync, readFileSync } from "node:fs";

const HEADER = 32;
const FRAME = 24;
const MAGIC = 0x377f0682;

/**
 * Counts the transactions behind a damaged frame that were flushed, so that they may have been acknowledged, and will not be read.
 * The one that was being written at the end was not: each is flushed before the next begins.
 */
export function lostCommits(file: string): number {
  if (!existsSync(`${file}-wal`)) return 0;
  const log = readFileSync(`${file}-wal`);
  if (log.length < HEADER + FRAME) return 0;
  const bytes = new DataView(log.buffer, log.byteOffset, log.byteLength);
  const magic = bytes.getUint32(0);
  if ((magic | 1) !== (MAGIC | 1)) return 0;
  const isLittle = magic === MAGIC;
  const frameBytes = FRAME + bytes.getUint32(8);
  const sums: Sums = [0, 0];
  add(sums, bytes, { from: 0, to: 24, isLittle });
  let isWhole = sums[0] === bytes.getUint32(24) && sums[1] === bytes.getUint32(28);
  let commits = 0;
  for (let at = HEADER; at + frameBytes <= log.length; at += frameBytes) {
    // Frames of an earlier round of the log have other salts.
    const isOurs = bytes.getUint32(at + 8) === bytes.getUint32(16) && bytes.getUint32(at + 12) === bytes.getUint32(20);
    if (isWhole) {
      add(sums, bytes, { from: at, to: at + 8, isLittle });
      add(sums, bytes, { from: at + FRAME, to: at + frameBytes, isLittle });
      isWhole = isOurs && sums[0] === bytes.getUint32(at + 16) && sums[1] === bytes.getUint32(at + 20);
    }
    if (!isWhole && isOurs && bytes.getUint32(at + 4) !== 0) commits++;
  }
  return Math.max(0, commits - 1);
}

type Sums = [number, number];

function add(
  sums: Sums,
  bytes: DataView,
  part: { readonly from: number; readonly to: number; readonly isLittle: boolean },
): void {
  let [first, second] = sums;
  for (let at = part.from; at < part.to; at += 8) {
    first = (first + bytes.getUint32(at, part.isLittle) + second) >>> 0;
    second = (second + bytes.getUint32(at + 4, part.isLittle) + first) >>> 0;
  }
  sums[0] = first;
  sums[1] = second;
}
