import { resolve } from "node:path";
import { loadConfig } from "../../config/index.ts";
import type { Bundle, Config } from "../../config/index.ts";
import { openBundle } from "../../deployer/index.ts";
import type { CommandInput, CommandIo } from "../command.ts";
import { textOption } from "../command.ts";
import { configBesideBundle } from "../bundle-settings.ts";
import { isDevOk } from "../pack-input.ts";
import type { BundlePack } from "./bundle-packs.ts";
import { readBundlePacks } from "./bundle-packs.ts";

/** A bundle that was named on the command line, and its packs. */
export interface NamedBundle {
  readonly bundle: Bundle;
  readonly packs: readonly BundlePack[];
  readonly config: Config;
}

/** Opens the bundle of a command's first argument, the one here without, and reads its packs. @throws CONFIG_…, PACK_SQUASHFS_… */
export async function readNamedBundle(input: CommandInput, io: CommandIo): Promise<NamedBundle> {
  const bundle = await openBundle(resolve(io.cwd, input.args[0] ?? "."));
  const config = loadConfig({
    cwd: io.cwd,
    environment: io.environment,
    flags: {
      config: textOption(input, "config") ?? configBesideBundle(bundle, io),
      data: textOption(input, "data"),
      env: io.environment["GREENTIC_ENV"] ? undefined : bundle.env,
      tenant: bundle.tenant,
    },
  });
  const options = { config, environment: io.environment, nowMs: io.nowMs(), isDevOk: isDevOk(input) };
  return { bundle, config, packs: await readBundlePacks(bundle, options) };
}
