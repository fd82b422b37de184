import { readFile } from "node:fs/promises";
import { relative } from "node:path";
import type { Bundle, BundleProvider, Config, Environment } from "../../config/index.ts";
import type { HttpOptions } from "../../http/index.ts";
import { hostAddresses, sendHttp } from "../../http/index.ts";
import { checkSettings, providerOf } from "../../messaging/index.ts";
import type { ProviderEntry, SetupParts, SetupStep } from "../../messaging/index.ts";
import { writeFileAtomic } from "../../pack/index.ts";
import type { SecretReader, SecretWriter } from "../../secrets/index.ts";
import { writeAs } from "../../secrets/index.ts";
import type { AuditLog } from "../../telemetry/index.ts";
import { channelId, isGreenticError } from "../../types/index.ts";
import type { JsonObject, World } from "../../types/index.ts";
import { channelSecret, ctxOf } from "../channels.ts";
import type { SetupAnswers } from "./answers.ts";
import { callbackUrlOf, publicBaseUrl } from "./callback-url.ts";
import { collectSecrets, collectSettings, lacksSecret } from "./collect.ts";
import type { CollectedSecrets, CollectedSettings, CollectOptions } from "./collect.ts";
import { linesFor, setInBundle } from "./edit-bundle.ts";
import type { Prompts } from "./prompts.ts";
import { noteRegistration, readRegistrations, registrationKey, registrationOf } from "./registrations.ts";

/** What setting channels up works with. */
export interface SetupContext {
  readonly bundle: Bundle;
  readonly config: Config;
  readonly cwd: string;
  readonly environment: Environment;
  readonly world: World;
  readonly http: HttpOptions;
  readonly secrets: SecretReader;
  readonly writer: SecretWriter;
  /** Where it is kept who read and wrote them. */
  readonly audit: AuditLog;
  readonly answers: SetupAnswers;
  readonly prompts: Prompts | undefined;
  readonly isAdvanced: boolean;
  readonly isUpdate: boolean;
  readonly isDryRun: boolean;
  readonly isTest: boolean;
  /** Whether what was printed to be pasted is printed again. */
  readonly isRepeated: boolean;
}

type Secrets = CollectedSecrets["secrets"];

/** How one channel's set-up went. */
export interface ChannelReport {
  readonly channel: string;
  readonly type: string;
  readonly tenant: string;
  readonly callbackUrl?: string;
  readonly steps: readonly SetupStep[];
  /** Its settings, for a file of answers. */
  readonly settings: JsonObject;
}

/** Sets one channel up: gathers, keeps, registers, verifies. Running it again says what is as it should be. @throws CLI_ANSWERS_INVALID, Interrupted */
export async function setUpChannel(provider: BundleProvider, context: SetupContext): Promise<ChannelReport> {
  const head = { channel: provider.name, type: provider.type ?? provider.reference ?? "", tenant: provider.tenant };
  const answers = context.answers.of(provider);
  if (answers?.isEnabled === false)
    return { ...head, settings: {}, steps: [{ state: "ok", what: "left out: its answers say enabled: false" }] };
  const entry = provider.type === undefined ? undefined : providerOf(provider.type);
  if (entry === undefined) return { ...head, settings: {}, steps: [unserved()] };
  context.prompts?.say(`${provider.name} (${entry.title})`);
  const options: CollectOptions = {
    entry,
    provider,
    answers,
    prompts: context.prompts,
    isAdvanced: context.isAdvanced,
    isUpdate: context.isUpdate,
    hasAddress: publicBaseUrl(provider.config, context.config) !== undefined,
    secret: channelSecret(provider, context),
    random: (size) => context.world.randomBytes(size),
  };
  const given = await collectSettings(options);
  const channel = given.config;
  const prepared = (await lacksSecret(channel, options)) ? prepare(provider, { ...context, channel }) : [];
  const { secrets, steps: waits } = await collectSecrets(channel, options);
  const steps = [
    ...(await keepSettings(provider, given.settings, context)),
    ...(await keepSecrets(provider, secrets, context)),
    ...given.steps,
    // What a person was shown while they were asked isn't said again.
    ...(context.prompts === undefined ? prepared : []),
    ...waits,
    ...settingProblems(entry, channel),
  ];
  const callbackUrl =
    entry.setup?.isReached(channel) === true ? callbackUrlOf(provider, { ...context, channel }) : undefined;
  const report = { ...head, settings: channel, ...(callbackUrl !== undefined && { callbackUrl }) };
  if (steps.some(({ state }) => state === "failed")) return { ...report, steps };
  const shown = new Set(prepared.map(({ paste }) => paste));
  const told = await register(provider, { ...context, channel, collected: secrets, callbackUrl });
  return { ...report, steps: [...steps, ...told.filter(({ paste }) => paste === undefined || !shown.has(paste))] };
}

/** What a person does at the platform before they can answer: shown now where somebody is asked. */
function prepare(
  provider: BundleProvider,
  context: SetupContext & { readonly channel: JsonObject },
): readonly SetupStep[] {
  const setup = provider.type === undefined ? undefined : providerOf(provider.type).setup;
  const steps = setup?.prepare?.(setupParts(provider, context)) ?? [];
  for (const { what, how, paste } of steps) {
    context.prompts?.say(`  ${what}${how === undefined ? "" : `; ${how}`}`);
    if (paste !== undefined) context.prompts?.say(`\n${paste}\n`);
  }
  return steps;
}

/** Takes back what a platform was told of a channel. Settings and secrets stay. */
export async function removeChannel(provider: BundleProvider, context: SetupContext): Promise<ChannelReport> {
  const head = { channel: provider.name, type: provider.type ?? provider.reference ?? "", tenant: provider.tenant };
  const setup = provider.type === undefined ? undefined : providerOf(provider.type).setup;
  if (setup === undefined) return { ...head, settings: {}, steps: [unserved()] };
  const steps = await guarded(() => setup.remove(setupParts(provider, context)), "Take it back");
  if (!context.isDryRun && !steps.some(({ state }) => state === "failed"))
    await noteRegistration(context.config, registrationKey(context.config, provider), undefined);
  return { ...head, settings: provider.config, steps };
}

/** Asks a platform whether a channel is live; changes nothing. */
export async function verifyChannel(provider: BundleProvider, context: VerifyContext): Promise<readonly SetupStep[]> {
  const setup = provider.type === undefined ? undefined : providerOf(provider.type).setup;
  if (setup === undefined) return [];
  return guarded(() => setup.verify(setupParts(provider, { ...context, isDryRun: true, isTest: false })), "Verify");
}

interface VerifyContext extends Pick<SetupContext, "bundle" | "config" | "world" | "http" | "secrets"> {
  /** Reads the channel's secrets. Default those kept under its own name. */
  readonly secret?: (of: string) => Promise<string>;
  /** The channel's settings. Default those in the bundle. */
  readonly channel?: JsonObject;
}

function unserved(): SetupStep {
  return {
    state: "todo",
    what: "no built-in channel serves it, and its pack has no set-up that runs here",
    how: 'name its "type" where one fits',
  };
}

function settingProblems(entry: ProviderEntry, config: JsonObject): readonly SetupStep[] {
  // What is missing was told with its question.
  return checkSettings(entry, config)
    .filter((problem) => !problem.endsWith("got nothing"))
    .map((what) => ({ state: "failed", what, code: "CONFIG_VALUE_INVALID" }));
}

interface PartsContext extends VerifyContext {
  readonly isDryRun: boolean;
  readonly isTest: boolean;
  readonly isKnown?: boolean;
  /** Secrets that a dry run doesn't keep, and would. */
  readonly unkept?: Secrets;
}

function setupParts(provider: BundleProvider, context: PartsContext): SetupParts {
  const { config, http, channel = provider.config, world } = context;
  const kept = context.secret ?? channelSecret(provider, context);
  const secret = async (name: string): Promise<string> => context.unkept?.get(name)?.value ?? (await kept(name));
  const callbackUrl = callbackUrlOf(provider, { ...context, channel });
  const { name, type, tenant, team } = provider;
  const own = (type === undefined ? undefined : providerOf(type).channel) ?? name;
  const teamOption = team === context.bundle.team ? "" : ` --team ${team}`;
  return {
    world,
    http: (request, { signal } = {}) => sendHttp(request, { ...http, ...(signal && { signal }) }),
    findAddresses: (host) => hostAddresses(host, http),
    config: channel,
    secret,
    secrets: async (of) => (await Promise.all([secret(of), kept(`${of}_previous`)])).filter((value) => value !== ""),
    address: { env: config.env, tenant, team, channel: channelId(own) },
    isDryRun: context.isDryRun,
    isKnown: context.isKnown === true,
    isTest: context.isTest,
    showSecret: (of) => `gtc secrets get ${of} --category ${name} --tenant ${tenant}${teamOption}`,
    ...(callbackUrl !== undefined && { callbackUrl }),
  };
}

/** Writes settings into the bundle's file, or prints them where that can't be. */
export async function keepSettings(
  provider: BundleProvider,
  settings: CollectedSettings["settings"],
  context: SetupContext,
): Promise<SetupStep[]> {
  const names = Object.keys(settings);
  if (names.length === 0) return [];
  const { bundle, isDryRun, cwd } = context;
  const file = relative(cwd, bundle.file);
  const source = bundle.files.isImage ? undefined : await readFile(bundle.file, "utf8");
  const edited = source === undefined ? undefined : setInBundle(source, provider.name, settings);
  if (edited === undefined)
    return [
      {
        state: "todo",
        what: `write into ${bundle.files.isImage ? "the bundle's source" : file}`,
        paste: linesFor(provider.name, settings),
      },
    ];
  const what = `config.${names.join(", config.")} in ${file}`;
  if (isDryRun) return [{ state: "planned", what: `would set ${what}` }];
  await writeFileAtomic(bundle.file, Buffer.from(edited));
  return [{ state: "changed", what: `set ${what}` }];
}

/** Keeps secrets under the channel. */
export async function keepSecrets(
  provider: BundleProvider,
  secrets: Secrets,
  context: SetupContext,
): Promise<SetupStep[]> {
  const steps: SetupStep[] = [];
  for (const [name, { value, isMade }] of secrets) {
    const verb = isMade ? ["make", "made"] : ["keep", "kept"];
    if (context.isDryRun) steps.push({ state: "planned", what: `would ${verb[0]} ${name}` });
    else {
      const writer = writeAs(context.writer, `channel:${provider.name}`);
      await writer.put(ctxOf(provider, context.config), provider.name, name, value);
      steps.push({ state: "changed", what: `${verb[1]} ${name}` });
    }
  }
  return steps;
}

interface Registering extends SetupContext {
  readonly channel: JsonObject;
  readonly collected: Secrets;
  readonly callbackUrl: string | undefined;
}
async function register(provider: BundleProvider, context: Registering): Promise<readonly SetupStep[]> {
  const { channel, collected, callbackUrl } = context;
  const entry = provider.type === undefined ? undefined : providerOf(provider.type);
  if (entry?.setup === undefined) return [{ state: "ok", what: "its platform needs to be told nothing" }];
  const { setup } = entry;
  const parts = setupParts(provider, { ...context, ...(context.isDryRun && { unkept: collected }) });
  const values = await Promise.all(entry.secrets.map(({ name }) => parts.secret(name)));
  const registration = registrationOf(callbackUrl, { config: channel, secrets: values });
  const key = registrationKey(context.config, provider);
  const isKnown = !context.isRepeated && readRegistrations(context.config).get(key)?.digest === registration.digest;
  const steps = await guarded(() => setup.register({ ...parts, isKnown }), "Register");
  const isDone = !steps.some(({ state }) => state === "failed");
  if (isDone && !isKnown && !context.isDryRun) await noteRegistration(context.config, key, registration);
  return steps;
}

/** A secret without its platform's form, or one that can't be read, is told like everything else. */
export async function guarded(run: () => Promise<readonly SetupStep[]>, doing: string): Promise<readonly SetupStep[]> {
  try {
    return await run();
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    return [{ state: "failed", what: `${doing}: ${error.message}`, code: error.code, how: error.help }];
  }
}
