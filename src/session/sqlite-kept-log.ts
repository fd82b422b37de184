import { existsSync, linkSync, renameSync, rmSync } from "node:fs";

// After a failed flush the kernel takes pages for written that it dropped, and the next flush succeeds. SQLite, closing, would copy its
// log into the file, flush that, believe it and delete the log: all that the log alone has on disk would be lost. A second name
// keeps the log whatever becomes of the first, and the next process starts from it.

/** Keeps the log of a file that can't be trusted to be flushed any more. */
export function keepLog(file: string): void {
  if (!existsSync(`${file}-wal`) || existsSync(keptName(file))) return;
  linkSync(`${file}-wal`, keptName(file));
}

/** Brings back the log that was kept, before the file is opened. */
export function restoreLog(file: string): void {
  if (!existsSync(keptName(file))) return;
  renameSync(keptName(file), `${file}-wal`);
  // Two names of one file: renaming one to the other leaves both.
  rmSync(keptName(file), { force: true });
}

function keptName(file: string): string {
  return `${file}-wal.kept`;
}
