import { loadConfig } from "../config/index.ts";
import { createMachineWorld } from "../runner/index.ts";
import type { SessionStore } from "../session/index.ts";
import { textOption } from "./command.ts";
import type { CommandInput, CommandIo } from "./command.ts";
import { openConfiguredStore } from "./services.ts";

/**
 * Opens the configured store: a shared one beside the hosts that run on it, the data directory's own while none does.
 * @throws STORE_UNAVAILABLE while a host has it to itself, or where it can't be reached
 */
export function openStore(input: CommandInput, io: CommandIo): Promise<SessionStore> {
  const config = loadConfig({
    cwd: io.cwd,
    environment: io.environment,
    flags: { data: textOption(input, "data"), config: textOption(input, "config") },
  });
  return openConfiguredStore(config, {
    world: createMachineWorld(),
    onDamage: ({ code, message }) => void io.stderr.write(`${code}: ${message}\n`),
  });
}

/** The options of commands on the store. */
export const STORE_OPTIONS = [
  { flags: "--data <dir>", summary: "the data directory" },
  { flags: "--config <file>", summary: "another greentic.toml" },
  { flags: "--json", summary: "print as JSON" },
] as const;
