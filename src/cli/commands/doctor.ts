import { existsSync } from "node:fs";
import { access, constants, mkdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { loadConfig } from "../../config/index.ts";
import type { Bundle, Config } from "../../config/index.ts";
import { openBundle } from "../../deployer/index.ts";
import { GreenticError } from "../../types/index.ts";
import { configBesideBundle, isBundleHere } from "../bundle-settings.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import type { CommandInput, CommandIo } from "../command.ts";
import { checkChannels } from "../setup/check-channels.ts";
import type { Check } from "../setup/check-channels.ts";
import { checkBus, checkStore } from "../setup/check-services.ts";
import { trustOf } from "../trust.ts";

export default defineCommand({
  summary: "Check this machine and this directory",
  arguments: [
    { name: "bundle", summary: "a bundle's directory, its file, or a .gtbundle image (default: here)", optional: true },
  ],
  options: [
    { flags: "--online", summary: "ask the shared store, NATS and each channel's platform whether they are live" },
    { flags: "--config <file>", summary: "another greentic.toml" },
    { flags: "--data <dir>", summary: "the data directory, where secrets are" },
    { flags: "--json", summary: "print as JSON" },
  ],
  examples: ["gtc doctor", "gtc doctor . --online --json"],
  async run(input, io) {
    const checks = await examine(input, io);
    if (hasFlag(input, "json")) printJson(io, checks);
    else for (const { check, ok, detail } of checks) io.stdout.write(`${ok ? "ok  " : "FAIL"}  ${check}: ${detail}\n`);
    return checks.every((check) => check.ok) ? 0 : 1;
  },
});

async function examine(input: CommandInput, io: CommandIo): Promise<readonly Check[]> {
  const failed = (check: string, error: unknown): Check => ({
    check,
    ok: false,
    detail: error instanceof GreenticError ? `${error.code}: ${error.message}` : String(error),
  });
  const attempt = async (check: string, run: () => string | Promise<string>): Promise<Check> => {
    try {
      return { check, ok: true, detail: await run() };
    } catch (error) {
      return failed(check, error);
    }
  };
  const place = resolve(io.cwd, input.args[0] ?? ".");
  const hasBundle = input.args[0] !== undefined || isBundleHere(place);
  const opening = hasBundle ? openBundle(place) : undefined;
  // What it is refused with is told by its own check.
  const bundle = await opening?.catch(() => undefined);
  const config = (): Config => configOf(input, io, bundle);
  const isOnline = hasFlag(input, "online");
  const checks = await Promise.all([
    attempt("Node", () => {
      if (Number(process.versions.node.split(".")[0]) < 26)
        throw new Error(`expected 26 or later, got ${process.versions.node}`);
      return process.versions.node;
    }),
    attempt("asynchronous host calls", () => {
      if (!("Suspending" in (globalThis as unknown as { WebAssembly: object }).WebAssembly))
        throw new Error("this Node has no JSPI");
      return "JSPI is there";
    }),
    attempt("processors", () => String(availableParallelism())),
    attempt("configuration", () => config().file ?? "defaults"),
    attempt("trusted publishers", async () => `${(await trustOf(config())).publishers.length}`),
    attempt("bundle", async () => (await opening)?.file ?? "none here"),
    bundle === undefined
      ? []
      : checkChannels(bundle, { config, io, isOnline }).catch((error: unknown) => [failed("channels", error)]),
    attempt("data directory", async () => {
      const { dataDir } = config();
      await mkdir(dataDir, { recursive: true, mode: 0o700 });
      await access(dataDir, constants.R_OK | constants.W_OK);
      return dataDir;
    }),
    attempt("store", () => checkStore(config(), isOnline)),
    attempt("bus", () => checkBus(config(), isOnline)),
    attempt("page", () => {
      if (!existsSync(fileURLToPath(new URL("../../../web/dist/index.html", import.meta.url))))
        throw new Error("not built: npm run build");
      return "built";
    }),
  ]);
  return checks.flat();
}

function configOf(input: CommandInput, io: CommandIo, bundle: Bundle | undefined): Config {
  return loadConfig({
    cwd: io.cwd,
    environment: io.environment,
    flags: {
      config: textOption(input, "config") ?? (bundle && configBesideBundle(bundle, io)),
      data: textOption(input, "data"),
      ...(bundle && { env: io.environment["GREENTIC_ENV"] ? undefined : bundle.env, tenant: bundle.tenant }),
    },
  });
}
