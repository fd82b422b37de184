import { GreenticError } from "../types/index.ts";

// What a full or read-only disk says.
const READ_ONLY = new Set(["ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM"]);

/** Throws what the file system said as the error of the store; other errors as they are. @throws STORE_READ_ONLY, STORE_UNAVAILABLE */
export function fileFailure(error: unknown): never {
  const code = codeOf(error);
  if (error instanceof GreenticError || code === undefined) throw error;
  const store = READ_ONLY.has(code) ? "STORE_READ_ONLY" : "STORE_UNAVAILABLE";
  throw new GreenticError(store, `Keep file: the disk answered ${code}`, { cause: error });
}

/** Whether the file system says that there is nothing of that name. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === "ENOENT";
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
