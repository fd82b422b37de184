import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { GreenticError, Pace, quote, runInTurns } from "../../types/index.ts";
import type { ErrorCode } from "../../types/index.ts";
import { MANIFEST_PATH } from "../digest.ts";
import { entryPathProblem } from "../entry-path.ts";
import { PACK_LIMITS } from "../pack-limits.ts";
import { readSourceFile } from "../source-files.ts";
import { writeZipPaced } from "../zip-write.ts";

/**
 * Reads an unpacked pack, native or public, as the one archive that its files have: what is verified and loaded is then the same
 * in both forms. Links are refused; every file counts, those whose name begins with a dot too.
 * @throws PACK_MANIFEST_MISSING, PACK_FILE_…, PACK_ZIP_NAME_INVALID, PACK_ZIP_TOO_MANY_ENTRIES, PACK_ZIP_TOO_LARGE
 */
export async function readUnpackedPack(root: string): Promise<Uint8Array> {
  const paths = await listFiles(root);
  if (!paths.includes(MANIFEST_PATH))
    throw new GreenticError("PACK_MANIFEST_MISSING", `Read unpacked pack ${quote(root)}: no manifest.cbor`);
  const files: { readonly path: string; readonly bytes: Uint8Array }[] = [];
  let total = 0;
  for (const path of paths) {
    const bytes = await readSourceFile(root, path);
    total += bytes.length;
    if (total > PACK_LIMITS.maxTotalBytes)
      throw refuse("PACK_ZIP_TOO_LARGE", path, `expected at most ${PACK_LIMITS.maxTotalBytes} bytes in all`);
    files.push({ path, bytes });
  }
  return runInTurns(writeZipPaced(files, new Pace()));
}

async function listFiles(root: string): Promise<readonly string[]> {
  const found: string[] = [];
  const pending = [""];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = `${folder}${entry.name}`;
      if (entry.isDirectory()) pending.push(`${path}/`);
      else found.push(checked(path));
      if (found.length + pending.length > PACK_LIMITS.maxEntries)
        throw refuse("PACK_ZIP_TOO_MANY_ENTRIES", path, `expected at most ${PACK_LIMITS.maxEntries} files, got more`);
    }
  }
  return found;
}

/** Names are written as ASCII. */
function checked(path: string): string {
  const problem = entryPathProblem(path, { characters: "any" });
  const state = problem ?? (/^[\x20-\x7e]+$/.test(path) ? undefined : "character outside ASCII");
  if (state !== undefined) throw refuse("PACK_ZIP_NAME_INVALID", path, state);
  return path;
}

function refuse(code: ErrorCode, path: string, state: string): GreenticError {
  return new GreenticError(code, `Read unpacked pack file ${quote(path)}: ${state}`, { details: { path } });
}
