import { join, resolve } from "node:path";
import { stringify } from "yaml";
import { loadConfig } from "../../config/index.ts";
import type { Bundle, BundleProvider, Config } from "../../config/index.ts";
import { openBundle } from "../../deployer/index.ts";
import { parseHttpRewrites } from "../../http/index.ts";
import { writeFileAtomic } from "../../pack/index.ts";
import { createMachineWorld } from "../../runner/index.ts";
import { didYouMean, GreenticError, quote } from "../../types/index.ts";
import { configBesideBundle } from "../bundle-settings.ts";
import type { CommandSecrets } from "../command-secrets.ts";
import { commandSecrets } from "../command-secrets.ts";
import { defineCommand, hasFlag, listOption, printJson, textOption } from "../command.ts";
import type { CommandInput, CommandIo } from "../command.ts";
import { NO_ANSWERS, readAnswers } from "../setup/answers.ts";
import { exitCodeFor, printReports, summaryOf, writeArchives } from "../setup/print-setup.ts";
import { Interrupted, isTerminal, Prompts } from "../setup/prompts.ts";
import { removeChannel, setUpChannel } from "../setup/setup-channel.ts";
import type { ChannelReport, SetupContext } from "../setup/setup-channel.ts";
import { removeByPack, setUpByPack } from "../setup/setup-pack.ts";

const INTERRUPTED = 130;

export default defineCommand({
  summary: "Set channels up: ask what they need, keep secrets, tell their platforms, verify",
  arguments: [
    { name: "bundle", summary: "a bundle's directory, its file, or a .gtbundle image (default: here)", optional: true },
  ],
  options: [
    { flags: "--answers <file>", summary: "answers by channel, YAML or JSON; what they leave open is asked" },
    { flags: "--non-interactive", summary: "ask nobody" },
    { flags: "--only <channel>", summary: "this channel; may be given many times", repeat: true },
    { flags: "--advanced", summary: "ask for what channels can do without, too" },
    { flags: "--update", summary: "ask again for what is known" },
    { flags: "--repeat", summary: "print what is to be pasted again, and register again" },
    { flags: "--test", summary: "send a signed test event by outbound webhooks" },
    { flags: "--remove", summary: "take back what platforms were told; settings and secrets stay" },
    { flags: "--dry-run", summary: "say what would be done, and do nothing" },
    { flags: "--public-base-url <url>", summary: "where platforms reach this host, https://…" },
    { flags: "--emit-answers <file>", summary: "write the settings as a file of answers, without secrets" },
    { flags: "--config <file>", summary: "another greentic.toml" },
    { flags: "--data <dir>", summary: "the data directory, where secrets are" },
    { flags: "--json", summary: "print the steps as JSON" },
  ],
  examples: [
    "gtc setup .",
    "gtc setup . --answers answers.yaml --non-interactive",
    "gtc setup . --only telegram --dry-run",
  ],
  async run(input, io) {
    const bundle = await openBundle(resolve(io.cwd, input.args[0] ?? "."));
    const providers = chosen(bundle, listOption(input, "only"));
    const isAsking = isTerminal(io) && !hasFlag(input, "nonInteractive") && !hasFlag(input, "remove");
    using prompts = isAsking ? new Prompts(io) : undefined;
    const config = configOf(input, io, bundle);
    await using kept = commandSecrets(config, io.environment);
    const context = contextOf(input, { io, bundle, prompts, config, kept });
    const { reports, isWhole } = await runAll(providers, context, hasFlag(input, "remove"));
    const dir = join(context.config.dataDir, "setup");
    const shown = await writeArchives(reports, { dir, isDryRun: context.isDryRun, cwd: io.cwd });
    const answers = textOption(input, "emitAnswers");
    if (answers !== undefined) await emitAnswers(resolve(io.cwd, answers), reports);
    const code = exitCodeFor(shown);
    if (hasFlag(input, "json"))
      printJson(io, {
        ok: code === 0 && isWhole,
        channels: shown.map((report) => ({ ...report, settings: undefined })),
      });
    else printReports(shown, io);
    io.stderr.write(`${isWhole ? "" : "interrupted; "}${summaryOf(shown)}\n`);
    return isWhole ? code : INTERRUPTED;
  },
});

/** The channels that are meant. @throws CLI_USAGE_INVALID */
function chosen(bundle: Bundle, only: readonly string[]): readonly BundleProvider[] {
  const names = bundle.providers.map(({ name }) => name);
  for (const name of only)
    if (!names.includes(name))
      throw new GreenticError(
        "CLI_USAGE_INVALID",
        `Read --only: the bundle has no channel ${quote(name)}, it has ${names.join(", ")}${didYouMean(name, names)}`,
      );
  return bundle.providers.filter(({ name }) => only.length === 0 || only.includes(name));
}

interface Opened {
  readonly io: CommandIo;
  readonly bundle: Bundle;
  readonly prompts: Prompts | undefined;
  readonly config: Config;
  readonly kept: CommandSecrets;
}

function configOf(input: CommandInput, io: CommandIo, bundle: Bundle): Config {
  const baseUrl = textOption(input, "publicBaseUrl");
  if (baseUrl !== undefined && URL.parse(baseUrl)?.protocol !== "https:")
    throw new GreenticError(
      "CLI_USAGE_INVALID",
      `Read --public-base-url: expected an https URL, got ${quote(baseUrl)}`,
    );
  return loadConfig({
    cwd: io.cwd,
    environment: io.environment,
    flags: {
      config: textOption(input, "config") ?? configBesideBundle(bundle, io),
      data: textOption(input, "data"),
      env: io.environment["GREENTIC_ENV"] ? undefined : bundle.env,
      tenant: bundle.tenant,
      publicBaseUrl: baseUrl,
    },
  });
}

function contextOf(input: CommandInput, { io, bundle, prompts, config, kept }: Opened): SetupContext {
  const file = textOption(input, "answers");
  return {
    bundle,
    config,
    secrets: kept.secrets,
    writer: kept.writer,
    audit: kept.audit,
    cwd: io.cwd,
    environment: io.environment,
    world: createMachineWorld(),
    http: {
      privateAddresses: config.network.privateAddresses,
      rewrites: parseHttpRewrites(config.network.rewrite ?? "", config.env),
      signal: io.signal,
    },
    answers:
      file === undefined
        ? NO_ANSWERS
        : readAnswers(file, { cwd: io.cwd, environment: io.environment, providers: bundle.providers }),
    prompts,
    isAdvanced: hasFlag(input, "advanced"),
    isUpdate: hasFlag(input, "update"),
    isDryRun: hasFlag(input, "dryRun"),
    isTest: hasFlag(input, "test"),
    isRepeated: hasFlag(input, "repeat"),
  };
}

/** One channel after the other. Where a person leaves, what was done before is told. */
async function runAll(
  providers: readonly BundleProvider[],
  context: SetupContext,
  isRemoval: boolean,
): Promise<{ readonly reports: readonly ChannelReport[]; readonly isWhole: boolean }> {
  const reports: ChannelReport[] = [];
  for (const provider of providers) {
    try {
      const isPack = provider.prefers === "pack";
      const run = isRemoval ? (isPack ? removeByPack : removeChannel) : isPack ? setUpByPack : setUpChannel;
      reports.push(await run(provider, context));
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      return { reports, isWhole: false };
    }
  }
  return { reports, isWhole: true };
}

async function emitAnswers(file: string, reports: readonly ChannelReport[]): Promise<void> {
  const answers = Object.fromEntries(reports.map(({ channel, settings }) => [channel, settings]));
  const text = file.endsWith(".json") ? `${JSON.stringify(answers, null, 2)}\n` : stringify(answers, { lineWidth: 0 });
  await writeFileAtomic(file, Buffer.from(text));
}
