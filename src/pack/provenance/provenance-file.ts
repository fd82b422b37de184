import { readFile } from "node:fs/promises";
import { GreenticError, quote } from "../../types/index.ts";

/** Where the provenance of a pack file is: beside it, since it is about the whole file. */
export function provenancePathOf(packFile: string): string {
  return `${packFile}.intoto.json`;
}

/** Reads the provenance beside a pack file; an empty list where there is none. @throws PACK_FILE_UNREADABLE */
export async function readProvenanceBeside(packFile: string): Promise<readonly Uint8Array[]> {
  const file = provenancePathOf(packFile);
  try {
    return [await readFile(file)];
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return [];
    throw new GreenticError("PACK_FILE_UNREADABLE", `Read ${quote(file)}: can't be read`, { cause: error });
  }
}
