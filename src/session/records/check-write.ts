import type { RecordChange, SpaceLimits } from "./space.ts";

/** Holds a write to what a space can take at once. @throws RangeError */
export function checkWrite(changes: readonly RecordChange[], limits: SpaceLimits): void {
  const check = (what: string, found: number, most: number): void => {
    if (found > most) throw new RangeError(`Write records: expected at most ${most} ${what}, got ${found}`);
  };
  check("changes", changes.length, limits.changes);
  const names = new Set<string>();
  let all = 0;
  for (const { partition, sort, body } of changes) {
    names.add(JSON.stringify([partition, sort]));
    const bytes = Buffer.byteLength(partition) + Buffer.byteLength(sort) + Buffer.byteLength(body ?? "");
    check("bytes of one record", bytes, limits.recordBytes);
    all += bytes;
  }
  check("bytes", all, limits.bytes);
  if (names.size < changes.length) throw new RangeError("Write records: a record is named twice");
}
