import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Bundle } from "../config/index.ts";
import { readBundle } from "../config/index.ts";
import type { CommandInput, CommandIo } from "./command.ts";
import { textOption } from "./command.ts";

/** The bundle that a command's first argument names, else the one here; and the greentic.toml that counts with it. */
export interface BundleSettings {
  readonly bundle: Bundle | undefined;
  /** Undefined where the usual one counts. */
  readonly configFile: string | undefined;
}

/** Finds a command's bundle. The configuration beside the bundle counts where this directory has none. */
export function bundleSettings(input: CommandInput, io: CommandIo): BundleSettings {
  const named = input.args[0];
  const place = resolve(io.cwd, named ?? ".");
  const hasBundle = named !== undefined || existsSync(join(place, "greentic.demo.yaml"));
  const bundle = hasBundle ? readBundle(place) : undefined;
  const beside = bundle && join(dirname(bundle.file), "greentic.toml");
  const configFile =
    textOption(input, "config") ??
    (!existsSync(join(io.cwd, "greentic.toml")) && beside !== undefined && existsSync(beside) ? beside : undefined);
  return { bundle, configFile };
}

/** A bundle for work that has no time for channels that fetch: their packs and settings count, their polls don't. */
export function withoutPolling(bundle: Bundle): Bundle {
  return { ...bundle, providers: bundle.providers.filter((provider) => provider.type === "webchat") };
}
