export type { FileLock } from "./file-lock.ts";
export { openFileLock, withFileLock } from "./file-lock.ts";
export type { SharedText, SharedTexts } from "./shared-text.ts";
export { changeText, openFileTexts } from "./shared-text.ts";
export { writeFileAtomic } from "./write-file.ts";
