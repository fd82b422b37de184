/**
 * Answers to set-up's questions, as a file: objects by the channel's name, values by the question's.
 *   telegram: { telegram_bot_token: { env: TELEGRAM_TOKEN }, mode: webhook }
 * Public tools key them by provider id (`messaging-telegram: { enabled, public_base_url, bot_token }`), maybe below `answers`.
 */
import { readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { builtInType, packNameOf, readJson, readYaml } from "../../config/index.ts";
import type { BundleProvider, Environment, SourceDocument, SourceRules } from "../../config/index.ts";
import { didYouMean, GreenticError, isJsonObject, quote } from "../../types/index.ts";
import type { JsonObject, JsonValue, SourcePosition } from "../../types/index.ts";

/** One answer and where it stands. */
export interface Answer {
  readonly value: string;
  readonly at: SourcePosition;
}

/** What a file says of one channel. */
export interface ChannelAnswers {
  readonly isEnabled: boolean;
  /** By the names that stand there. */
  readonly values: ReadonlyMap<string, Answer>;
  /** Whether it is keyed as the public tools do: they write down more than is asked here. */
  readonly isPublic: boolean;
}

/** A file of answers, or the lack of one. */
export interface SetupAnswers {
  of(provider: BundleProvider): ChannelAnswers | undefined;
}

/** No answers. */
export const NO_ANSWERS: SetupAnswers = { of: () => undefined };

const RULES: SourceRules = {
  doing: "Read answers",
  syntaxInvalid: "CLI_ANSWERS_INVALID",
  keyUnknown: "CLI_ANSWERS_INVALID",
};
/** What public provider ids begin with. */
const PROVIDER_ID = /^(?:messaging|events)-/;
/** How the public tools' own form of a document begins. */
const DOCUMENT_KEYS = ["wizard_id", "schema_id", "schema_version"];

/** Reads a file of answers, JSON by its ending, else YAML. @throws CLI_ANSWERS_INVALID with positions, CLI_FILE_MISSING */
export function readAnswers(
  file: string,
  { cwd, environment, providers }: { cwd: string; environment: Environment; providers: readonly BundleProvider[] },
): SetupAnswers {
  const document = readDocument(file, cwd);
  const whole = document.value;
  if (!isJsonObject(whole)) throw invalid("expected an object by channel", document.positionOf([]));
  const isWrapped = DOCUMENT_KEYS.some((key) => key in whole) && isJsonObject(whole["answers"] ?? null);
  const path = isWrapped ? ["answers"] : [];
  const root = (isWrapped ? whole["answers"] : whole) as JsonObject;
  const found = new Map<BundleProvider, ChannelAnswers>();
  for (const [key, section] of Object.entries(root)) {
    const at = document.positionOf([...path, key]);
    const meant = providers.filter((provider) => isMeant(key, provider));
    if (meant.length === 0) {
      const names = providers.map(({ name }) => name);
      throw invalid(`the bundle has no channel ${quote(key)}, it has ${names.join(", ")}${didYouMean(key, names)}`, at);
    }
    if (!isJsonObject(section)) throw invalid(`expected an object for ${quote(key)}`, at);
    const answers = readSection(section, { document, path: [...path, key], environment });
    for (const provider of meant)
      found.set(provider, { ...answers, isPublic: isWrapped || key !== provider.name || PROVIDER_ID.test(key) });
  }
  return { of: (provider) => found.get(provider) };
}

function readDocument(file: string, cwd: string): SourceDocument {
  let text: string;
  try {
    text = readFileSync(resolve(cwd, file), "utf8");
  } catch (error) {
    throw new GreenticError("CLI_FILE_MISSING", `Read answers: ${quote(basename(file))} can't be read`, {
      cause: error,
    });
  }
  try {
    return file.endsWith(".json") ? readJson(text, file, RULES) : readYaml(text, file, RULES);
  } catch (error) {
    if (!(error instanceof GreenticError) || error.at === undefined) throw error;
    // The reader's own words may quote what stands there.
    throw invalid(`malformed ${file.endsWith(".json") ? "JSON" : "YAML"}`, error.at);
  }
}

/** A section is for the channel of that name, else for those of that provider pack or platform. */
function isMeant(key: string, { name, type, pack }: BundleProvider): boolean {
  if (key === name) return true;
  if (pack !== undefined && packNameOf(pack) === key) return true;
  return type !== undefined && (key === type || builtInType(key) === type);
}

interface Section {
  readonly document: SourceDocument;
  readonly path: readonly string[];
  readonly environment: Environment;
}

function readSection(section: JsonObject, from: Section): Omit<ChannelAnswers, "isPublic"> {
  const values = new Map<string, Answer>();
  for (const [name, value] of Object.entries(section)) {
    if (name === "enabled" || value === null) continue;
    const at = from.document.positionOf([...from.path, name]);
    values.set(name, { value: readValue(value, { name, at, environment: from.environment }), at });
  }
  return { isEnabled: section["enabled"] !== false, values };
}

/** A text, a number, a switch, texts, or `{ env: NAME }`, so that a file need not hold secrets. The value is in no error. */
function readValue(
  value: JsonValue,
  { name, at, environment }: { name: string; at: SourcePosition; environment: Environment },
): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value.join(" ");
  const variable = isJsonObject(value) && Object.keys(value).length === 1 ? value["env"] : undefined;
  if (typeof variable !== "string")
    throw invalid(`expected a text, a list of texts or { env: NAME } for ${quote(name)}`, at);
  const found = environment[variable];
  if (found === undefined || found === "")
    throw invalid(`${quote(name)}: the environment has no ${quote(variable)}`, at);
  return found;
}

function invalid(what: string, at: SourcePosition): GreenticError {
  return new GreenticError("CLI_ANSWERS_INVALID", `Read answers at ${placeOf(at)}: ${what}`);
}

/** Says a place in words. An error that had it as its place would be shown with the line, in which a secret may stand. */
export function placeOf({ file, line, column }: SourcePosition): string {
  return `${file}:${line}:${column}`;
}
