import type { BundleProvider } from "../../config/index.ts";
import { isAnswer, isNeeded, PUBLIC_BASE_URL } from "../../messaging/index.ts";
import type { ChannelQuestion, ChannelSecret, ProviderEntry, SetupStep } from "../../messaging/index.ts";
import { didYouMean, GreenticError, quote } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import type { Answer, ChannelAnswers } from "./answers.ts";
import { placeOf } from "./answers.ts";
import type { Prompts } from "./prompts.ts";

/** What a channel's set-up is given to go by. */
export interface CollectOptions {
  readonly entry: Pick<ProviderEntry, "title" | "secrets" | "settings" | "setup"> & { readonly type: string };
  readonly provider: BundleProvider;
  readonly answers: ChannelAnswers | undefined;
  /** Absent where nobody can be asked. */
  readonly prompts: Prompts | undefined;
  /** Whether what the channel can do without is asked too. */
  readonly isAdvanced: boolean;
  /** Whether what is known is asked again. */
  readonly isUpdate: boolean;
  /** Whether the host's public address is known anyway. */
  readonly hasAddress: boolean;
  readonly secret: (name: string) => Promise<string>;
  readonly random: (size: number) => Uint8Array;
}

/** Settings of a channel. */
export interface CollectedSettings {
  /** Those that differ from the bundle's. */
  readonly settings: Readonly<Record<string, string>>;
  /** All of them then. */
  readonly config: JsonObject;
  /** What it still waits for, and answers that nobody asked for. */
  readonly steps: readonly SetupStep[];
}

/** Secrets of a channel. */
export interface CollectedSecrets {
  /** To be kept, by name. */
  readonly secrets: ReadonlyMap<string, { readonly value: string; readonly isMade: boolean }>;
  readonly steps: readonly SetupStep[];
}

const RANDOM_BYTES = 32;

/** Gathers a channel's settings: answers first, then what is there, then what a person says. @throws CLI_ANSWERS_INVALID, Interrupted */
export async function collectSettings(options: CollectOptions): Promise<CollectedSettings> {
  const { entry, provider, answers } = options;
  checkAnswers(options);
  const steps: SetupStep[] = [...unasked(options)];
  const given = (name: string): string | undefined => takeAnswer(answers, name, entry.type)?.value;
  const config: Record<string, string> = {};
  const whole = (): JsonObject => ({ ...provider.config, ...config });
  for (const setting of entry.settings) {
    const known = textOf(provider.config[setting.name]);
    const value = given(setting.name) ?? (await askSetting(setting, { ...options, config: whole(), known }));
    if (value !== undefined && value !== "" && value !== known) config[setting.name] = value;
    else if (known === undefined && isNeeded(setting, whole()))
      steps.push(waitsFor(`config.${setting.name}`, setting, provider));
  }
  if (!options.hasAddress && entry.setup?.isReached(whole()) === true && whole()["public_base_url"] === undefined) {
    const url = given("public_base_url") ?? (await askAddress(options));
    if (url !== undefined && url !== "") config["public_base_url"] = url;
  }
  return { settings: config, config: whole(), steps };
}

/** Tells whether a channel with these settings waits for a secret that only a person can bring. */
export async function lacksSecret(config: JsonObject, { entry, answers, secret }: CollectOptions): Promise<boolean> {
  for (const one of entry.secrets) {
    if (!isNeeded(one, config) || one.generate !== undefined) continue;
    if (takeAnswer(answers, one.name, entry.type) === undefined && (await secret(one.name)) === "") return true;
  }
  return false;
}

/** Gathers the secrets of a channel with these settings: answers first, then what is kept, then what a person says, then chance. */
export async function collectSecrets(config: JsonObject, options: CollectOptions): Promise<CollectedSecrets> {
  const { entry, provider, answers } = options;
  const steps: SetupStep[] = [];
  const secrets = new Map<string, { value: string; isMade: boolean }>();
  for (const secret of entry.secrets) {
    const known = await options.secret(secret.name);
    const answer = takeAnswer(answers, secret.name, entry.type)?.value;
    const value = answer ?? (await askSecret(secret, { ...options, config, known }));
    if (value !== undefined && value !== known) secrets.set(secret.name, { value, isMade: false });
    if (value !== undefined || known !== "" || !isNeeded(secret, config)) continue;
    if (secret.generate !== undefined)
      secrets.set(secret.name, { value: secret.generate(options.random(RANDOM_BYTES)), isMade: true });
    else steps.push(waitsFor(secret.name, secret, provider));
  }
  return { secrets, steps };
}

/** Refuses answers without their question's form. The value isn't told. */
function checkAnswers({ entry, provider, answers }: CollectOptions): void {
  for (const question of [...entry.settings, ...entry.secrets, PUBLIC_BASE_URL]) {
    const answer = takeAnswer(answers, question.name, entry.type);
    if (answer !== undefined && !isAnswer(question, answer.value))
      throw new GreenticError(
        "CLI_ANSWERS_INVALID",
        `Read answers at ${placeOf(answer.at)}: ${question.name} of ${quote(provider.name)}: expected ${question.form?.words ?? "a text"}`,
      );
  }
}

async function askAddress({ prompts }: CollectOptions): Promise<string | undefined> {
  if (prompts === undefined) return undefined;
  return askUntilFits(PUBLIC_BASE_URL, {
    prompts,
    kept: " (https://…, Enter to skip)",
    isHidden: false,
    canSkip: true,
  });
}

/** An answer by the question's name, or without the platform's: `bot_token` for `telegram_bot_token`. */
function takeAnswer(answers: ChannelAnswers | undefined, name: string, type: string): Answer | undefined {
  const short = name.startsWith(`${type}_`) ? name.slice(type.length + 1) : name;
  return answers?.values.get(name) ?? answers?.values.get(short);
}

/** Answers to no question: a mistake in a file of ours, and what the public tools write down beside. */
function unasked({ answers, entry, provider }: CollectOptions): readonly SetupStep[] {
  if (answers === undefined) return [];
  const names = [...entry.settings, ...entry.secrets, PUBLIC_BASE_URL].flatMap(({ name }) => [
    name,
    ...(name.startsWith(`${entry.type}_`) ? [name.slice(entry.type.length + 1)] : []),
  ]);
  const unknown = [...answers.values].filter(([name]) => !names.includes(name));
  const [first] = unknown;
  if (first === undefined) return [];
  if (!answers.isPublic)
    throw new GreenticError(
      "CLI_ANSWERS_INVALID",
      `Read answers at ${placeOf(first[1].at)}: ${quote(provider.name)} has no question ${quote(first[0])}${didYouMean(first[0], names)}`,
    );
  return [{ state: "ok", what: `not asked here, and left out: ${unknown.map(([name]) => name).join(", ")}` }];
}

/** A setting's value in one text, as questions are answered; undefined where there is none. */
function textOf(value: JsonValue | undefined): string | undefined {
  if (value === undefined || value === null) return undefined;
  return Array.isArray(value) ? value.join(" ") : typeof value === "object" ? JSON.stringify(value) : String(value);
}

function waitsFor(what: string, { title }: ChannelQuestion, { name }: BundleProvider): SetupStep {
  return {
    state: "failed",
    what: `waits for ${what}: ${title}`,
    code: "CLI_SETUP_INCOMPLETE",
    how: `answer it in a terminal, or below ${name} in the file of --answers`,
  };
}

interface Asking extends CollectOptions {
  readonly config: JsonObject;
}

async function askSetting(
  setting: ChannelQuestion,
  { prompts, isAdvanced, isUpdate, config, known }: Asking & { readonly known: string | undefined },
): Promise<string | undefined> {
  if (prompts === undefined) return undefined;
  const isAsked = known === undefined ? isAdvanced || isNeeded(setting, config) : isUpdate;
  if (!isAsked) return undefined;
  const kept = known !== undefined ? ` [${known}]` : isNeeded(setting, config) ? "" : " (Enter to skip)";
  return askUntilFits(setting, { prompts, kept, isHidden: false, canSkip: kept !== "" });
}

async function askSecret(
  secret: ChannelSecret,
  { prompts, isAdvanced, isUpdate, config, known }: Asking & { readonly known: string },
): Promise<string | undefined> {
  if (prompts === undefined) return undefined;
  const isMade = secret.generate !== undefined;
  const isAsked = known !== "" ? isUpdate : isNeeded(secret, config) ? !isMade || isAdvanced : isAdvanced;
  if (!isAsked) return undefined;
  const kept =
    known !== ""
      ? " [kept; Enter keeps it]"
      : isMade
        ? " (Enter makes one)"
        : isNeeded(secret, config)
          ? ""
          : " (Enter to skip)";
  return askUntilFits(secret, { prompts, kept, isHidden: true, canSkip: kept !== "" });
}

async function askUntilFits(
  question: ChannelQuestion,
  { prompts, kept, isHidden, canSkip }: { prompts: Prompts; kept: string; isHidden: boolean; canSkip: boolean },
): Promise<string | undefined> {
  for (;;) {
    const value = await prompts.ask(`  ${question.title}${kept}: `, { isHidden });
    if (value === "" && canSkip) return undefined;
    if (value !== "" && isAnswer(question, value)) return value;
    prompts.say(`    expected ${question.form?.words ?? "a text"}`);
  }
}
