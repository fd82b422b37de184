export type { FileLock } from "./file-lock.ts";
export { openFileLock, withFileLock } from "./file-lock.ts";
export { writeFileAtomic } from "./write-file.ts";
