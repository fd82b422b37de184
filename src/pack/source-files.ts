import { constants } from "node:fs";
import { lstat, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { GreenticError, quote } from "../types/index.ts";
import type { ErrorCode } from "../types/index.ts";
import { comparePaths, entryPathProblem } from "./entry-path.ts";
import { PACK_LIMITS } from "./pack-limits.ts";

/** Folders that never belong to a pack, wherever they are in its source. */
const EXCLUDED_FOLDERS: ReadonlySet<string> = new Set(["node_modules"]);

/**
 * Lists the files under a path of the source, as entry paths in bytewise order; the path may be one file. Names that begin with
 * a dot and node_modules are left out, links are errors: a pack holds what its author sees.
 * @throws PACK_FILE_MISSING, PACK_FILE_IRREGULAR, PACK_SOURCE_INVALID for a name that the format excludes
 */
export async function listSourceFiles(root: string, path: string): Promise<readonly string[]> {
  const entry = path.replace(/\/$/, "");
  const found = await lstat(join(root, entry)).catch((error: unknown) => {
    throw refuse("PACK_FILE_MISSING", entry, { state: "not there", cause: error });
  });
  if (found.isFile()) return [checkedPath(entry)];
  if (!found.isDirectory())
    throw refuse("PACK_FILE_IRREGULAR", entry, { state: "neither a regular file nor a folder" });
  const names = await readdir(join(root, entry));
  const kept = names.filter((name) => !name.startsWith(".") && !EXCLUDED_FOLDERS.has(name));
  const lists = await Promise.all(kept.map((name) => listSourceFiles(root, `${entry}/${name}`)));
  return lists.flat().toSorted(comparePaths);
}

/** Tells whether a folder of the source is there. */
export async function hasFolder(root: string, name: string): Promise<boolean> {
  return lstat(join(root, name)).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Reads one file of the source without following a link. @throws PACK_FILE_MISSING, PACK_FILE_IRREGULAR, PACK_FILE_TOO_LARGE */
export async function readSourceFile(root: string, path: string): Promise<Uint8Array> {
  const file = await open(join(root, path), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)).catch(
    (error: unknown) => {
      const isLink = error instanceof Error && "code" in error && error.code === "ELOOP";
      throw refuse(isLink ? "PACK_FILE_IRREGULAR" : "PACK_FILE_MISSING", path, {
        state: isLink ? "a symbolic link" : "can't be read",
        cause: error,
      });
    },
  );
  try {
    const { size } = await file.stat().then((found) => {
      if (!found.isFile()) throw refuse("PACK_FILE_IRREGULAR", path, { state: "not a regular file" });
      return found;
    });
    if (size > PACK_LIMITS.maxEntryBytes)
      throw refuse("PACK_FILE_TOO_LARGE", path, {
        state: `expected at most ${PACK_LIMITS.maxEntryBytes} bytes, got ${size}`,
      });
    return await file.readFile();
  } finally {
    await file.close();
  }
}

function checkedPath(path: string): string {
  const problem = entryPathProblem(path);
  if (problem !== undefined) throw refuse("PACK_SOURCE_INVALID", path, { state: problem });
  return path;
}

function refuse(
  code: ErrorCode,
  path: string,
  { state, cause }: { readonly state: string; readonly cause?: unknown },
): GreenticError {
  return new GreenticError(code, `Read pack source file ${quote(path)}: ${state}`, { details: { path }, cause });
}
