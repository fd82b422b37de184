/** The built-in channels: what each needs is read here by `gtc doctor`, by the host's warnings and by set-up. */
import type { ChannelType } from "../../config/index.ts";
import { CHANNEL_TYPES } from "../../config/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import type { ChannelQuestion, ProviderEntry } from "./entry.ts";
import { github } from "./github/entry.ts";
import { email } from "./email/entry.ts";
import { slack } from "./slack/entry.ts";
import { stripe } from "./stripe/entry.ts";
import { teams } from "./teams/entry.ts";
import { telegram } from "./telegram/entry.ts";
import { timer } from "./timer/entry.ts";
import { webchat } from "./webchat/entry.ts";
import { webex } from "./webex/entry.ts";
import { webhookIn } from "./webhook-in/entry.ts";
import { webhookOut } from "./webhook-out/entry.ts";
import { whatsapp } from "./whatsapp/entry.ts";

const ENTRIES: Readonly<Record<ChannelType, ProviderEntry>> = {
  webchat,
  telegram,
  slack,
  "webhook-out": webhookOut,
  whatsapp,
  teams,
  webex,
  "webhook-in": webhookIn,
  github,
  stripe,
  timer,
  email,
};

/** Every built-in channel, in the order in which they are shown. */
export const PROVIDERS: readonly ProviderEntry[] = CHANNEL_TYPES.map((type) => ENTRIES[type]);

/** The entry of a platform. */
export function providerOf(type: ChannelType): ProviderEntry {
  return ENTRIES[type];
}

/** Tells whether a channel with these settings can't do without something. */
export function isNeeded({ isRequired }: ChannelQuestion, config: JsonObject): boolean {
  return typeof isRequired === "boolean" ? isRequired : isRequired(config);
}

/** Says what is wrong with a channel's settings, each as `config.{name}: expected …`; empty where nothing is. Values aren't shown. */
export function checkSettings(entry: ProviderEntry, config: JsonObject): readonly string[] {
  const problems: string[] = [];
  for (const setting of entry.settings) {
    const { name, form } = setting;
    const value = config[name];
    if (value === undefined) {
      if (isNeeded(setting, config)) problems.push(`config.${name}: expected ${form?.words ?? "a text"}, got nothing`);
    } else if (!isAnswer(setting, value)) {
      problems.push(`config.${name}: expected ${form?.words ?? "a text"}`);
    }
  }
  return [...problems, ...(entry.problemsIn?.(config) ?? [])];
}

/** Tells whether a value has the form that a question asks for. */
export function isAnswer(question: ChannelQuestion, value: JsonValue): boolean {
  const { form } = question;
  return partsOf(question, value).every((part) => typeof part === "string" && (form?.pattern.test(part) ?? true));
}

/** The texts that a setting's form is for. */
function partsOf({ shape }: ChannelQuestion, value: JsonValue): readonly JsonValue[] {
  if (shape === "switch" && typeof value === "boolean") return [String(value)];
  if (shape !== "list") return [value];
  return Array.isArray(value) ? value : typeof value === "string" ? value.split(/[\s,]+/) : [value];
}
