import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { readBundle } from "../../config/index.ts";
import type { Bundle } from "../../config/index.ts";
import type { PackApp } from "../../runner/index.ts";
import type { Config } from "../../config/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import { defineCommand, hasFlag, textOption } from "../command.ts";
import type { CommandIo } from "../command.ts";
import type { DevPack } from "../dev/dev-pack.ts";
import { findDevPacks, isIgnoredName } from "../dev/dev-pack.ts";
import { TreeWatcher } from "../dev/watch-tree.ts";
import type { Host } from "../host.ts";
import { reportError } from "../report-error.ts";
import { SERVE_OPTIONS, serveHost, serveSettings } from "../serve-host.ts";

const QUIET_MS = 60;
const POLL_MS = 2_000;

export default defineCommand({
  summary: "Build, run and reload the packs of a directory",
  arguments: [
    { name: "dir", summary: "directory with pack.toml, or with folders that have one (default: here)", optional: true },
  ],
  options: [...SERVE_OPTIONS, { flags: "--no-open", summary: "don't open the page in a browser" }],
  examples: ["gtc dev", "gtc dev examples/weather-demo --port 9000"],
  async run(input, io) {
    const directory = resolve(io.cwd, input.args[0] ?? ".");
    const packs = await findDevPacks(directory);
    const bundle = bundleOf(directory);
    const { config } = serveSettings(
      { bundle, configFile: configBeside(directory, textOption(input, "config"), io) },
      input,
      io,
    );
    if (config.env !== "test" && !config.env.startsWith("dev"))
      throw new GreenticError(
        "CLI_ENV_REFUSED",
        `Develop in env ${quote(config.env)}: packs that nobody signed run in dev and test only`,
      );
    const session = new DevSession({ packs, bundle, config, io });
    await using resources = new AsyncDisposableStack();
    return await serveHost({ config, bundle: bundle && session.withoutDevApps(bundle) }, io, {
      prepare: async (host) => {
        for (const pack of packs) await session.load(host, pack);
        resources.use(
          await TreeWatcher.open(directory, {
            isIgnored: isIgnoredName,
            quietMs: QUIET_MS,
            pollMs: POLL_MS,
            onChange: (paths) => session.reload(host, paths),
          }),
        );
      },
      ready: (url) => {
        if (hasFlag(input, "open") && "isTTY" in io.stderr && io.stderr.isTTY === true) openPage(url);
      },
    });
  },
});

interface DevParts {
  readonly packs: readonly DevPack[];
  readonly bundle: Bundle | undefined;
  readonly config: Config;
  readonly io: CommandIo;
}

/** The packs of a directory while they are worked on. */
class DevSession {
  readonly #parts: DevParts;

  constructor(parts: DevParts) {
    this.#parts = parts;
  }

  /** The bundle without the apps that are built here: their packs come from their sources. */
  withoutDevApps(bundle: Bundle): Bundle {
    return { ...bundle, apps: bundle.apps.filter((app) => !this.#parts.packs.some((pack) => isAppOf(app, pack))) };
  }

  /** Builds a pack and puts it in the place of the one that runs; where that fails, the old one goes on. Tells which it was. */
  async load(host: Host, pack: DevPack): Promise<boolean> {
    const { config, io } = this.#parts;
    try {
      const built = await pack.build({ cacheDirectory: join(config.dataDir, "built") });
      const apps = this.#appsOf(pack).map((app): PackApp => ({ ...app, pack: built }));
      for (const app of apps) await host.runtime.loadPack(app);
      return true;
    } catch (error) {
      reportError(pack.located(error), io);
      return false;
    }
  }

  async reload(host: Host, paths: readonly string[]): Promise<void> {
    const { packs, bundle, io } = this.#parts;
    for (const pack of packs) {
      const own = paths.filter((path) => pack.owns(path) && path !== bundle?.file);
      if (own.length === 0) continue;
      const startedMs = performance.now();
      pack.markChanged(own);
      const isLoaded = await this.load(host, pack);
      const ms = Math.round(performance.now() - startedMs);
      const [first = "", ...others] = own.map((path) => relative(pack.directory, path));
      const what = others.length === 0 ? first : `${first} and ${others.length} more`;
      io.stderr.write(
        isLoaded ? `reloaded ${pack.name} in ${ms} ms (${what})\n` : `kept ${pack.name} as it was (${what})\n`,
      );
    }
    const settings = paths.find((path) => path === bundle?.file || path.endsWith("/greentic.toml"));
    if (settings !== undefined) io.stderr.write(`${relative(io.cwd, settings)} counts after a restart\n`);
  }

  /** Where a pack runs: as the bundle says, else for the configured tenant. */
  #appsOf(pack: DevPack): readonly Omit<PackApp, "pack">[] {
    const { bundle, config } = this.#parts;
    const named = (bundle?.apps ?? []).filter((app) => isAppOf(app, pack));
    if (named.length === 0) return [{ scope: { env: config.env, tenant: config.tenant } }];
    return named.map(({ tenant, team, defaultFlow }) => ({
      scope: { env: config.env, tenant, ...(team && { team }) },
      ...(defaultFlow && { defaultFlow }),
    }));
  }
}

/** Tells whether an app of the bundle is a pack that is built here: by its name, or since its file is what the folder builds. */
function isAppOf(app: Bundle["apps"][number], pack: DevPack): boolean {
  return app.name === pack.name || dirname(app.pack) === join(pack.directory, "dist");
}

function bundleOf(directory: string): Bundle | undefined {
  return existsSync(join(directory, "greentic.demo.yaml")) ? readBundle(directory) : undefined;
}

/** The configuration beside the packs counts where this directory has none. */
function configBeside(directory: string, named: string | undefined, io: CommandIo): string | undefined {
  const beside = join(directory, "greentic.toml");
  return named ?? (!existsSync(join(io.cwd, "greentic.toml")) && existsSync(beside) ? beside : undefined);
}

/** Opens a page in the person's browser, where the system has a way. */
function openPage(url: string): void {
  const [program = "", ...args] =
    process.platform === "darwin"
      ? ["open", url]
      : process.platform === "win32"
        ? ["cmd", "/c", "start", "", url]
        : ["xdg-open", url];
  // Who has no browser reads the address.
  spawn(program, args, { stdio: "ignore", detached: true })
    .on("error", () => undefined)
    .unref();
}
