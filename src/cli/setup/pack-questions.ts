import { readJson, readYaml } from "../../config/index.ts";
import type { ChannelQuestion, ChannelSecret, PackOperator } from "../../messaging/index.ts";
import type { Pack } from "../../pack/index.ts";
import { compilePattern } from "../../runner/index.ts";
import { canonicalSecretName } from "../../secrets/index.ts";
import { isJsonObject } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";

/** What a provider pack asks, as channels ask it. */
export interface PackQuestions {
  readonly settings: readonly ChannelQuestion[];
  readonly secrets: readonly ChannelSecret[];
  /** How the pack asks for a secret that is kept by another name. */
  readonly spelled: ReadonlyMap<string, string>;
}

const FILES = ["assets/setup.yaml", "assets/setup.yml", "assets/setup.json"];
const MAX_QUESTIONS = 200;

/** Reads a pack's questions: those of its `assets/setup.yaml`, else its component's own. @throws CONFIG_SYNTAX_INVALID, MESSAGING_PROVIDER_FAILED */
export async function readPackQuestions(pack: Pack, operator: PackOperator | undefined): Promise<PackQuestions> {
  const file = FILES.find((path) => pack.readText(path) !== undefined);
  const source = file === undefined ? undefined : pack.readText(file);
  if (file !== undefined && source !== undefined) {
    const { value } = file.endsWith(".json") ? readJson(source, file) : readYaml(source, file);
    return sorted(value, pack);
  }
  return sorted(operator?.hasQuestions === true ? await operator.questions("setup") : {}, pack);
}

function sorted(spec: JsonValue, pack: Pack): PackQuestions {
  const list =
    isJsonObject(spec) && Array.isArray(spec["questions"]) ? (spec["questions"] as readonly JsonValue[]) : [];
  const settings: ChannelQuestion[] = [];
  const secrets: ChannelSecret[] = [];
  const spelled = new Map<string, string>();
  for (const one of list.slice(0, MAX_QUESTIONS)) {
    if (!isJsonObject(one)) continue;
    const name = textIn(one["name"]) ?? textIn(one["id"]);
    if (name === undefined || !/^[A-Za-z_][\w.-]{0,127}$/.test(name)) continue;
    const kind = textIn(one["kind"]) ?? textIn(one["type"]) ?? "string";
    const question = questionOf(one, { name, kind });
    if (one["secret"] === true || kind === "secret" || kind === "password") {
      const kept = secretNameOf(name, pack);
      spelled.set(kept, name);
      secrets.push({ ...question, name: kept });
    } else settings.push(question);
  }
  // What a manifest needs is asked for, whether the questions think of it or not.
  for (const name of pack.manifest.secrets.required.map(canonicalSecretName))
    if (!spelled.has(name)) secrets.push({ name, title: name, isRequired: true });
  return { settings, secrets, spelled };
}

function questionOf(one: JsonObject, { name, kind }: { name: string; kind: string }): ChannelQuestion {
  const title = textIn(one["title"]) ?? textIn(one["label"]) ?? name;
  const help = textIn(one["help"]);
  const form = formOf(one, kind);
  return {
    name,
    title: help === undefined ? title : `${title} (${help})`,
    isRequired: one["required"] === true && one["default"] === undefined,
    ...((kind === "bool" || kind === "boolean") && { shape: "switch" as const }),
    ...(form !== undefined && { form }),
  };
}

/** A pack's pattern runs in linear time, whatever it is. */
function formOf(one: JsonObject, kind: string): ChannelQuestion["form"] {
  const rules = isJsonObject(one["validate"] ?? null) ? (one["validate"] as JsonObject) : {};
  const choices = Array.isArray(one["choices"]) ? (one["choices"] as readonly JsonValue[]).map(String) : [];
  if (kind === "choice" && choices.length > 0)
    return { pattern: { test: (value) => choices.includes(value) }, words: `one of ${choices.join(", ")}` };
  if (kind === "bool" || kind === "boolean")
    return { pattern: { test: (value) => value === "true" || value === "false" }, words: "true or false" };
  if (["number", "int", "integer", "float"].includes(kind))
    return { pattern: { test: (value) => value.trim() !== "" && Number.isFinite(Number(value)) }, words: "a number" };
  const regex = textIn(rules["regex"]) ?? textIn(rules["pattern"]);
  if (regex === undefined) return undefined;
  const pattern = compilePattern(regex);
  return { pattern: { test: (value) => pattern.test(value) }, words: `a text that matches ${regex}` };
}

/** Questions ask for `bot_token` where the component reads `TELEGRAM_BOT_TOKEN`. */
function secretNameOf(name: string, pack: Pack): string {
  const own = canonicalSecretName(name);
  const { required, optional } = pack.manifest.secrets;
  const known = [...required, ...optional].map(canonicalSecretName);
  return known.includes(own) ? own : (known.find((one) => one.endsWith(`_${own}`)) ?? own);
}

const textIn = (value: JsonValue | undefined): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;
