import { loadConfig } from "../config/index.ts";
import type { Config } from "../config/index.ts";
import { openBundle } from "../deployer/index.ts";
import { createMachineWorld } from "../runner/index.ts";
import { isOfEnv } from "../session/index.ts";
import type { SessionStore } from "../session/index.ts";
import { parseSessionKey } from "../types/index.ts";
import type { EnvId } from "../types/index.ts";
import { isBundleHere } from "./bundle-settings.ts";
import { textOption } from "./command.ts";
import type { CommandInput, CommandIo } from "./command.ts";
import { openConfiguredStore } from "./services.ts";

/** Loads the configuration of a command on one record of the store, whose name says whose it is. */
export function storeConfig(input: CommandInput, io: CommandIo, env?: string): Config {
  const flags = { data: textOption(input, "data"), config: textOption(input, "config"), env };
  return loadConfig({ cwd: io.cwd, environment: io.environment, flags });
}

/**
 * Loads the configuration of a command on an env's records: `--env` says which env, else what says it to a host that is started here,
 * its bundle included.
 */
export async function envConfig(input: CommandInput, io: CommandIo): Promise<Config> {
  const asked = textOption(input, "env");
  const isSaid = asked !== undefined || Boolean(io.environment["GREENTIC_ENV"]) || !isBundleHere(io.cwd);
  return storeConfig(input, io, isSaid ? asked : (await openBundle(io.cwd)).env);
}

/**
 * Opens the configured store: a shared one beside the hosts that run on it, the data directory's own while none does.
 * @throws STORE_UNAVAILABLE while a host has it to itself, or where it can't be reached
 */
export function openStore(config: Config, io: CommandIo): Promise<SessionStore> {
  return openConfiguredStore(config, {
    world: createMachineWorld(),
    onDamage: ({ code, message }) => void io.stderr.write(`${code}: ${message}\n`),
  });
}

/** Says where else to look where nothing was found: an env that somebody forgot looks like an empty store. */
export async function tellOtherEnv(store: SessionStore, env: EnvId, { stderr }: CommandIo): Promise<void> {
  const [other] = await store.list({ limit: 1 });
  if (other === undefined || isOfEnv(env, other)) return;
  stderr.write(`nothing of env ${env}; the store has others, such as --env ${parseSessionKey(other.key).env}\n`);
}

/** The option of commands on an env's records. */
export const ENV_OPTION = {
  flags: "--env <env>",
  summary: "whose records (default: as for a host that is started here)",
} as const;

/** The options of commands on the store. */
export const STORE_OPTIONS = [
  { flags: "--data <dir>", summary: "the data directory" },
  { flags: "--config <file>", summary: "another greentic.toml" },
  { flags: "--json", summary: "print as JSON" },
] as const;
