import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { GreenticError, quote } from "../types/index.ts";
import type { CommandIo } from "./command.ts";

/** Reads a file that was named on the command line. @throws CLI_FILE_MISSING */
export async function readInputFile(io: CommandIo, path: string): Promise<Uint8Array> {
  try {
    return await readFile(resolve(io.cwd, path));
  } catch (error) {
    throw new GreenticError("CLI_FILE_MISSING", `Read ${quote(path)}: no such file, or not readable`, { cause: error });
  }
}
