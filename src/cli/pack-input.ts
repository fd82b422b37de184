import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { readUnpackedPack } from "../pack/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import { textOption } from "./command.ts";
import type { CommandInput, CommandIo } from "./command.ts";
import { readInputFile } from "./files.ts";

/** Reads a pack that was named on the command line: a file, or the directory of an unpacked one. @throws CLI_FILE_MISSING, PACK_… */
export async function readPackInput(io: CommandIo, path: string): Promise<Uint8Array> {
  const place = resolve(io.cwd, path);
  const isDirectory = await stat(place).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return isDirectory ? readUnpackedPack(place) : readInputFile(io, path);
}

/** How much a pack's own listings must hold. */
export const POLICY_OPTION = {
  flags: "--policy <strict|devok>",
  summary: "devok takes unsigned packs, and listings that a pack doesn't match, as warnings",
  default: "strict",
};

/** Tells whether `--policy devok` was given. @throws CLI_USAGE_INVALID */
export function isDevOk(input: CommandInput): boolean {
  const policy = textOption(input, "policy") ?? "strict";
  if (policy === "strict" || policy === "devok") return policy === "devok";
  throw new GreenticError("CLI_USAGE_INVALID", `Read --policy: expected strict or devok, got ${quote(policy)}`);
}
