import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Bundle } from "../config/index.ts";
import { openBundle } from "../deployer/index.ts";
import type { CommandInput, CommandIo } from "./command.ts";
import { textOption } from "./command.ts";

/** The bundle that a command's first argument names, else the one here; and the greentic.toml that counts with it. */
export interface BundleSettings {
  readonly bundle: Bundle | undefined;
  /** Reads the bundle again, as it is then. */
  readonly reopenBundle?: () => Promise<Bundle>;
  /** Undefined where the usual one counts. */
  readonly configFile: string | undefined;
}

const BUNDLE_FILES = ["greentic.demo.yaml", "greentic.operator.yaml", "bundle.yaml"];

/** Finds a command's bundle. The configuration beside the bundle counts where this directory has none. */
export async function bundleSettings(input: CommandInput, io: CommandIo): Promise<BundleSettings> {
  const named = input.args[0];
  const place = resolve(io.cwd, named ?? ".");
  const hasBundle = named !== undefined || isBundleHere(place);
  const bundle = hasBundle ? await openBundle(place) : undefined;
  const configFile = textOption(input, "config") ?? (bundle && configBesideBundle(bundle, io));
  return { bundle, configFile, ...(hasBundle && { reopenBundle: () => openBundle(place) }) };
}

/** Tells whether a directory is a bundle's. */
export function isBundleHere(dir: string): boolean {
  return BUNDLE_FILES.some((file) => existsSync(join(dir, file)));
}

/** Finds the greentic.toml beside a bundle, where this directory has none. What stands in an image isn't the operator's word. */
export function configBesideBundle({ files, file }: Bundle, io: CommandIo): string | undefined {
  const beside = join(dirname(files.isImage ? files.place : file), "greentic.toml");
  return !existsSync(join(io.cwd, "greentic.toml")) && existsSync(beside) ? beside : undefined;
}

/** A bundle for work that has no time for channels that fetch: their packs and settings count, their polls don't. */
export function withoutPolling(bundle: Bundle): Bundle {
  return { ...bundle, providers: bundle.providers.filter((provider) => provider.type === "webchat") };
}
