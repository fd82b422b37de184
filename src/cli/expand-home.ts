import { join } from "node:path";
import type { CommandIo } from "./command.ts";

/** Expands a leading `~/`, which shells leave alone inside quotes and after `=`. */
export function expandHome(io: CommandIo, path: string): string {
  const home = io.environment["HOME"] ?? io.environment["USERPROFILE"];
  return path.startsWith("~/") && home !== undefined ? join(home, path.slice(2)) : path;
}
