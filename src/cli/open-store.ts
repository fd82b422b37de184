import { loadConfig } from "../config/index.ts";
import { createMachineWorld } from "../runner/index.ts";
import { openSqliteStore } from "../session/index.ts";
import type { SessionStore } from "../session/index.ts";
import { textOption } from "./command.ts";
import type { CommandInput, CommandIo } from "./command.ts";

/** Opens the data directory's store while no host runs on it. @throws STORE_UNAVAILABLE while one does */
export function openStore(input: CommandInput, io: CommandIo): Promise<SessionStore> {
  const config = loadConfig({ cwd: io.cwd, environment: io.environment, flags: { data: textOption(input, "data") } });
  return openSqliteStore({ dir: config.dataDir, world: createMachineWorld() });
}

/** The options of commands on the store. */
export const STORE_OPTIONS = [
  { flags: "--data <dir>", summary: "the data directory" },
  { flags: "--json", summary: "print as JSON" },
] as const;
